/** Opens a notebook: one of those in the workspace, or by its path. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Client } from "../../app/client.ts";
import { messageOf } from "../../app/toasts.ts";
import { FormDialog, Icon, KeyHint, Loading, TextField } from "../../ui/index.ts";
import { fromWire, join, normal, shown } from "../files/paths.ts";

/** Notebooks that are listed. */
const MOST = 200;

/** Asks which one. */
export function OpenDialog(props: {
  client: Pick<Client, "search">;
  workspace: string;
  onClose: () => void;
  onOpen: (path: string) => void;
}) {
  const { client, workspace } = props;
  const path = useSignal("");
  const found = useSignal<readonly string[] | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    find(client, workspace, stop.signal).then(
      paths => {
        found.value = paths;
      },
      error => {
        if (!stop.signal.aborted) problem.value = messageOf(error);
      },
    );
    return () => stop.abort();
  }, [client, workspace, found, problem]);
  const typed = path.value.trim();
  const listed = (found.value ?? []).filter(one => one.toLowerCase().includes(typed.toLowerCase()));
  // Part of a name means the first that has it; a whole path is taken as it is.
  const chosen = /^\/|\.ipynb$/.test(typed) ? typed : (listed[0] ?? typed);
  return (
    <FormDialog
      title="Open a notebook"
      action="Open"
      ready={chosen !== ""}
      onSubmit={() => props.onOpen(normal(chosen.startsWith("/") ? chosen : join(workspace, chosen)))}
      onClose={props.onClose}
    >
      <TextField
        label="Path"
        mono
        autoFocus
        placeholder="analysis.ipynb"
        hint="A relative one is taken from the workspace."
        value={path.value}
        onInput={value => {
          path.value = value;
        }}
      />
      {problem.value !== undefined ? (
        <p class="field-error" role="alert">
          {problem.value}
        </p>
      ) : found.value === undefined ? (
        <Loading>Looking for notebooks…</Loading>
      ) : listed.length === 0 ? (
        <p class="muted">
          {found.value.length === 0
            ? "There is no notebook in the workspace."
            : "None in the workspace is called like that."}
        </p>
      ) : (
        <ul class="notebooks-found" aria-label="Notebooks in the workspace">
          {listed.map(one => (
            <li key={one}>
              <button type="button" class="menu-item" onClick={() => props.onOpen(join(workspace, one))}>
                <Icon name="notebooks" />
                <span class="truncate mono">{shown(one)}</span>
                {one === chosen && <KeyHint keys="Enter" />}
              </button>
            </li>
          ))}
        </ul>
      )}
    </FormDialog>
  );
}

async function find(client: Pick<Client, "search">, workspace: string, signal: AbortSignal): Promise<string[]> {
  const paths: string[] = [];
  const all = client.search(workspace, {
    include: ["*.ipynb"],
    exclude: [".ipynb_checkpoints", "node_modules", ".git"],
    signal,
  });
  for await (const entry of all) {
    if (entry.type !== "file") continue;
    paths.push(fromWire(entry.file.rawPath ?? entry.file.path));
    if (paths.length >= MOST) break;
  }
  return paths.sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
}
