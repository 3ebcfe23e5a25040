/** The page of the addon's tests: what a test calls by `page.evaluate` stands on `window.bench`. */

import "@xterm/xterm/css/xterm.css";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import { adaptToPolicy } from "../../../console/src/app/policy.ts";
import { connect, type Sandbox } from "../../../src/index.ts";
import { SandwireAddon } from "../../../src/terminal.ts";

adaptToPolicy();

/** How a test wants a terminal. */
export interface TerminalWish {
  /** Its id at the server. */
  readonly id: string;
  /** Attach to one that is there. Default: open it. */
  readonly attach?: boolean;
  readonly readOnly?: boolean;
  /** A line for the shell. Default: a shell without the machine's settings. */
  readonly command?: string;
  /** Of its box, in CSS pixels. Default: 640 by 320. */
  readonly width?: number;
  readonly height?: number;
  readonly clipboard?: { readonly write?: boolean; readonly read?: boolean };
}

/** Terminals of the page, by the name that a test gives. */
const shown = new Map<string, { terminal: Terminal; addon: SandwireAddon; box: HTMLElement; told: string[] }>();
let sandbox: Sandbox | undefined;
let frames = 0;

const bench = {
  violations: [] as string[],

  async connect(): Promise<void> {
    sandbox = await connect(new URL("v1/connect", location.href).href);
  },

  state: () => sandbox?.state.status,

  async open(name: string, wish: TerminalWish): Promise<void> {
    const box = document.createElement("div");
    box.style.width = `${wish.width ?? 640}px`;
    box.style.height = `${wish.height ?? 320}px`;
    document.body.append(box);
    const terminal = new Terminal({ allowProposedApi: true, scrollback: 5000, fontFamily: "monospace", fontSize: 14 });
    const told: string[] = [];
    const addon = new SandwireAddon({
      attach: request => {
        if (sandbox === undefined) throw new Error("not connected");
        if (wish.attach) return sandbox.attachTerminal(wish.id, { ...request, readOnly: wish.readOnly });
        const command = wish.command ?? ["bash", "--norc", "--noprofile"];
        return sandbox.createTerminal({ ...request, id: wish.id, command, env: { PS1: "$ " } });
      },
      readOnly: wish.readOnly ?? false,
      clipboard: wish.clipboard ?? {},
      unicode11: () => new Unicode11Addon(),
      webgl: () => new WebglAddon(),
      onStatus: status => told.push(status.is),
      onTitle: title => told.push(`title ${title}`),
      onBell: () => told.push("bell"),
      onRefused: () => told.push("refused"),
    });
    terminal.loadAddon(addon);
    terminal.open(box);
    shown.set(name, { terminal, addon, box, told });
    void addon.attach();
    terminal.focus();
  },

  /** All lines, also those above the screen, without what is empty at the end. */
  lines(name: string): string[] {
    const { active } = of(name).terminal.buffer;
    const lines: string[] = [];
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row);
      const text = line?.translateToString(true) ?? "";
      if (line?.isWrapped) lines.push(`${lines.pop() ?? ""}${text}`);
      else lines.push(text);
    }
    while (lines.at(-1) === "") lines.pop();
    return lines;
  },

  /** The widths of the cells of the line that begins with a text. */
  widths(name: string, begin: string): number[] {
    const { active } = of(name).terminal.buffer;
    for (let row = active.length - 1; row >= 0; row--) {
      const line = active.getLine(row);
      const text = line?.translateToString(true) ?? "";
      if (line && text.startsWith(begin)) {
        const cells = Array.from({ length: 20 }, (_, column) => line.getCell(column));
        return cells.filter(cell => cell?.getChars()).map(cell => cell?.getWidth() ?? 0);
      }
    }
    return [];
  },

  cursor: (name: string) => {
    const { active } = of(name).terminal.buffer;
    return { col: active.cursorX, row: active.cursorY };
  },
  size: (name: string) => ({ cols: of(name).terminal.cols, rows: of(name).terminal.rows }),
  told: (name: string) => [...of(name).told],
  status: (name: string) => of(name).addon.status,
  focus: (name: string) => of(name).terminal.focus(),
  modes: (name: string) => ({ ...of(name).terminal.modes }),
  type: (name: string, keys: string) => of(name).addon.type(keys),
  frames: () => frames,

  resize(name: string, width: number, height: number): void {
    const { box } = of(name);
    box.style.width = `${width}px`;
    box.style.height = `${height}px`;
  },
  hide(name: string, hidden: boolean): void {
    of(name).box.style.display = hidden ? "none" : "";
  },
  /** As the browser does when somebody pastes. */
  paste(name: string, text: string): void {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    of(name).terminal.textarea?.dispatchEvent(event);
  },
  /** The middle of a cell, in the page. */
  cell(name: string, column: number, row: number): { x: number; y: number } {
    const { terminal } = of(name);
    const screen = terminal.element?.querySelector(".xterm-screen")?.getBoundingClientRect();
    if (!screen) throw new Error("no screen");
    return {
      x: screen.left + ((column + 0.5) * screen.width) / terminal.cols,
      y: screen.top + ((row + 0.5) * screen.height) / terminal.rows,
    };
  },
  dispose(name: string): void {
    of(name).terminal.dispose();
    of(name).box.remove();
    shown.delete(name);
  },
  clear(): void {
    for (const name of [...shown.keys()]) bench.dispose(name);
  },
  async snapshot(id: string) {
    return sandbox?.snapshotTerminal(id);
  },
  async viewers(id: string): Promise<number | undefined> {
    return (await sandbox?.listTerminals())?.find(terminal => terminal.id === id)?.viewers;
  },
};

/** What tests call. */
export type Bench = typeof bench;

declare global {
  interface Window {
    bench: Bench;
  }
}

function of(name: string) {
  const found = shown.get(name);
  if (!found) throw new Error(`no terminal ${name}`);
  return found;
}

function count(): void {
  frames += 1;
  requestAnimationFrame(count);
}

document.addEventListener("securitypolicyviolation", event => {
  bench.violations.push(`${event.violatedDirective} ${event.sourceFile}:${event.lineNumber}`);
});
window.bench = bench;
count();
