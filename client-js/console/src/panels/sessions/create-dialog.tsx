/** Makes a session. */

import { useSignal } from "@preact/signals";
import type { Client } from "../../app/client.ts";
import { messageOf } from "../../app/toasts.ts";
import { Button, Dialog, Spinner, TextField } from "../../ui/index.ts";
import { Segmented } from "../../ui/segmented.tsx";
import { TextArea } from "../../ui/text-area.tsx";
import { parseEnv } from "../commands/history.ts";
import { idProblem } from "./session-text.ts";

const RENEWALS = [
  { value: "say", title: "Say so once" },
  { value: "renew", title: "Give a fresh one at once" },
] as const;

/** Asks what the session is like, and makes it. */
export function CreateDialog(props: {
  client: Pick<Client, "createSession">;
  onClose: () => void;
  onCreated: (id: string) => void;
}) {
  const form = useSignal({ id: "", cwd: "", shell: "", env: "" });
  const renewal = useSignal<"say" | "renew">("say");
  const busy = useSignal(false);
  const problem = useSignal<string | undefined>(undefined);
  const { id, cwd, shell, env } = form.value;
  const set = (change: Partial<typeof form.value>) => {
    form.value = { ...form.value, ...change };
    problem.value = undefined;
  };
  const wrongId = idProblem(id);
  const { env: variables, problem: wrongEnv } = parseEnv(env);

  const create = async () => {
    if (wrongId !== undefined || wrongEnv !== undefined || busy.value) return;
    busy.value = true;
    try {
      const session = await props.client.createSession({
        ...(id === "" ? {} : { id }),
        ...(cwd === "" ? {} : { cwd }),
        ...(shell === "" ? {} : { shell }),
        env: variables,
        renew: renewal.value === "renew",
      });
      props.onCreated(session.id);
    } catch (error) {
      problem.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  };

  return (
    <Dialog title="New session" onClose={props.onClose}>
      <form
        class="dialog-body"
        onSubmit={event => {
          event.preventDefault();
          void create();
        }}
      >
        <div class="sessions-pair">
          <TextField
            label="Name"
            mono
            autoFocus
            placeholder="made up when empty"
            value={id}
            error={wrongId}
            onInput={value => set({ id: value })}
          />
          <TextField
            label="Shell"
            mono
            placeholder="/bin/bash"
            value={shell}
            onInput={value => set({ shell: value })}
          />
        </div>
        <TextField
          label="First working directory"
          mono
          placeholder="the workspace"
          value={cwd}
          onInput={value => set({ cwd: value })}
        />
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
          <span class="sessions-label" aria-hidden="true">
            When its shell has ended
          </span>
          <Segmented
            label="When its shell has ended"
            choices={RENEWALS}
            value={renewal.value}
            onChange={value => {
              renewal.value = value;
            }}
          />
        </div>
        {problem.value !== undefined && (
          <p class="field-error" role="alert">
            {problem.value}
          </p>
        )}
        <div class="dialog-actions">
          <Button onClick={props.onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={busy.value}>
            {busy.value && <Spinner />}
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
