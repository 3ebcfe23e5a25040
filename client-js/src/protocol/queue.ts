/** First in, first out, in constant time: JavaScript's `shift` moves all that is behind. */

/** Capacity, in entries, beyond which a queue that ran empty gives its memory back. */
const KEEP = 64;

/** A ring of slots that doubles when it is full. */
export class Queue<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;
  #length = 0;

  /** How many entries it has. */
  get length(): number {
    return this.#length;
  }

  /** Adds an entry at the end. */
  push(entry: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = entry;
    this.#length += 1;
  }

  /** Takes the first entry. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const entry = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length -= 1;
    if (this.#length === 0 && this.#slots.length > KEEP) this.clear();
    return entry;
  }

  /** The entry at this place, counted from the first. */
  at(index: number): T | undefined {
    return index < this.#length ? this.#slots[(this.#head + index) & (this.#slots.length - 1)] : undefined;
  }

  /** Throws everything away. */
  clear(): void {
    this.#slots = [];
    this.#head = 0;
    this.#length = 0;
  }

  #grow(): void {
    const slots = this.#slots;
    this.#slots = slots.slice(this.#head).concat(slots.slice(0, this.#head));
    this.#slots.length = Math.max(4, slots.length * 2);
    this.#head = 0;
  }
}
