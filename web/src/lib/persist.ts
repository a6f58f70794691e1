import { Failure, isAbort } from "../api";
import { Rest } from "./rest";

/**
 * persist does what asks the server something until it is answered. One that has no
 * turn to give (429) is asked again when it said, and nobody is told of it; so is
 * one that is away (503), but tell hears why. After any other failure it gives up.
 */
export async function persist(work: () => Promise<void>, tell: (failure: unknown) => void, signal: AbortSignal) {
  const rest = new Rest();
  while (!signal.aborted) {
    try {
      return await work();
    } catch (failure) {
      if (signal.aborted || isAbort(failure)) return;
      const { status, retryAfter } = failure instanceof Failure ? failure : { status: 0, retryAfter: 0 };
      if (status !== 429) tell(failure);
      if (status !== 429 && status !== 503) return;
      await rest.of((retryAfter || 1) * 1000, signal);
    }
  }
}
