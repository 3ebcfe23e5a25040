/** `pty.*`: terminals from outside, by their ids. */

import { type CallOptions, fromWire, pick } from "../call.ts";
import { exitOf, type WireExit } from "../command.ts";
import type { SnapshotOptions, TerminalInfo, TerminalScreen } from "../terminal.ts";
import { Trees } from "../tree.ts";

type WireInfo = { readonly exit?: WireExit; readonly title?: string };

/** Terminals from outside. */
export class TerminalControl extends Trees {
  /** The terminals, oldest first. Those that have ended are kept for a time. */
  async listTerminals(options?: CallOptions): Promise<TerminalInfo[]> {
    return (await this.call<{ terminals: WireInfo[] }>("pty.list", {}, options)).terminals.map(infoOf);
  }

  /** Ends a terminal: HUP, `grace` milliseconds (default: 2000), KILL. One that has ended is forgotten at once. */
  async closeTerminal(
    id: string,
    options: CallOptions & { readonly grace?: number | undefined } = {},
  ): Promise<TerminalInfo> {
    return infoOf(await this.call("pty.close", { id, grace_ms: options.grace }, options));
  }

  /** Gives a terminal another size. */
  async resizeTerminal(id: string, cols: number, rows: number, options?: CallOptions): Promise<void> {
    await this.call("pty.resize", { id, cols, rows }, options);
  }

  /**
   * What a terminal shows.
   *
   * @example
   * ```ts
   * const terminal = await sandbox.createTerminal({ command: "echo hello; sleep 60" });
   * for await (const event of terminal) if (event.type === "output" && event.data.includes(0x6f)) break;
   * const { content } = await sandbox.snapshotTerminal(terminal.id);
   * console.log(content.trim()); // "hello"
   * ```
   */
  async snapshotTerminal(id: string, options: SnapshotOptions = {}): Promise<TerminalScreen> {
    return fromWire(await this.call("pty.snapshot", { id, ...pick(options, "scrollback", "ansi") }, options));
  }
}

const infoOf = ({ exit, ...info }: WireInfo): TerminalInfo => ({
  title: "",
  ...fromWire<Omit<TerminalInfo, "title" | "exit">>(info),
  ...(exit && { exit: exitOf(exit) }),
});
