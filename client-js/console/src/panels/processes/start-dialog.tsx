/** Starts a process, or one again. */

import { useSignal } from "@preact/signals";
import type { Process } from "../../../../src/kinds/process/handle.ts";
import type { Processes } from "../../../../src/kinds/process.ts";
import { idProblem } from "../../ui/id-problem.ts";
import { FormDialog, TextField } from "../../ui/index.ts";
import { SegmentedField } from "../../ui/segmented.tsx";
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
  const { id, command, cwd, env, restart } = launch.value;
  const set = (change: Partial<Launch>) => {
    launch.value = { ...launch.value, ...change };
  };
  const wrongEnv = parseEnv(env).problem;
  const wrongId = idProblem(id);

  const start = async () => {
    if (props.replaces !== undefined) await props.replaces.remove({ force: true });
    const process = await props.client.startProcess(command, {
      ...(id === "" ? {} : { id }),
      ...(cwd === "" ? {} : { cwd }),
      env: parseEnv(env).env,
      ...(restart === "never" ? {} : { restart }),
    });
    rememberLaunch({ ...launch.value, id: process.id });
    props.onStarted(process);
  };

  return (
    <FormDialog
      title={props.replaces === undefined ? "Start a process" : `Start “${props.replaces.id}” again`}
      action={props.replaces === undefined ? "Start" : "Start again"}
      ready={command.trim() !== "" && wrongId === undefined && wrongEnv === undefined}
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
      <SegmentedField
        label="Start again when it has ended"
        choices={RESTARTS}
        value={restart}
        onChange={value => set({ restart: value })}
      />
    </FormDialog>
  );
}
