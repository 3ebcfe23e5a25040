/** Starts a process, or one again. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { Process } from "../../../../src/kinds/process/handle.ts";
import type { Processes } from "../../../../src/kinds/process.ts";
import { messageOf } from "../../app/toasts.ts";
import { Button, Dialog, Spinner, TextField } from "../../ui/index.ts";
import { Segmented } from "../../ui/segmented.tsx";
import { TextArea } from "../../ui/text-area.tsx";
import { parseEnv } from "../commands/history.ts";
import { type Launch, rememberLaunch } from "./launches.ts";

const RESTARTS = [
  { value: "never", title: "Never" },
  { value: "on-failure", title: "After a failure" },
  { value: "always", title: "Always" },
] as const;

/** Asks what to start, and starts it. */
export function StartDialog(props: {
  client: Pick<Processes, "startProcess">;
  launch: Launch;
  /** The process that this one takes the place of; it is ended and forgotten first. */
  replaces?: Process | undefined;
  /** What the person should know before. */
  note?: string | undefined;
  onClose: () => void;
  onStarted: (process: Process) => void;
}) {
  const launch = useSignal(props.launch);
  const busy = useSignal(false);
  const problem = useSignal<string | undefined>(undefined);
  const note = useId();
  const { id, command, cwd, env, restart } = launch.value;
  const set = (change: Partial<Launch>) => {
    launch.value = { ...launch.value, ...change };
    problem.value = undefined;
  };
  const wrongEnv = parseEnv(env).problem;
  const wrongId =
    id === "" || /^[A-Za-z0-9._-]{1,128}$/.test(id)
      ? undefined
      : "Letters, digits, dots, dashes and underscores, at most 128.";

  const start = async () => {
    if (command.trim() === "" || wrongEnv !== undefined || wrongId !== undefined || busy.value) return;
    busy.value = true;
    try {
      if (props.replaces !== undefined) await props.replaces.remove({ force: true });
      const process = await props.client.startProcess(command, {
        ...(id === "" ? {} : { id }),
        ...(cwd === "" ? {} : { cwd }),
        env: parseEnv(env).env,
        ...(restart === "never" ? {} : { restart }),
      });
      rememberLaunch({ ...launch.value, id: process.id });
      props.onStarted(process);
    } catch (error) {
      problem.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  };

  return (
    <Dialog
      title={props.replaces === undefined ? "Start a process" : `Start “${props.replaces.id}” again`}
      onClose={props.onClose}
    >
      <form
        class="dialog-body"
        onSubmit={event => {
          event.preventDefault();
          void start();
        }}
      >
        {props.note !== undefined && <p class="dialog-text">{props.note}</p>}
        <TextField
          label="Command"
          mono
          autoFocus
          required
          placeholder="npm run dev"
          hint="A line for the shell."
          value={command}
          onInput={value => set({ command: value })}
        />
        <div class="processes-pair">
          <TextField
            label="Name"
            mono
            placeholder="made up when empty"
            value={id}
            error={wrongId}
            disabled={props.replaces !== undefined}
            onInput={value => set({ id: value })}
          />
          <TextField
            label="Working directory"
            mono
            placeholder="the workspace"
            value={cwd}
            onInput={value => set({ cwd: value })}
          />
        </div>
        <TextArea
          label="Environment"
          mono
          rows={3}
          placeholder={"NODE_ENV=production\nPORT=8080"}
          value={env}
          error={wrongEnv}
          onInput={value => set({ env: value })}
        />
        <div class="field">
          <span class="processes-label" id={note}>
            Start again when it has ended
          </span>
          <Segmented
            label="Start again when it has ended"
            choices={RESTARTS}
            value={restart}
            onChange={value => set({ restart: value })}
          />
        </div>
        {problem.value !== undefined && (
          <p class="field-error" role="alert">
            {problem.value}
          </p>
        )}
        <div class="dialog-actions">
          <Button onClick={props.onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={busy.value || command.trim() === ""}>
            {busy.value && <Spinner />}
            {props.replaces === undefined ? "Start" : "Start again"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
