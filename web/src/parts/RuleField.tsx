import { useRef } from "preact/hooks";
import type { Mistake } from "../api";
import { merge, partsOf, rangesOf, type Range } from "../lib/highlight";
import { Icon } from "./Icon";

interface Props {
  id: string;
  value: string;
  errors: Mistake[];
  warnings: Mistake[];
  change: (value: string) => void;
  submit: () => void;
}

/** placed are the mistakes that stand somewhere in the rule. */
const placed = (list: Mistake[]) => list.filter((m) => m.offset !== undefined);

/** rangeOf is where a mistake is; one without length is at the letter there, or at the last. */
export function rangeOf(value: string, mistake: Mistake): Range {
  const { offset = 0, length = 0 } = mistake;
  const [range] = rangesOf(value, [{ start: offset, end: offset + Math.max(1, length) }]);
  return range ?? { start: Math.max(0, value.length - 1), end: value.length };
}

/** RuleField is where a rule is written: what is wrong is underlined, and told below. */
export function RuleField({ id, value, errors, warnings, change, submit }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const wrong = placed(errors);
  const marks = merge((wrong.length > 0 ? wrong : placed(warnings)).map((m) => rangeOf(value, m)));
  const goTo = (mistake: Mistake) => {
    const { start, end } = rangeOf(value, mistake);
    area.current?.focus();
    area.current?.setSelectionRange(start, end);
  };
  return (
    <>
      <div class="rulefield">
        <div class={wrong.length > 0 ? "behind" : "behind mild"} aria-hidden="true" dir="auto">
          {partsOf(value, marks, false).flatMap((part) => part.pieces.map((p) => (p.marked ? <u>{p.text}</u> : p.text)))}{"\u200b"}
        </div>
        <textarea
          ref={area} id={id} rows={1} dir="auto" value={value} spellcheck={false} autocapitalize="off" autocomplete="off"
          placeholder="coffee OR tea -decaf"
          aria-describedby={`${id}-said`} aria-invalid={errors.length > 0}
          onInput={(e) => change(e.currentTarget.value.replace(/[\r\n]+/g, " "))}
          onKeyDown={(e) => {
            if (e.key !== "Enter" || e.isComposing) return;
            e.preventDefault();
            submit();
          }}
        />
      </div>
      <ul class="mistakes" id={`${id}-said`} aria-live="polite">
        {errors.map((m) => <Said key={m.code + m.offset} mistake={m} bad goTo={goTo} value={value} />)}
        {warnings.map((m) => <Said key={m.code + m.offset} mistake={m} goTo={goTo} value={value} />)}
      </ul>
    </>
  );
}

function Said({ mistake, bad, goTo, value }: { mistake: Mistake; bad?: boolean; goTo: (m: Mistake) => void; value: string }) {
  const range = mistake.offset === undefined ? null : rangeOf(value, mistake);
  const where = range ? value.slice(range.start, range.end) : "";
  return (
    <li class={bad ? "bad" : "mild"}>
      <Icon name="warn" label={bad ? "Error" : "Warning"} />
      <span>
        {where.trim() && <button type="button" class="place" onClick={() => goTo(mistake)} title="Show where"><code dir="auto">{where}</code></button>}
        {mistake.message}{mistake.hint && <span class="hint">{mistake.hint}</span>}
      </span>
    </li>
  );
}
