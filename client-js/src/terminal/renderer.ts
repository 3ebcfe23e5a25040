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

/** Emulations of WebGL in software: slower than the DOM, and they take the time of what is emulated on. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

let accelerated: boolean | undefined;

/** Asked once: a context counts against the browser's limit until it is collected. */
function isAccelerated(): boolean {
  accelerated ??= probe();
  return accelerated;
}

function probe(): boolean {
  const context = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (context === null) return false;
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const renderer = info ? String(context.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE.test(renderer);
}
