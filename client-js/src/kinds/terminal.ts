/** `pty.*`: terminals. They belong to the sandbox and outlive their viewers. */

import { type CallOptions, pick } from "./call.ts";
import type { Command, Exit, LaunchOptions } from "./command.ts";
import { Commands } from "./exec.ts";
import { Terminal } from "./terminal/viewer.ts";

/** How large a viewer's screen is. */
export interface TerminalSize {
  /** Columns. */
  readonly cols?: number | undefined;
  /** Rows. */
  readonly rows?: number | undefined;
}

/** How to open a terminal. The default size is 80 by 24. */
export interface CreateTerminalOptions extends LaunchOptions, TerminalSize {
  /** Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated. */
  readonly id?: string | undefined;
  /** What runs in it. Default: the user's login shell. */
  readonly command?: Command | undefined;
  /** TERM. Default: `xterm-256color`. */
  readonly term?: string | undefined;
  /** Lines kept above the screen. Default and upper bound: the server's setting. */
  readonly scrollback?: number | undefined;
  /** When a terminal of that id lives already, attach to it instead of failing. Default: false. */
  readonly reuse?: boolean | undefined;
  /** End the terminal when the last viewer has gone. Default: false. */
  readonly transient?: boolean | undefined;
  /** Detaches when it is aborted. */
  readonly signal?: CallOptions["signal"];
}

/** How to look at a terminal. */
export interface AttachTerminalOptions extends TerminalSize {
  /** Look only: keys and sizes are refused. Default: false. */
  readonly readOnly?: boolean | undefined;
  /** Lines above the screen to paint. Default: all that are kept. */
  readonly scrollback?: number | undefined;
  /** Detaches when it is aborted. */
  readonly signal?: CallOptions["signal"];
}

/** A terminal, as it was when the server was asked. */
export interface TerminalInfo {
  /** Its id. */
  readonly id: string;
  /** Process id of its first program. */
  readonly pid: number;
  /** What runs in it, for people. */
  readonly command: string;
  /** The title that the program set. */
  readonly title: string;
  /** Columns. */
  readonly cols: number;
  /** Rows. */
  readonly rows: number;
  /** Viewers now. */
  readonly viewers: number;
  /** When it was opened. */
  readonly startedAt: Date;
  /** How it ended; absent while it lives. */
  readonly exit?: Exit;
}

/** A terminal's screen. */
export interface TerminalScreen {
  /** What it shows: text, or escape sequences that paint it. */
  readonly content: string;
  /** Columns. */
  readonly cols: number;
  /** Rows. */
  readonly rows: number;
  /** Column of the cursor, from 0. */
  readonly cursorCol: number;
  /** Row of the cursor, from 0. */
  readonly cursorRow: number;
  /** Whether the program uses the alternate screen, as editors and pagers do. */
  readonly alternate: boolean;
}

/** Which part of a screen. */
export interface SnapshotOptions extends CallOptions {
  /** Lines above the screen. Default: 0. */
  readonly scrollback?: number | undefined;
  /** Escape sequences that paint it, instead of plain text. Default: false. */
  readonly ansi?: boolean | undefined;
}

/** Terminals that are opened. */
export class Terminals extends Commands {
  /**
   * Opens a terminal and attaches to it. It goes on when this viewer detaches, or its client leaves.
   *
   * Errors: `TerminalExistsError`, `CommandNotFoundError` …
   *
   * @example
   * ```ts
   * const terminal = await sandbox.createTerminal({ id: "work", command: ["bash", "--norc"], cols: 100, rows: 30 });
   * await terminal.write("stty size; exit 5\r");
   * const decoder = new TextDecoder();
   * for await (const event of terminal) {
   *   if (event.type === "output") console.log(decoder.decode(event.data, { stream: true })); // … 30 100 …
   *   if (event.type === "exit") console.log(event.exitCode); // 5
   * }
   * ```
   */
  createTerminal(options: CreateTerminalOptions = {}): Promise<Terminal> {
    return Terminal.open(
      this.endpoint,
      "pty.open",
      {
        ...this.launch(options.command, options),
        ...pick(options, "id", "cols", "rows", "term", "scrollback", "reuse", "transient"),
      },
      options,
    );
  }

  /** Attaches one more viewer to a terminal: it gets the screen as it is now, then what follows. */
  attachTerminal(id: string, options: AttachTerminalOptions = {}): Promise<Terminal> {
    const params = { id, ...pick(options, "cols", "rows", "read_only", "scrollback") };
    return Terminal.open(this.endpoint, "pty.attach", params, options);
  }
}
