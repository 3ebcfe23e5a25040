/** The commands that were run before, walked with the arrows as in a shell. */

/** Commands that are remembered. */
const MOST = 200;

/** What stands in the input and where in the history that is. Immutable: each step gives a new one. */
export class History {
  /** Oldest first. */
  readonly commands: readonly string[];
  /** Index of what is shown; the length of `commands` is the line that is being written. */
  readonly #at: number;
  /** What was being written when the walk began: only what begins like it is walked through. */
  readonly #draft: string;

  constructor(commands: readonly string[], at = commands.length, draft = "") {
    this.commands = commands;
    this.#at = at;
    this.#draft = draft;
  }

  /** A command was run. It is the newest now, and stands only once. */
  add(command: string): History {
    const text = command.trim();
    if (text === "") return new History(this.commands);
    return new History([...this.commands.filter(known => known !== text), text].slice(-MOST));
  }

  /** The next older command that begins with what was written; nothing when there is none. */
  older(written: string): { history: History; text: string } | undefined {
    const draft = this.#at === this.commands.length ? written : this.#draft;
    for (let at = this.#at - 1; at >= 0; at -= 1) {
      const text = this.commands[at] as string;
      if (text.startsWith(draft) && text !== written) return { history: new History(this.commands, at, draft), text };
    }
    return undefined;
  }

  /** The next newer one, at the end what was written. */
  newer(): { history: History; text: string } | undefined {
    if (this.#at === this.commands.length) return undefined;
    for (let at = this.#at + 1; at < this.commands.length; at += 1) {
      const text = this.commands[at] as string;
      if (text.startsWith(this.#draft)) return { history: new History(this.commands, at, this.#draft), text };
    }
    return { history: new History(this.commands), text: this.#draft };
  }
}
