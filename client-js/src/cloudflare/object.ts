/** What a call needs of the Durable Object in which it runs: what it is bound to, what it keeps, and whose turn it is. */

import { Mounts } from "./mount/mounts.ts";

/** The object, as the families see it. */
export class ThisObject {
  /** Its id, which no other object has. */
  readonly id: string;
  /** The Worker's bindings and variables. */
  readonly env: unknown;
  /** What outlives the object. */
  readonly storage: SyncKvStorage;
  /** What is mounted in the sandbox. */
  readonly mounts: Mounts;
  /** Whether the container runs. */
  readonly isRunning: () => boolean;
  #life = 0;
  readonly #turns = new Map<string, Promise<unknown>>();

  /** Of an object that was just made. */
  constructor(id: string, env: unknown, storage: SyncKvStorage, isRunning: () => boolean) {
    this.id = id;
    this.env = env;
    this.storage = storage;
    this.isRunning = isRunning;
    this.mounts = new Mounts(env, storage);
  }

  /** Changes when the sandbox is destroyed: what was begun before it is for one that is no more. */
  get life(): number {
    return this.#life;
  }

  /** The sandbox is destroyed. */
  endLife(): void {
    this.#life += 1;
  }

  /** Runs it when everything before it that has the same name has ended, well or not. */
  async inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name);
    const mine = (async () => {
      await before;
      return work();
    })();
    const ended = mine.then(
      () => {},
      () => {},
    );
    this.#turns.set(name, ended);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(name) === ended) this.#turns.delete(name);
    }
  }
}
