/** All terminals of the sandbox, also those that others opened: attach, look only, end. */

import type { TerminalInfo } from "../../../../src/index.ts";
import type { Client } from "../../app/client.ts";
import { state } from "../../app/connection.ts";
import { confirm } from "../../app/dialogs.ts";
import { toastError } from "../../app/toasts.ts";
import { Badge, Button, EmptyState, formatDuration, ListDialog } from "../../ui/index.ts";
import { usePoll } from "../../ui/use-poll.ts";
import { tabsOf } from "./layout.ts";
import { layout, type TerminalStore } from "./store.ts";

/** Milliseconds between two looks at the list. */
const PAUSE = 2000;

/** The list, open while it is mounted. */
export function TerminalsDialog(props: { client: Client; store: TerminalStore; onClose: () => void }) {
  const { client, store, onClose } = props;
  // Looking must not wake a sandbox.
  const poll = usePoll(state.value.status !== "asleep", PAUSE, signal => client.listTerminals({ signal }));

  const end = async (terminal: TerminalInfo) => {
    const sure = terminal.exit !== undefined || (await confirmEnd(terminal));
    if (!sure) return;
    try {
      await client.closeTerminal(terminal.id);
    } catch (failure) {
      toastError("The terminal could not be ended", failure);
    }
    poll.refresh();
  };
  const open = (terminal: TerminalInfo, readOnly: boolean) => {
    onClose();
    store.attach(terminal.id, readOnly);
  };
  const here = new Set(tabsOf(layout.value).map(tab => tab.terminal));

  return (
    <ListDialog
      title="Terminals in this sandbox"
      rows={poll.data}
      error={poll.error}
      onRetry={poll.refresh}
      onClose={onClose}
      empty={
        <EmptyState icon="terminal" title="There is none">
          Terminals that anybody opens in this sandbox stand here.
        </EmptyState>
      }
      keyOf={terminal => terminal.id}
      row={terminal => ({
        title: (
          <>
            {terminal.title || terminal.command} {here.has(terminal.id) && <Badge tone="info">here</Badge>}{" "}
            {terminal.exit && <Badge>ended</Badge>}
          </>
        ),
        note: (
          <>
            {terminal.id} · {terminal.cols}×{terminal.rows} · {viewers(terminal.viewers)} ·{" "}
            {formatDuration(Date.now() - terminal.startedAt.getTime())}
          </>
        ),
        tools: (
          <>
            <Button onClick={() => open(terminal, false)}>{here.has(terminal.id) ? "Show" : "Attach"}</Button>
            <Button
              kind="ghost"
              icon="eye"
              label={`Look only at ${terminal.id}`}
              onClick={() => open(terminal, true)}
            />
            <Button kind="ghost" icon="trash" label={`End ${terminal.id}`} onClick={() => void end(terminal)} />
          </>
        ),
      })}
    />
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
