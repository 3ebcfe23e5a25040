/** The icons: paths of 16 by 16 units, drawn with a line of 1.5 in the colour of the text. */

const paths = {
  terminal: "M3 4.5l3.5 3.5L3 11.5M8 12h5",
  files:
    "M2 4.2c0-.7.5-1.2 1.2-1.2h2.9l1.6 1.8h5.1c.7 0 1.2.5 1.2 1.2v5.8c0 .7-.5 1.2-1.2 1.2H3.2c-.7 0-1.2-.5-1.2-1.2z",
  file: "M9 2H4.5c-.6 0-1 .4-1 1v10c0 .6.4 1 1 1h7c.6 0 1-.4 1-1V5.5zM9 2v3.5h3.5",
  processes: "M4.5 4.5h7v7h-7zM6.5 2v2.5M9.5 2v2.5M6.5 11.5V14M9.5 11.5V14M2 6.5h2.5M2 9.5h2.5M11.5 6.5H14M11.5 9.5H14",
  commands: "M9 2L4 9h4l-1 5 5-7H8z",
  ports: "M8 14A6 6 0 108 2a6 6 0 000 12zM2 8h12M8 2c2 1.8 2.6 4 2.6 6s-.6 4.2-2.6 6c-2-1.8-2.6-4-2.6-6S6 3.8 8 2",
  metrics: "M2 13.5h12M4 11V8M7 11V4M10 11V6.5M13 11V9",
  sessions: "M2 3.5h9v7H2zM4 6l1.5 1.2L4 8.5M7 8.5h2M13.5 6v7H5.5",
  notebooks: "M4.5 2h8v12h-8zM4.5 2v12M2.5 4.5h2M2.5 8h2M2.5 11.5h2M7 5.5h3M7 8h3",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5l3.2 3L13 4.5",
  search: "M7 12A5 5 0 107 2a5 5 0 000 10zM10.7 10.7L14 14",
  chevronDown: "M4 6l4 4 4-4",
  chevronRight: "M6 4l4 4-4 4",
  chevronUp: "M4 10l4-4 4 4",
  arrowUp: "M8 13V3M4 7l4-4 4 4",
  arrowDown: "M8 3v10M4 9l4 4 4-4",
  arrowLeft: "M13 8H3M7 4L3 8l4 4",
  arrowRight: "M3 8h10M9 4l4 4-4 4",
  splitRight: "M2.5 3h11v10h-11zM8 3v10",
  splitDown: "M2.5 3h11v10h-11zM2.5 8h11",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  sun: "M8 10.8a2.8 2.8 0 100-5.6 2.8 2.8 0 000 5.6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7",
  moon: "M13.5 9.5A5.8 5.8 0 016.5 2.5a5.8 5.8 0 107 7z",
  keyboard: "M1.5 4h13v8h-13zM4 6.5h.01M6.7 6.5h.01M9.3 6.5h.01M12 6.5h.01M5 9.5h6",
  command:
    "M5.5 5.5h5v5h-5zM5.5 5.5H4.2A1.7 1.7 0 115.5 4zM10.5 5.5V4.2a1.7 1.7 0 111.3 1.3zM10.5 10.5h1.3a1.7 1.7 0 11-1.3 1.3zM5.5 10.5v1.3a1.7 1.7 0 11-1.3-1.3z",
  refresh: "M13 3v3.5H9.5M3 13V9.5h3.5M12.7 6.5A5 5 0 004 5M3.3 9.5A5 5 0 0012 11",
  upload: "M8 10.5V2.5M4.5 6L8 2.5 11.5 6M2.5 11v2.5h11V11",
  download: "M8 2.5v8M4.5 7L8 10.5 11.5 7M2.5 11v2.5h11V11",
  trash: "M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4M6.7 6.5v4.5M9.3 6.5v4.5",
  edit: "M3 13l.6-2.9 7.2-7.2 2.3 2.3-7.2 7.2zM9.3 4.4l2.3 2.3",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 9.8a1.8 1.8 0 100-3.6 1.8 1.8 0 000 3.6z",
  play: "M5 3l8 5-8 5z",
  stop: "M4 4h8v8H4z",
  external: "M9.5 2.5h4v4M13.5 2.5L8 8M11.5 9v4h-9V4.5h4",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  warning: "M8 2l6.5 11.5h-13zM8 6.5v3.5M8 12h.01",
  info: "M8 14A6 6 0 108 2a6 6 0 000 12zM8 7.5V11M8 5h.01",
  signOut: "M6 13.5H2.5v-11H6M10.5 11l3-3-3-3M13.5 8H6",
  link: "M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 014.3 4.3L11.5 9M9 11.5L7.5 13a3 3 0 01-4.3-4.3L4.5 7",
  pause: "M5.5 3v10M10.5 3v10",
  folderPlus:
    "M2 4.2c0-.7.5-1.2 1.2-1.2h2.9l1.6 1.8h5.1c.7 0 1.2.5 1.2 1.2v5.8c0 .7-.5 1.2-1.2 1.2H3.2c-.7 0-1.2-.5-1.2-1.2zM8 7v4M6 9h4",
  lock: "M4 7.5h8v6H4zM5.7 7.5V5.2a2.3 2.3 0 014.6 0v2.3",
  plug: "M6 2v3M10 2v3M4.5 5h7v2.5a3.5 3.5 0 01-7 0zM8 11v3",
  settings:
    "M3 4.5h6M12 4.5h1M3 11.5h1M7 11.5h6M10.5 6a1.5 1.5 0 100-3 1.5 1.5 0 000 3zM5.5 13a1.5 1.5 0 100-3 1.5 1.5 0 000 3z",
} as const;

/** The name of an icon. */
export type IconName = keyof typeof paths;

/** An icon. Decoration: what it means must stand beside it or in the label of its button. */
export function Icon(props: { name: IconName; size?: number }) {
  const { name, size = 16 } = props;
  const filled = name === "play" || name === "stop";
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill={filled ? "currentColor" : "none"}
      stroke={filled ? "none" : "currentColor"}
      stroke-width={name === "more" ? 2.2 : 1.4}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark of the product: two ways on one wire. */
export function Logo(props: { size?: number }) {
  const { size = 24 } = props;
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 32 32"
      fill="none"
      stroke="currentColor"
      stroke-width="2.6"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M5 9.5c6.5 0 6.5 6.5 11 6.5s4.5-6.5 11-6.5M5 22.5c6.5 0 6.5-6.5 11-6.5s4.5 6.5 11 6.5" />
    </svg>
  );
}
