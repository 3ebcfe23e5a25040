/** First in, first out, in constant time: JavaScript's `shift` moves all that is behind. */

/** Slots that may be empty at the front before what is behind them is moved: never more than are full. */
const KEEP = 64;

/** A list whose front is emptied slot by slot, and cut off when that is most of it. */
export class Queue<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;

  /** How many entries it has. */
  get length(): number {
    return this.#slots.length - this.#head;
  }

  /** Adds an entry at the end. */
  push(entry: T): void {
    this.#slots.push(entry);
  }

  /** Takes the entry at the front. */
  shift(): T | undefined {
    const entry = this.at(0);
    if (entry === undefined) return undefined;
    this.#slots[this.#head++] = undefined;
    if (this.#head > KEEP && this.#head > this.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  /** The entry so many places behind the front. */
  at(index: number): T | undefined {
    return this.#slots[this.#head + index];
  }

  /** Throws all entries away. */
  clear(): void {
    this.#slots = [];
    this.#head = 0;
  }
}
