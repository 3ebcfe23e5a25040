/** Makes a session. */

import { useSignal } from "@preact/signals";
import type { Client } from "../../app/client.ts";
import { parseEnv } from "../../ui/env.ts";
import { idProblem } from "../../ui/id-problem.ts";
import { FormDialog, TextField } from "../../ui/index.ts";
import { DirectoryField, EnvironmentField, NameField } from "../../ui/run-fields.tsx";
import { SegmentedField } from "../../ui/segmented.tsx";

const RENEWALS = [
  { value: "say", title: "Say so once" },
  { value: "renew", title: "Give a fresh one at once" },
] as const;

const MEANINGS = {
  say: "The next command does not run: whoever sends it learns that directory, variables and functions are lost.",
  renew: "The next command runs in a fresh shell, without the directory, variables and functions of the old one.",
} as const;

interface Form {
  readonly id: string;
  readonly cwd: string;
  readonly shell: string;
  readonly env: string;
  readonly renewal: "say" | "renew";
}

/** Asks what the session is like, and makes it. */
export function CreateDialog(props: {
  client: Pick<Client, "createSession">;
  onClose: () => void;
  onCreated: (id: string) => void;
}) {
  const form = useSignal<Form>({ id: "", cwd: "", shell: "", env: "", renewal: "say" });
  const { id, cwd, shell, env, renewal } = form.value;
  const set = (change: Partial<Form>) => {
    form.value = { ...form.value, ...change };
  };
  const { env: variables, problem: wrongEnv } = parseEnv(env);

  const create = async (closed: AbortSignal) => {
    const session = await props.client.createSession({
      ...(id === "" ? {} : { id }),
      ...(cwd === "" ? {} : { cwd }),
      ...(shell === "" ? {} : { shell }),
      env: variables,
      renew: renewal === "renew",
    });
    if (!closed.aborted) props.onCreated(session.id);
  };

  return (
    <FormDialog
      title="New session"
      action="Create"
      ready={idProblem(id) === undefined && wrongEnv === undefined}
      onSubmit={create}
      onClose={props.onClose}
    >
      <div class="field-pair">
        <NameField autoFocus value={id} onInput={value => set({ id: value })} />
        <TextField label="Shell" mono placeholder="/bin/bash" value={shell} onInput={value => set({ shell: value })} />
      </div>
      <DirectoryField label="First working directory" value={cwd} onInput={value => set({ cwd: value })} />
      <EnvironmentField value={env} onInput={value => set({ env: value })} />
      <SegmentedField
        label="When its shell has ended"
        choices={RENEWALS}
        value={renewal}
        hint={MEANINGS[renewal]}
        onChange={value => set({ renewal: value })}
      />
    </FormDialog>
  );
}
