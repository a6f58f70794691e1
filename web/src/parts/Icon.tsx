// Icons: lines of 24 by 24, told apart by shape; every use has words beside it or a label.

const paths = {
  stream: "M3 7q4.5-4 9 0t9 0M3 12q4.5-4 9 0t9 0M3 17q4.5-4 9 0t9 0",
  rules: "M4 5h16l-6.2 7.4v5.4l-3.6 1.7v-7.1z",
  key: "M15.5 3.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM12 12l-8 8M7 17l2.5 2.5M16 8h.01",
  pipeline: "M3 12h4M17 12h4M7 8h10v8H7zM10.5 8v8M13.5 8v8",
  out: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  open: "M13 5h6v6M19 5l-8 8M17 14v5H5V7h5",
  why: "M9.2 9.2a2.9 2.9 0 1 1 4.3 2.5c-1 .6-1.5 1.2-1.5 2.3M12 17.3h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  mute: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM5.8 5.8l12.4 12.4",
  plus: "M12 5v14M5 12h14",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  bin: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  check: "M5 12.5 10 17.5 19.5 7",
  close: "M6 6l12 12M18 6 6 18",
  warn: "M12 4 2.8 19.5h18.4zM12 10v4.5M12 17h.01",
  repost: "M4 12V9a3 3 0 0 1 3-3h10M14 3l3 3-3 3M20 12v3a3 3 0 0 1-3 3H7M10 21l-3-3 3-3",
  reply: "M10 6 4 12l6 6M4 12h9a7 7 0 0 1 7 7",
  feed: "M5 19h.01M5 12a7 7 0 0 1 7 7M5 5a14 14 0 0 1 14 14",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5v15l12-7.5z",
  retry: "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9h.01",
  keyboard: "M3 7h18v10H3zM7 10h.01M11 10h.01M15 10h.01M18 10h.01M7 14h10",
  offline: "M3 3l18 18M2.5 9a15 15 0 0 1 4.8-2.9M11 5.1A15 15 0 0 1 21.5 9M5.8 12.7a10 10 0 0 1 3.6-2.2M15.5 11.2a10 10 0 0 1 2.7 1.5M9 16.2a5 5 0 0 1 6 0M12 19.8h.01",
  stack: "M12 4 3.5 8.5 12 13l8.5-4.5zM3.5 12.5 12 17l8.5-4.5M3.5 16.5 12 21l8.5-4.5",
  database: "M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
  source: "M12 11a1 1 0 1 0 0 2 1 1 0 0 0 0-2zM8.5 15.5a5 5 0 0 1 0-7M15.5 8.5a5 5 0 0 1 0 7M5.6 18.4a9 9 0 0 1 0-12.8M18.4 5.6a9 9 0 0 1 0 12.8",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, label }: { name: IconName; label?: string }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : "true"}>
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M5 12q5.5-5 11 0t11 0M5 20q5.5-5 11 0t11 0" />
    </svg>
  );
}
