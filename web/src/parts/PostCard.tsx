import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Media, Post, Reference, Span } from "../api";
import { webAddress } from "../lib/highlight";
import { full, when } from "../lib/time";
import { now } from "../now";
import { pictures } from "../settings";
import { Icon } from "./Icon";
import { Text } from "./Text";

const networks: Record<string, string> = { bluesky: "Bluesky", mastodon: "Mastodon", twitter: "Twitter", sim: "Generated" };
export const networkName = (post: Post) => networks[post.network ?? ""] ?? post.network ?? "";

/** nameOf is what an author is called. */
export const nameOf = (post: Post) => post.author?.name || post.author?.handle || post.author?.id || "Somebody";

/** long texts are shown to this many letters first. */
const most = 1200;

/** PostCard shows a post as its network's text, never as markup. */
export function PostCard({ post, spans, tools, footer, edited }: { post: Post; spans: Span[]; tools?: ComponentChildren; footer?: ComponentChildren; edited?: boolean }) {
  return (
    <>
      <Heading post={post} spans={spans} edited={edited ?? false} />
      {post.reply_to && <Reply to={post.reply_to} />}
      <Body post={post} spans={spans} />
      {post.quote_of && <Quote quote={post.quote_of} post={post} spans={spans} />}
      <Attachments post={post} spans={spans} />
      {tools}
      {footer}
    </>
  );
}

function Heading({ post, spans, edited }: { post: Post; spans: Span[]; edited: boolean }) {
  const { author } = post;
  const name = nameOf(post);
  const told = post.created_at ?? post.received_at;
  const t = told ? new Date(told) : null;
  const original = webAddress(post.url);
  const time = t && <time dateTime={told} title={full(t)}>{when(t, now.value)}</time>;
  const reposted = post.kind === "repost";
  return (
    <header class="by">
      <span class={"face hue" + hueOf(author?.id ?? name)} aria-hidden="true">{[...name.replace(/^@/, "")][0]?.toUpperCase()}</span>
      <div class="names">
        <p class="who">
          <bdi>{name}</bdi>
          {author?.verified && <span class="badge" title="verified by the network"><Icon name="check" label="verified" /></span>}
        </p>
        <p class="quiet small where">
          {author?.handle && author.handle !== name && (
            <span class="handle"><bdi>@<Text post={post} field="author.handle" text={author.handle} spans={spans} links={false} /></bdi></span>
          )}
          {networkName(post) && <span>{networkName(post)}</span>}
          {time && <span>{original ? <a href={original} target="_blank" rel="noopener noreferrer nofollow">{time}</a> : time}</span>}
          {edited && <span>edited</span>}
        </p>
        {reposted && (
          <p class="quiet small kind"><Icon name="repost" /> reposts {post.repost_of?.author?.handle ? <bdi>@{post.repost_of.author.handle}</bdi> : "another"}</p>
        )}
      </div>
    </header>
  );
}

function Reply({ to }: { to: Reference }) {
  return (
    <p class="quiet small kind clamp">
      <Icon name="reply" /> replies{to.author?.handle ? <> to <bdi>@{to.author.handle}</bdi></> : ""}
      {to.text && <>: <bdi>{to.text}</bdi></>}
    </p>
  );
}

function Body({ post, spans }: { post: Post; spans: Span[] }) {
  const open = useSignal(false);
  const field = post.text ? "text" : "repost_of.text";
  const whole = post.text ?? post.repost_of?.text ?? "";
  if (!whole) return null;
  // Of a repost, the text is that of the reposted post, and either may be named.
  const own = post.text && post.repost_of?.text === post.text
    ? spans.map((s) => (s.field === "repost_of.text" ? { ...s, field } : s))
    : spans;
  const long = whole.length > most && !open.value;
  return (
    <div class="text">
      <p dir="auto" lang={post.langs?.[0]}>
        <Text post={post} field={field} text={long ? shorten(whole) : whole} spans={own} />
        {long && "…"}
      </p>
      {long && <button class="plain" onClick={() => (open.value = true)}>Show all</button>}
      {post.truncated && !long && <p class="quiet small">The text was cut before it came here.</p>}
    </div>
  );
}

/** shorten cuts between two characters. */
const shorten = (text: string) => text.slice(0, most).replace(/[\uD800-\uDBFF]$/, "");

function Quote({ quote, post, spans }: { quote: Reference; post: Post; spans: Span[] }) {
  if (!quote.text && !quote.author?.handle) return null;
  return (
    <blockquote class="quoted">
      {quote.author?.handle && <p class="quiet small"><bdi>@{quote.author.handle}</bdi></p>}
      {quote.text && <p dir="auto"><Text post={post} field="quote_of.text" text={quote.text} spans={spans} /></p>}
    </blockquote>
  );
}

function Attachments({ post, spans }: { post: Post; spans: Span[] }) {
  const covered = useSignal(post.sensitive === true);
  if (!post.media || post.media.length === 0) return null;
  const all = post.media.map((media, i) => ({ media, field: `media[${i}].alt` }));
  const seen = all.filter(({ media }) => isPicture(media));
  const told = all.filter(({ media }) => !isPicture(media));
  return (
    <div class="media">
      {seen.length > 0 && covered.value && (
        <button class="cover" onClick={() => (covered.value = false)}>
          <Icon name="picture" /> {seen.length === 1 ? "A picture" : `${seen.length} pictures`} marked as sensitive. Show
        </button>
      )}
      {seen.length > 0 && !covered.value && (
        <div class={"pictures n" + Math.min(seen.length, 4)}>
          {seen.map(({ media, field }) => <Picture media={media} field={field} post={post} spans={spans} />)}
        </div>
      )}
      {told.map(({ media, field }) => <Attachment media={media} field={field} post={post} spans={spans} />)}
    </div>
  );
}

const isPicture = (media: Media) => media.type === "image" && pictures.value && /^https:/i.test(webAddress(media.url) ?? "");

interface Attached {
  media: Media;
  field: string;
  post: Post;
  spans: Span[];
}

function Picture({ media, field, post, spans }: Attached) {
  const broken = useSignal(false);
  if (broken.value) return <Attachment media={media} field={field} post={post} spans={spans} />;
  return (
    <figure>
      <a href={webAddress(media.url)} target="_blank" rel="noopener noreferrer nofollow" aria-label={media.alt ? undefined : "Picture without a description"}>
        <img src={webAddress(media.url)} alt={media.alt ?? ""} loading="lazy" referrerpolicy="no-referrer" onError={() => (broken.value = true)} />
      </a>
      {media.alt && <figcaption dir="auto" class="small" aria-hidden="true"><Text post={post} field={field} text={media.alt} spans={spans} links={false} /></figcaption>}
    </figure>
  );
}

const words = { image: "Picture", video: "Video", audio: "Audio", link: "Link" };

/** Attachment stands for what is not shown: a link to it, and its description. */
function Attachment({ media, field, post, spans }: Attached) {
  const address = webAddress(media.url);
  return (
    <p class="attachment">
      <Icon name={media.type === "link" ? "open" : "picture"} />
      <span>
        {address ? <a href={address} target="_blank" rel="noopener noreferrer nofollow">{media.type === "link" ? hostOf(address) : words[media.type]}</a> : words[media.type] ?? "Attachment"}
        {media.alt && <>: <bdi><Text post={post} field={field} text={media.alt} spans={spans} links={false} /></bdi></>}
      </span>
    </p>
  );
}

const hostOf = (address: string) => new URL(address).host.replace(/^www\./, "");

/** hueOf gives an author one of eight colours, always the same. */
function hueOf(id: string): number {
  let sum = 0;
  for (const c of id) sum = (sum * 31 + c.codePointAt(0)!) % 997;
  return sum % 8;
}
