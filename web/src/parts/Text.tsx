import type { Post, Span } from "../api";
import { marksIn, partsOf, type Piece } from "../lib/highlight";

const Pieces = ({ pieces }: { pieces: Piece[] }) => <>{pieces.map((p) => (p.marked ? <mark>{p.text}</mark> : p.text))}</>;

/** Text shows a text from a network: always as text, with marks on what matched. */
export function Text({ post, field, text, spans, links = true }: { post: Post; field: string; text: string; spans: Span[]; links?: boolean }) {
  return (
    <>
      {partsOf(text, marksIn(post, field, text, spans), links).map(({ href, pieces }) =>
        href ? (
          <a href={href} target="_blank" rel="noopener noreferrer nofollow">
            <Pieces pieces={pieces} />
          </a>
        ) : (
          <Pieces pieces={pieces} />
        ),
      )}
    </>
  );
}
