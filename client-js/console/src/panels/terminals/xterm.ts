/** How the terminals of the console look: letters and colours. */

import type { ITerminalOptions, ITheme } from "@xterm/xterm";

/** The letters, as `--mono` in the tokens: xterm.js measures them itself and knows no custom properties. */
const FONT =
  'ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';

/** Lines above the screen that a tab keeps; the server keeps fewer, and sends those after a reload. */
const SCROLLBACK_LINES = 5000;

/** What every terminal is made with. */
export const terminalOptions: ITerminalOptions = {
  // For unicode versions, and for the marks of the search.
  allowProposedApi: true,
  fontFamily: FONT,
  lineHeight: 1.2,
  scrollback: SCROLLBACK_LINES,
  cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  macOptionIsMeta: true,
  rightClickSelectsWord: false,
  // What a program prints in a colour that nobody can read on this ground is made readable.
  minimumContrastRatio: 4.5,
};

/** The colours. The ground is that of the page. */
export const themes: Readonly<Record<"dark" | "light", ITheme>> = {
  dark: {
    background: "#0d0f12",
    foreground: "#dfe3e9",
    cursor: "#e9c48a",
    cursorAccent: "#0d0f12",
    selectionBackground: "#3b4a63",
    selectionInactiveBackground: "#2a323f",
    scrollbarSliderBackground: "#3a424e80",
    scrollbarSliderHoverBackground: "#3a424ecc",
    scrollbarSliderActiveBackground: "#566070",
    black: "#262b33",
    red: "#f2777a",
    green: "#7fcf8f",
    yellow: "#e3b967",
    blue: "#7aaeff",
    magenta: "#c79bf2",
    cyan: "#66cfd6",
    white: "#c8ced8",
    brightBlack: "#6b7584",
    brightRed: "#ff9496",
    brightGreen: "#9fe3ab",
    brightYellow: "#f5d48f",
    brightBlue: "#9dc4ff",
    brightMagenta: "#dab8ff",
    brightCyan: "#8ee6ec",
    brightWhite: "#f4f6f9",
  },
  light: {
    background: "#ffffff",
    foreground: "#1d2228",
    cursor: "#8a5a0b",
    cursorAccent: "#ffffff",
    selectionBackground: "#bcd4f7",
    selectionInactiveBackground: "#dfe6ef",
    scrollbarSliderBackground: "#c4cad380",
    scrollbarSliderHoverBackground: "#c4cad3",
    scrollbarSliderActiveBackground: "#9aa3b0",
    black: "#1d2228",
    red: "#c02a31",
    green: "#127a3d",
    yellow: "#8a6100",
    blue: "#1c5fd1",
    magenta: "#8a3bb8",
    cyan: "#0b7285",
    white: "#6d7683",
    brightBlack: "#5d6673",
    brightRed: "#d6383f",
    brightGreen: "#1a9650",
    brightYellow: "#a97a00",
    brightBlue: "#2f75ea",
    brightMagenta: "#a04fd0",
    brightCyan: "#1089a0",
    brightWhite: "#2b3138",
  },
};
