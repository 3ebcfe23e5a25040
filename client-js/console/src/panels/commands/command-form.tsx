/** Where a command is written, with its history and what else can be said about it. */

import { type Signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { remembered } from "../../app/settings.ts";
import { parseEnv } from "../../ui/env.ts";
import { Button, KeyHint, TextField } from "../../ui/index.ts";
import { DirectoryField, EnvironmentField } from "../../ui/run-fields.tsx";
import { Select } from "../../ui/select.tsx";
import { TextArea } from "../../ui/text-area.tsx";
import { History } from "./history.ts";
import type { RunOptions } from "./run.ts";

/** What stands in the form. */
export interface Draft {
  readonly command: string;
  /** Empty for a shell of its own. */
  readonly session: string;
  readonly cwd: string;
  readonly env: string;
  readonly stdin: string;
  readonly timeout: string;
}

/** A form with nothing in it. */
export const EMPTY_DRAFT: Draft = { command: "", session: "", cwd: "", env: "", stdin: "", timeout: "" };

const kept = remembered(
  "command-history",
  [],
  (value): value is string[] => Array.isArray(value) && value.every(line => typeof line === "string"),
) as Signal<readonly string[]>;

/** Asks for a command. */
export function CommandForm(props: {
  draft: Signal<Draft>;
  inputRef: { current: HTMLTextAreaElement | null };
  /** The sessions that there are, as far as is known. */
  sessions: readonly string[];
  /** They are looked at. */
  onSessions: () => void;
  onRun: (options: RunOptions) => void;
}) {
  const { draft, inputRef } = props;
  const history = useRef(new History(kept.peek()));
  const more = useSignal(false);
  const { command, session, cwd, env, stdin, timeout } = draft.value;
  const { env: variables, problem: wrongEnv } = parseEnv(env);
  const seconds = timeout.trim() === "" ? undefined : Number(timeout);
  const wrongTimeout = seconds === undefined || (seconds > 0 && seconds < 1e9) ? undefined : "A number of seconds.";
  const set = (change: Partial<Draft>) => {
    draft.value = { ...draft.value, ...change };
  };

  // As high as what is written, up to a bound.
  useLayoutEffect(() => {
    const field = inputRef.current;
    if (field === null) return;
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight + 2, 220)}px`;
  }, [command, inputRef]);

  const run = () => {
    if (command.trim() === "" || wrongEnv !== undefined || wrongTimeout !== undefined) return;
    history.current = history.current.add(command);
    kept.value = history.current.commands;
    props.onRun({ command, session, cwd, env: variables, stdin, timeout: seconds });
    set({ command: "" });
  };
  const walk = (step: { history: History; text: string } | undefined) => {
    if (step === undefined) return;
    history.current = step.history;
    set({ command: step.text });
  };
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => {
    const { value, selectionStart } = event.currentTarget;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) run();
    else if (event.key === "ArrowUp" && !value.slice(0, selectionStart).includes("\n"))
      walk(history.current.older(command));
    else if (event.key === "ArrowDown" && !value.slice(selectionStart).includes("\n")) walk(history.current.newer());
    else return;
    event.preventDefault();
  };

  const said = [cwd, env, stdin, timeout].filter(text => text.trim() !== "").length;
  return (
    <form
      class="commands-form"
      onSubmit={event => {
        event.preventDefault();
        run();
      }}
    >
      <div class="commands-entry">
        <span class="commands-prompt" aria-hidden="true">
          $
        </span>
        <textarea
          ref={inputRef}
          class="commands-input mono"
          rows={1}
          aria-label="Command, a line for the shell"
          placeholder="Run a command"
          value={command}
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          enterkeyhint="go"
          onInput={event => set({ command: event.currentTarget.value })}
          onKeyDown={onKeyDown}
        />
        <div class="commands-session">
          <Select
            label="Where it runs"
            hideLabel
            value={session}
            options={[
              { value: "", title: "shell of its own" },
              // The one that is chosen stays, also when it is gone: then running says so.
              ...new Set([...props.sessions, "default", ...(session === "" ? [] : [session])]),
            ].map(one => (typeof one === "string" ? { value: one, title: `session ${one}` } : one))}
            onOpen={props.onSessions}
            onChange={value => set({ session: value })}
          />
        </div>
        <span class="commands-hint desktop-only muted">
          <KeyHint keys="ArrowUp" /> earlier
        </span>
        <Button
          kind="ghost"
          icon="settings"
          label="Directory, environment, input, time"
          expanded={more.value}
          onClick={() => {
            more.value = !more.value;
          }}
        >
          {said > 0 && !more.value ? said : undefined}
        </Button>
        <Button kind="primary" type="submit" icon="play" disabled={command.trim() === ""} label="Run (Enter)">
          Run
        </Button>
      </div>
      {more.value && (
        <div class="commands-options">
          <DirectoryField value={cwd} onInput={value => set({ cwd: value })} />
          <TextField
            label="At most, in seconds"
            placeholder="as long as it takes"
            value={timeout}
            error={wrongTimeout}
            onInput={value => set({ timeout: value })}
          />
          <EnvironmentField placeholder="NAME=value" value={env} onInput={value => set({ env: value })} />
          <TextArea
            label="Standard input"
            mono
            rows={3}
            placeholder="nothing"
            value={stdin}
            onInput={value => set({ stdin: value })}
          />
        </div>
      )}
    </form>
  );
}
