/** The addon for xterm.js: `import { SandwireAddon } from "sandwire/terminal"`. */

export { SandwireAddon, type SandwireAddonOptions, type TerminalStatus } from "./terminal/addon.ts";
export type { ClipboardOptions, Permission } from "./terminal/clipboard.ts";
export { isSafeLink, openLink } from "./terminal/links.ts";
export type { WebglLike } from "./terminal/renderer.ts";
export type { Size } from "./terminal/size.ts";
export type { AttachRequest, Ending, Viewer, ViewerEvent } from "./terminal/viewer.ts";
