// Small charts, drawn here: a path and some bars are less than any library, take
// the page's own colours, and are read out as a sentence.

import { Fragment } from "preact";
import { brief, count } from "../lib/number";
import { clock } from "../lib/time";

/** Days are bars of counts a day, the last one today. */
export function Days({ counts }: { counts: number[] }) {
  const most = Math.max(1, ...counts);
  const wide = 100 / counts.length;
  return (
    <svg class="days" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label={`Matches a day, the last ${counts.length} days: ${counts.map(count).join(", ")}`}>
      {counts.map((n, i) => {
        const height = n === 0 ? 1 : Math.max(2.5, (n / most) * 32);
        return <rect key={i} x={i * wide + wide * 0.12} y={32 - height} width={wide * 0.76} height={height} rx="1"><title>{count(n)}</title></rect>;
      })}
    </svg>
  );
}

export interface Point {
  at: number;
  value: number | null;
}

const width = 300;
const height = 80;

/** pathsOf draws some points: a line through those in a row, interrupted where there is none, and dots for those alone. */
export function pathsOf(points: Point[], from: number, to: number, most: number): { line: string; dots: string } {
  const place = (at: number, value: number) => {
    const x = ((at - from) / Math.max(1, to - from)) * width;
    const y = height - (Math.min(value, most) / most) * (height - 4) - 2;
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  };
  const strokes: string[][] = [[]];
  for (const { at, value } of points) {
    if (value === null) strokes.push([]);
    else strokes.at(-1)!.push(place(at, value));
  }
  return {
    line: strokes.filter((s) => s.length > 1).map((s) => "M" + s.join("L")).join(""),
    dots: strokes.filter((s) => s.length === 1).map((s) => `M${s[0]}h0`).join(""),
  };
}

/** ceiling is a round number that all values are below. */
export function ceiling(values: (number | null)[]): number {
  const most = Math.max(0, ...values.map((v) => v ?? 0));
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= most)!;
}

interface Series {
  name: string;
  points: Point[];
}

/** Lines is a chart over time of one or two series. */
export function Lines({ title, unit, series, from, to, format = brief }: { title: string; unit: string; series: Series[]; from: number; to: number; format?: (n: number) => string }) {
  const most = ceiling(series.flatMap((s) => s.points.map((p) => p.value)));
  const last = (s: Series) => s.points.findLast((p) => p.value !== null)?.value;
  const said = series.map((s) => `${s.name} ${last(s) === undefined ? "unknown" : format(last(s)!)} ${unit}`).join(", ");
  return (
    <figure class="lines">
      <figcaption>
        <strong>{title}</strong>
        {series.map((s, i) => <span key={s.name} class={`key s${i}`}><i aria-hidden="true" />{series.length > 1 && <>{s.name} </>}<b>{last(s) === undefined ? "–" : format(last(s)!)}</b> {unit}</span>)}
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={`${title}, now: ${said}; at most ${format(most)} ${unit} shown`}>
        {[0.25, 0.5, 0.75].map((y) => <line key={y} class="rule-line" x1="0" x2={width} y1={height * y} y2={height * y} />)}
        {series.map((s, i) => {
          const { line, dots } = pathsOf(s.points, from, to, most);
          return <Fragment key={s.name}><path class={`s${i}`} d={line} /><path class={`s${i} alone`} d={dots} /></Fragment>;
        })}
      </svg>
      <p class="axis small quiet" aria-hidden="true"><span>{clock(new Date(from))}</span><span>0 to {format(most)} {unit}</span><span>{clock(new Date(to))}</span></p>
    </figure>
  );
}
