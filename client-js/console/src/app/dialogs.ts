/** Questions to the person, one at a time: `await confirm(…)`, `await prompt(…)`. Drawn by `ui/dialog.tsx`. */

import { type ReadonlySignal, signal } from "@preact/signals";

/** A question that is answered with yes or no. */
export interface Confirm {
  readonly title: string;
  readonly text?: string;
  /** What the button that says yes says, as `Close terminal`. */
  readonly action: string;
  /** Whether yes cannot be undone. Default: false. */
  readonly danger?: boolean;
  /** Another way out, only with {@link choose}: what its button says. */
  readonly other?: string;
}

/** The button that was taken. */
export type Choice = "yes" | "no" | "other";

/** A question that is answered with a line of text. */
export interface Prompt {
  readonly title: string;
  readonly label: string;
  readonly text?: string;
  /** What stands there first. */
  readonly value?: string;
  readonly placeholder?: string;
  readonly action: string;
  /** What is wrong with an answer, or nothing. */
  readonly check?: (value: string) => string | undefined;
}

/** The question that is shown. */
export type Question =
  /** `id`: another one for each question. */
  | { readonly kind: "confirm"; readonly id: number; readonly ask: Confirm; answer(choice: Choice): void }
  | { readonly kind: "prompt"; readonly id: number; readonly ask: Prompt; answer(text: string | undefined): void };

let count = 0;
const open = signal<Question | undefined>(undefined);

/** The question that is shown now. */
export const question: ReadonlySignal<Question | undefined> = open;

/** Asks for a yes. A question that is already open counts as answered with no. */
export async function confirm(ask: Confirm): Promise<boolean> {
  return (await choose(ask)) === "yes";
}

/** As {@link confirm}, with a third button. */
export function choose(ask: Confirm): Promise<Choice> {
  refuse();
  return new Promise(resolve => {
    open.value = { kind: "confirm", id: ++count, ask, answer: settle(resolve) };
  });
}

/** Asks for a line of text; nothing when the person changed their mind. */
export function prompt(ask: Prompt): Promise<string | undefined> {
  refuse();
  return new Promise(resolve => {
    open.value = { kind: "prompt", id: ++count, ask, answer: settle(resolve) };
  });
}

function settle<T>(resolve: (answer: T) => void): (answer: T) => void {
  return answer => {
    open.value = undefined;
    resolve(answer);
  };
}

function refuse(): void {
  const asked = open.value;
  if (asked?.kind === "confirm") asked.answer("no");
  if (asked?.kind === "prompt") asked.answer(undefined);
}
