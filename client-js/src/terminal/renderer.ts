/** The WebGL renderer where it is of use, and the DOM renderer elsewhere. */

import type { IDisposable, ITerminalAddon, Terminal } from "@xterm/xterm";

/** `WebglAddon` of `@xterm/addon-webgl`, by structure, so that it need not be installed. */
export interface WebglLike extends ITerminalAddon {
  readonly onContextLoss: (listener: () => void) => IDisposable;
}

/** Draws with WebGL, unless the machine would do it in software. Gives whether it does. */
export function loadWebgl(terminal: Terminal, make: () => WebglLike): boolean {
  if (!isAccelerated()) return false;
  let addon: WebglLike | undefined;
  try {
    addon = make();
    terminal.loadAddon(addon);
    // A browser takes contexts away (too many, a driver that was started anew): without the addon the DOM renderer is back.
    addon.onContextLoss(() => addon?.dispose());
    return true;
  } catch {
    addon?.dispose();
    return false;
  }
}

/** Software emulation of WebGL is slower than the DOM. */
function isAccelerated(): boolean {
  const context = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  // A context counts against the browser's limit for as long as it is not collected.
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}
