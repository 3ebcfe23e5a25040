/** What a terminal is doing when it is not simply there: drawn above its screen, which stays to be read. */

import { state } from "../../app/connection.ts";
import { messageOf } from "../../app/toasts.ts";
import { Button, Icon, Spinner } from "../../ui/index.ts";
import type { Tab } from "./layout.ts";
import type { TerminalStore } from "./store.ts";
import type { TerminalView } from "./view.ts";

/** Says that the terminal is attaching, has ended, or cannot be shown. */
export function StatusNote(props: { store: TerminalStore; tab: Tab; view: TerminalView }) {
  const { store, tab, view } = props;
  const status = view.status.value;
  return (
    <div class="terminals-notes" role="status">
      {(status.is === "attaching" || status.is === "painting") && state.value.status === "connected" && (
        <div class="floating terminals-note" data-late="true">
          <Spinner />
          <span>{status.is === "attaching" ? "Attaching…" : "Restoring the screen…"}</span>
        </div>
      )}
      {status.is === "ended" && (
        <div class="floating terminals-note">
          <Icon name={status.exitCode === 0 ? "check" : "warning"} />
          <span class="terminals-note-text">{ending(status)}</span>
          <Button onClick={() => store.replace(tab)}>New shell</Button>
          <Button onClick={() => store.detach(tab)}>Close</Button>
        </div>
      )}
      {status.is === "failed" && (
        <div class="floating terminals-note" data-tone="danger">
          <Icon name="warning" />
          <span class="terminals-note-text">{reason(status.error)}</span>
          {!has(status.error, "TERMINAL_NOT_FOUND") && (
            <Button icon="refresh" onClick={() => view.retry()}>
              Try again
            </Button>
          )}
          <Button onClick={() => store.replace(tab)}>New shell</Button>
          <Button onClick={() => store.detach(tab)}>Close</Button>
        </div>
      )}
      {tab.readOnly && status.is === "live" && (
        <div class="floating terminals-note" data-quiet="true">
          <Icon name="eye" />
          Read only
        </div>
      )}
    </div>
  );
}

function ending(status: { exitCode: number | null; signal: string | null }): string {
  if (status.signal !== null) return `The program was ended by ${status.signal}.`;
  return `The program ended with exit code ${status.exitCode}.`;
}

function reason(error: unknown): string {
  if (has(error, "TERMINAL_NOT_FOUND")) return "This terminal is not there any more.";
  // It was looked for again already, and not found.
  if (has(error, "OPERATION_INTERRUPTED"))
    return "The server was started anew. What ran in this terminal is most likely gone.";
  return messageOf(error);
}

function has(error: unknown, code: string): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === code;
}
