// What could not be processed, in words for an operator.

import type { Post } from "../api";
import { many } from "./number";

export interface DeadLetter {
  id: string;
  at: string;
  reason: string;
  source: string;
  key: string;
  frame: string;
  error: string;
  deliveries: number;
  events: number;
  bytes: number;
}

export interface WholeDeadLetter extends DeadLetter {
  content: Post[];
  unreadable: string;
}

const reasons: Record<string, string> = {
  row_refused: "The store refuses it",
  panic: "Judging it failed",
  unreadable: "It is damaged",
  deliveries: "No filter could finish it",
};

/** reasonOf is a reason for people; one that is newer than this page as it is. */
export const reasonOf = (d: DeadLetter) => reasons[d.reason] ?? d.reason.replaceAll("_", " ");

/** nameOf is what a dead letter is: one post, or a frame of several. */
export const nameOf = (d: DeadLetter) => d.key || `${many(d.events, "event")} of ${d.source}`;
