/** Whether a sandbox may sleep: it is asked, because only it knows what runs. */

import type { Sandbox } from "../client.ts";
import { begin } from "../kinds/call.ts";

/** What `sandbox.activity` says at once, and whenever it changes. */
interface Activity {
  readonly activity?: {
    /** A command runs, a terminal is open, or a process runs that keeps the sandbox awake. */
    readonly busy: boolean;
    /** Milliseconds since anybody did anything there; looking and watching are nothing. */
    readonly idle_ms: number;
  };
}

/** How a sandbox is asked. Either may hang; it is not waited for longer than the patience of {@link Rest}. */
export interface Questions {
  /** Whether it works. Rejects when that cannot be known: all lanes are taken, it does not answer. */
  isAtWork(): Promise<boolean>;
  /** Resolves when its server answers anything at all to somebody who comes anew. */
  answers(): Promise<true>;
}

/** Milliseconds that a sandbox has for an answer. */
const PATIENCE = 10_000;

/** Times in a row that its server may answer nothing at all, before it is taken for dead. */
const UNANSWERED = 3;

/** Decides whether a sandbox that was quiet may be stopped. */
export class Rest {
  readonly #questions: Questions;
  readonly #patience: number;
  #unanswered = 0;

  /** @param patience - milliseconds for each answer. Default: 10 s. */
  constructor(questions: Questions, patience: number = PATIENCE) {
    this.#questions = questions;
    this.#patience = patience;
  }

  /**
   * Whether it may be stopped: it says that it does not work, or its server is dead. While it only cannot be known what it
   * does it goes on: a stop on a guess would end somebody's work.
   */
  async isDue(): Promise<boolean> {
    const working = await this.#inTime(() => this.#questions.isAtWork());
    const alive = working !== undefined || (await this.#inTime(() => this.#questions.answers())) !== undefined;
    this.#unanswered = alive ? 0 : this.#unanswered + 1;
    return working === false || this.#unanswered >= UNANSWERED;
  }

  /** The answer; nothing when there is none in time. */
  async #inTime<T extends {}>(ask: () => Promise<T>): Promise<T | undefined> {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const late = new Promise<undefined>(resolve => {
      timer = setTimeout(() => resolve(undefined), this.#patience);
    });
    try {
      return await Promise.race([ask(), late]);
    } catch {
      return undefined;
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
  }
}

/**
 * Whether there is work in the sandbox, or was within the last `quiet` milliseconds.
 *
 * @throws when it does not answer.
 */
export async function isAtWork(client: Sandbox, quiet: number): Promise<boolean> {
  // The client's own surface has no need of it.
  const call = begin<never, Activity, object>(client["endpoint"], "sandbox.activity", {}, { timeout: PATIENCE });
  try {
    for (let item = await call.next(); item; item = await call.next()) {
      if (item.type !== "event" || item.event.activity === undefined) continue;
      const { busy, idle_ms: idle } = item.event.activity;
      return busy || idle < quiet;
    }
    throw new Error("the sandbox did not say whether it works");
  } finally {
    call.cancel();
  }
}
