// Numbers as people read them.

const plain = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

export const count = (n: number) => plain.format(n);
/** brief is a number in few letters, such as 12K. */
export const brief = (n: number) => (Math.abs(n) < 10 ? fine : Math.abs(n) < 10_000 ? plain : short).format(n);
export const percent = (share: number) =>
  share === 0 ? "none" : share < 0.001 ? "under 0.1 %" : `${fine.format(share * 100)} %`;

export function bytes(n: number): string {
  for (const unit of ["B", "KB", "MB", "GB"]) {
    if (n < 1024) return `${fine.format(n)} ${unit}`;
    n /= 1024;
  }
  return `${fine.format(n)} TB`;
}

/** many is a count with its noun. */
export const many = (n: number, one: string, more = one + "s") => `${count(n)} ${n === 1 ? one : more}`;
