/** Starts a process, or one again. */

import { useSignal } from "@preact/signals";
import type { Process } from "../../../../src/kinds/process/handle.ts";
import type { Processes } from "../../../../src/kinds/process.ts";
import { parseEnv } from "../../ui/env.ts";
import { idProblem } from "../../ui/id-problem.ts";
import { FormDialog, TextField } from "../../ui/index.ts";
import { DirectoryField, EnvironmentField, NameField } from "../../ui/run-fields.tsx";
import { SegmentedField } from "../../ui/segmented.tsx";
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
  const { id, command, cwd, env, restart } = launch.value;
  const set = (change: Partial<Launch>) => {
    launch.value = { ...launch.value, ...change };
  };
  const { env: variables, problem: wrongEnv } = parseEnv(env);

  const start = async (closed: AbortSignal) => {
    await props.replaces?.remove({ force: true }).catch((error: { code?: unknown }) => {
      // The one before is gone already when the start was refused, and what it was refused for is mended now.
      if (error.code !== "PROCESS_NOT_FOUND") throw error;
    });
    const process = await props.client.startProcess(command, {
      ...(id === "" ? {} : { id }),
      ...(cwd === "" ? {} : { cwd }),
      env: variables,
      ...(restart === "never" ? {} : { restart }),
    });
    rememberLaunch({ ...launch.value, id: process.id });
    if (!closed.aborted) props.onStarted(process);
  };

  return (
    <FormDialog
      title={props.replaces === undefined ? "Start a process" : `Start “${props.replaces.id}” again`}
      action={props.replaces === undefined ? "Start" : "Start again"}
      ready={command.trim() !== "" && idProblem(id) === undefined && wrongEnv === undefined}
      onSubmit={start}
      onClose={props.onClose}
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
      <div class="field-pair">
        <NameField value={id} disabled={props.replaces !== undefined} onInput={value => set({ id: value })} />
        <DirectoryField value={cwd} onInput={value => set({ cwd: value })} />
      </div>
      <EnvironmentField value={env} onInput={value => set({ env: value })} />
      <SegmentedField
        label="Start again when it has ended"
        choices={RESTARTS}
        value={restart}
        onChange={value => set({ restart: value })}
      />
    </FormDialog>
  );
}
