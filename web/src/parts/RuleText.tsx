import { merge, partsOf, rangesOf } from "../lib/highlight";

/** RuleText shows a rule as it was written, with places in bytes underlined. */
export function RuleText({ value, marks = [] }: { value: string; marks?: { offset: number; length: number }[] }) {
  const ranges = merge(rangesOf(value, marks.map((m) => ({ start: m.offset, end: m.offset + m.length }))));
  return (
    <code class="rule" dir="auto">
      {partsOf(value, ranges, false).flatMap((part) => part.pieces.map((p) => (p.marked ? <u>{p.text}</u> : p.text)))}
    </code>
  );
}
