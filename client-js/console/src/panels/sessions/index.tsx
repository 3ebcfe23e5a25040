/** Sessions: shells whose state lasts from one command to the next. */

import "./sessions.css";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { SessionInfo } from "../../../../src/kinds/session.ts";
import { useActions } from "../../app/actions.ts";
import type { PanelProps } from "../../app/panels.ts";
import { navigate } from "../../app/routes.ts";
import { remembered } from "../../app/settings.ts";
import {
  Badge,
  Button,
  type Column,
  EmptyState,
  ErrorState,
  formatDuration,
  Loading,
  Panel,
  SplitPane,
  Table,
} from "../../ui/index.ts";
import { usePoll } from "../../ui/use-poll.ts";
import { CreateDialog } from "./create-dialog.tsx";
import { SessionDetails } from "./details.tsx";
import { stateText } from "./session-text.ts";

/** Milliseconds between two looks: nothing tells of changes, and a list of a few shells costs little. */
const PAUSE = 2000;

/** Part of the height that the table has beside the details. */
const ratio = remembered("sessions-ratio", 0.45, (value): value is number => typeof value === "number");

const COLUMNS: readonly Column<SessionInfo>[] = [
  {
    id: "id",
    title: "Name",
    cell: row => <span class="sessions-name truncate mono">{row.id}</span>,
    sort: row => row.id,
  },
  {
    id: "cwd",
    title: "Directory",
    cell: row => (
      <span class="sessions-cwd truncate mono" title={row.cwd}>
        {row.cwd ?? "–"}
      </span>
    ),
    sort: row => row.cwd ?? "",
  },
  { id: "state", title: "State", cell: row => <State session={row} />, sort: row => row.state },
  {
    id: "shell",
    title: "Shell",
    cell: row => <span class="mono">{row.shell}</span>,
    sort: row => row.shell,
    wideOnly: true,
  },
  { id: "commands", title: "Commands", cell: row => row.commands, sort: row => row.commands, align: "right" },
  {
    id: "queued",
    title: "Waiting",
    cell: row => row.queued,
    sort: row => row.queued,
    align: "right",
    wideOnly: true,
  },
  { id: "lost", title: "Lost", cell: row => row.lost, sort: row => row.lost, align: "right", wideOnly: true },
  {
    id: "used",
    title: "Idle for",
    cell: row => (row.state === "busy" ? "–" : formatDuration(idle(row))),
    sort: idle,
    align: "right",
    wideOnly: true,
  },
];

/** The panel. */
export default function SessionsPanel(props: PanelProps) {
  const { client, active } = props;
  const poll = usePoll(active, PAUSE, signal => client.listSessions({ signal }));
  const creating = useSignal(false);
  const all = poll.data ?? [];
  const [wanted] = props.path;
  // While another panel is shown the address is that panel's.
  const last = useRef(wanted);
  if (active) last.current = wanted;
  const selected = all.find(session => session.id === last.current);
  const create = () => {
    creating.value = true;
  };
  const close = () => navigate("sessions");

  useActions(active, [
    { id: "sessions.new", title: "New session", group: "Sessions", icon: "plus", keys: ["C"], run: create },
  ]);

  const table = (
    <div class="sessions-list">
      <Table
        label="Sessions"
        columns={COLUMNS}
        rows={all}
        keyOf={session => session.id}
        selected={selected?.id}
        onOpen={session => navigate("sessions", [session.id])}
      />
    </div>
  );
  return (
    <Panel
      title="Sessions"
      tools={
        <Button kind="primary" icon="plus" label="New session (C)" onClick={create}>
          New
        </Button>
      }
    >
      {poll.loading ? (
        <Loading>Asking for the sessions…</Loading>
      ) : poll.data === undefined ? (
        <ErrorState title="The sessions cannot be listed" error={poll.error} onRetry={poll.refresh} />
      ) : all.length === 0 ? (
        <EmptyState
          icon="sessions"
          title="No sessions"
          actions={
            <Button kind="primary" icon="plus" onClick={create}>
              New session
            </Button>
          }
        >
          A session is a shell that commands share: its directory, variables and functions last from one to the next. It
          belongs to the sandbox, and goes on when you leave.
        </EmptyState>
      ) : selected === undefined ? (
        <>
          {last.current !== undefined && (
            <p class="sessions-gone" role="status">
              There is no session “{last.current}” any more.
            </p>
          )}
          {table}
        </>
      ) : (
        <div class="sessions-split">
          <SplitPane
            direction="column"
            label="Height of the table"
            ratio={ratio.peek()}
            onRatio={value => {
              ratio.value = value;
            }}
            first={table}
            second={
              <SessionDetails
                key={selected.id}
                client={client}
                session={selected}
                active={active && !creating.value}
                onClose={close}
                onChanged={poll.refresh}
              />
            }
          />
        </div>
      )}
      {creating.value && (
        <CreateDialog
          client={client}
          onClose={() => {
            creating.value = false;
          }}
          onCreated={id => {
            creating.value = false;
            poll.refresh();
            navigate("sessions", [id]);
          }}
        />
      )}
    </Panel>
  );
}

function State(props: { session: SessionInfo }) {
  const { label, tone, detail } = stateText(props.session);
  return (
    <span title={detail}>
      <Badge {...(tone ? { tone } : {})}>{label}</Badge>
    </span>
  );
}

function idle(session: SessionInfo): number {
  return Math.max(0, Date.now() - session.usedAt.getTime());
}
