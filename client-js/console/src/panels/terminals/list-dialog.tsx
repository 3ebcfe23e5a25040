/** All terminals of the sandbox, also those that others opened: attach, look only, end. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { TerminalInfo } from "../../../../src/index.ts";
import type { Client } from "../../app/client.ts";
import { state } from "../../app/connection.ts";
import { confirm } from "../../app/dialogs.ts";
import { toastError } from "../../app/toasts.ts";
import { Badge, Button, Dialog, EmptyState, ErrorState, formatDuration, Loading } from "../../ui/index.ts";
import { tabsOf } from "./layout.ts";
import { layout, type TerminalStore } from "./store.ts";

/** Milliseconds between two looks at the list. */
const POLL_MS = 2000;

/** The list, open while it is mounted. */
export function ListDialog(props: { client: Client; store: TerminalStore; onClose: () => void }) {
  const { client, store, onClose } = props;
  const list = useSignal<readonly TerminalInfo[] | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        // Looking must not wake a sandbox.
        if (state.value.status !== "asleep") list.value = await client.listTerminals();
        error.value = undefined;
      } catch (failure) {
        error.value = failure;
      }
      if (!stopped) timer = setTimeout(look, POLL_MS);
    };
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [client, list, error]);

  const end = async (terminal: TerminalInfo) => {
    const sure = terminal.exit !== undefined || (await confirmEnd(terminal));
    if (!sure) return;
    try {
      await client.closeTerminal(terminal.id);
      list.value = await client.listTerminals();
    } catch (failure) {
      toastError("The terminal could not be ended", failure);
    }
  };
  const open = (terminal: TerminalInfo, readOnly: boolean) => {
    onClose();
    store.attach(terminal.id, readOnly);
  };
  const here = new Set(tabsOf(layout.value).map(tab => tab.terminal));

  return (
    <Dialog title="Terminals in this sandbox" wide onClose={onClose}>
      {error.value !== undefined ? (
        <ErrorState title="The list cannot be had" error={error.value} />
      ) : list.value === undefined ? (
        <Loading />
      ) : list.value.length === 0 ? (
        <EmptyState icon="terminal" title="There is none">
          Terminals that anybody opens in this sandbox stand here.
        </EmptyState>
      ) : (
        <ul class="terminals-list">
          {list.value.map(terminal => (
            <li key={terminal.id} class="terminals-list-row">
              <div class="terminals-list-text">
                <span class="truncate">
                  {terminal.title || terminal.command} {here.has(terminal.id) && <Badge tone="info">here</Badge>}{" "}
                  {terminal.exit && <Badge>ended</Badge>}
                </span>
                <span class="muted truncate">
                  {terminal.id} · {terminal.cols}×{terminal.rows} · {viewers(terminal.viewers)} ·{" "}
                  {formatDuration(Date.now() - terminal.startedAt.getTime())}
                </span>
              </div>
              <Button onClick={() => open(terminal, false)}>{here.has(terminal.id) ? "Show" : "Attach"}</Button>
              <Button
                kind="ghost"
                icon="eye"
                label={`Look only at ${terminal.id}`}
                onClick={() => open(terminal, true)}
              />
              <Button kind="ghost" icon="trash" label={`End ${terminal.id}`} onClick={() => void end(terminal)} />
            </li>
          ))}
        </ul>
      )}
      <div class="dialog-actions">
        <Button kind="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}

function confirmEnd(terminal: TerminalInfo): Promise<boolean> {
  return confirm({
    title: `End ${terminal.title || terminal.command}?`,
    text: `What runs in it is ended, for its ${viewers(terminal.viewers)}.`,
    action: "End terminal",
    danger: true,
  });
}

function viewers(count: number): string {
  return count === 1 ? "1 viewer" : `${count} viewers`;
}
