/**
 * One viewer of a terminal, in the stock package's protocol: down, binary frames of output, and as text `ready` when the
 * screen is painted, `exit`, `error`; up, binary frames of keys, and as text `resize`.
 */

import type { Terminal, TerminalEvent } from "../../kinds/terminal/viewer.ts";
import type { Context } from "../context.ts";
import { sandboxError } from "../errors.ts";
import { exitCodeOf } from "../exit.ts";
import { inSession } from "../session.ts";
import type { PtyOptions } from "../types.ts";
import { Outgoing, type TerminalSocket } from "./outgoing.ts";

export type { TerminalSocket };

/** Bytes of keys that may wait for a terminal that does not read them: room for what people paste. */
export const MAX_KEYS: number = 1 << 20;

/** Clears everything: the screen is painted anew after it. */
const RESET = new TextEncoder().encode("\x1bc");

/** Shows the terminal of the context's session to one viewer, until either is gone. Never rejects. */
export async function serveTerminal(context: Context, socket: TerminalSocket, options: PtyOptions): Promise<void> {
  const viewer = new Viewer(socket, options);
  try {
    const terminal = await open(context, options);
    await viewer.show(terminal);
  } catch (error) {
    viewer.fail(error);
  }
}

/**
 * The terminal of the session. One that lives is shown at once, whatever runs in the session; one that has ended is never
 * shown again: there is a new one in its place. A new one does not wait for a command that runs in the session, either: then
 * it begins with the session's directory, and without the variables that were exported there.
 */
async function open(context: Context, { cols, rows, shell }: PtyOptions): Promise<Terminal> {
  const { session } = context;
  const client = await context.client();
  const id = `pty-${(session ?? context.id).replace(/[^A-Za-z0-9._-]/g, "_").slice(0, 120)}`;
  const known = await client.listTerminals();
  if (known.some(each => each.id === id && each.exit === undefined)) return client.attachTerminal(id, { cols, rows });
  return inSession(context, client, session, async () => {
    const info = session === undefined ? undefined : await client.getSession(session).info();
    const place =
      info?.state === "idle" || info?.state === "ended" ? { session: info.id } : { cwd: info?.cwd ?? context.cwd };
    // Somebody else may have opened it meanwhile.
    return client.createTerminal({
      id,
      reuse: true,
      cols,
      rows,
      ...(shell !== undefined && { command: [shell] }),
      ...place,
    });
  });
}

class Viewer {
  readonly #socket: TerminalSocket;
  readonly #out: Outgoing;
  #terminal: Terminal | undefined;
  #size: { cols: number; rows: number } | undefined;
  /** Keys go in their order, one after the other; those that were typed before there is a terminal wait for it. */
  #keys: Uint8Array[] = [];
  #waiting = 0;
  #typing = false;
  #gone = false;

  constructor(socket: TerminalSocket, { cols, rows }: PtyOptions) {
    this.#socket = socket;
    this.#out = new Outgoing(socket);
    if (cols && rows) this.#size = { cols, rows };
    socket.addEventListener("message", event => this.#heard((event as { readonly data: unknown }).data));
    socket.addEventListener("close", () => this.#leave());
    socket.addEventListener("error", () => this.#leave());
  }

  /** Shows it to its end, or until the viewer is gone. */
  async show(terminal: Terminal): Promise<void> {
    this.#terminal = terminal;
    if (this.#gone) {
      terminal.detach();
      return;
    }
    const { cols, rows } = this.#size ?? terminal.attached;
    if (cols !== terminal.attached.cols || rows !== terminal.attached.rows) await terminal.resize(cols, rows);
    void this.#type();
    let attached = false;
    for await (const event of terminal) {
      if (event.type === "attached" && attached) await this.#out.bytes(RESET);
      attached = true;
      await this.#tell(event);
      if (this.#gone) return;
    }
  }

  /** Says why there is no terminal, or no more of it. */
  fail(error: unknown): void {
    this.#terminal?.detach();
    if (this.#gone) return;
    const { message } = sandboxError(error, { operation: "process.start" });
    this.#out.text({ type: "error", message });
    this.#close(1011, "the terminal failed");
  }

  async #tell(event: TerminalEvent): Promise<void> {
    if (event.type === "output") {
      if (!(await this.#out.bytes(event.data))) this.#close(1013, "the viewer does not keep up: connect again");
    } else if (event.type === "live") {
      this.#out.text({ type: "ready" });
    } else if (event.type === "exit") {
      const code = exitCodeOf(event) ?? null;
      this.#out.text({ type: "exit", code, ...(event.signal !== null && { signal: event.signal }) });
      this.#close(1000, "the terminal has ended");
    }
  }

  #heard(data: unknown): void {
    this.#out.heard();
    if (typeof data === "string") {
      this.#control(data);
      return;
    }
    const keys = data instanceof Uint8Array ? data : data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
    if (!keys || keys.length === 0) return;
    this.#waiting += keys.length;
    if (this.#waiting > MAX_KEYS) {
      this.#close(1009, "too many keys wait for the terminal");
      return;
    }
    this.#keys.push(keys);
    void this.#type();
  }

  #control(text: string): void {
    let said: { readonly type?: unknown; readonly cols?: unknown; readonly rows?: unknown } | null = null;
    try {
      said = JSON.parse(text);
    } catch {
      // Told below.
    }
    if (said?.type !== "resize") {
      this.#out.text({
        type: "error",
        message: "the message is not known: say {type:'resize',cols,rows}, or send keys",
      });
      return;
    }
    const { cols, rows } = said;
    if (!isSize(cols) || !isSize(rows)) return;
    this.#size = { cols, rows };
    this.#terminal?.resize(cols, rows).catch(() => {});
  }

  async #type(): Promise<void> {
    const terminal = this.#terminal;
    if (!terminal || this.#typing) return;
    this.#typing = true;
    try {
      for (let keys = this.#keys.shift(); keys && !this.#gone; keys = this.#keys.shift()) {
        await terminal.write(keys);
        this.#waiting -= keys.length;
      }
    } catch {
      // What ends the terminal, its events tell.
    } finally {
      this.#typing = false;
    }
  }

  #close(code: number, reason: string): void {
    if (this.#gone) return;
    this.#leave();
    try {
      this.#socket.close(code, reason);
    } catch {
      // It is closed already.
    }
  }

  #leave(): void {
    this.#gone = true;
    this.#keys = [];
    this.#out.leave();
    this.#terminal?.detach();
  }
}

/** A size with a 0 in it comes from a page that is not laid out yet. */
const isSize = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 65_535;
