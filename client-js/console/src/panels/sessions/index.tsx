/** Sessions: shells whose state lasts from one command to the next. */

import "./sessions.css";
import { useSignal } from "@preact/signals";
import type { SessionInfo } from "../../../../src/kinds/session.ts";
import { useActions } from "../../app/actions.ts";
import type { PanelProps } from "../../app/panels.ts";
import { navigate } from "../../app/routes.ts";
import { isNumber, remembered } from "../../app/settings.ts";
import { useWanted } from "../../app/use-wanted.ts";
import {
  Button,
  type Column,
  EmptyState,
  ErrorState,
  formatAgo,
  ListDetails,
  Loading,
  Panel,
  StatusBadge,
  Table,
} from "../../ui/index.ts";
import { usePoll } from "../../ui/use-poll.ts";
import { CreateDialog } from "./create-dialog.tsx";
import { SessionDetails } from "./details.tsx";
import { stateText } from "./session-text.ts";

/** Milliseconds between two looks: nothing tells of changes, and a list of a few shells costs little. */
const PAUSE = 2000;

/** Part of the height that the table has beside the details. */
const ratio = remembered("sessions-ratio", 0.45, isNumber);

const COLUMNS: readonly Column<SessionInfo>[] = [
  {
    id: "id",
    title: "Name",
    cell: row => <span class="mono">{row.id}</span>,
    sort: row => row.id,
    width: "name",
  },
  {
    id: "cwd",
    title: "Directory",
    cell: row => (
      <span class="mono" title={row.cwd}>
        {row.cwd ?? "–"}
      </span>
    ),
    sort: row => row.cwd ?? "",
    width: "rest",
  },
  { id: "state", title: "State", cell: row => <StatusBadge status={stateText(row)} />, sort: row => row.state },
  {
    id: "shell",
    title: "Shell",
    cell: row => <span class="mono">{row.shell}</span>,
    sort: row => row.shell,
    wideOnly: true,
  },
  {
    id: "commands",
    title: "Commands",
    cell: row => row.commands,
    sort: row => row.commands,
    align: "right",
    wideOnly: true,
  },
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
    title: "Last used",
    cell: row => (row.state === "busy" ? "now" : formatAgo(unused(row))),
    sort: unused,
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
  const wanted = useWanted(props);
  const selected = all.find(session => session.id === wanted);
  const create = () => {
    creating.value = true;
  };

  useActions(active, [
    { id: "sessions.new", title: "New session", group: "Sessions", icon: "plus", keys: ["C"], run: create },
  ]);

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
      ) : (
        <ListDetails
          direction="column"
          label="Height of the table"
          ratio={ratio}
          list={
            <Table
              label="Sessions"
              columns={COLUMNS}
              rows={all}
              keyOf={session => session.id}
              selected={selected?.id}
              onOpen={session => navigate("sessions", [session.id])}
            />
          }
          details={
            selected && (
              <SessionDetails
                key={selected.id}
                client={client}
                session={selected}
                active={active && !creating.value}
                onClose={() => navigate("sessions")}
                onChanged={poll.refresh}
              />
            )
          }
          gone={
            selected === undefined && wanted !== undefined ? `There is no session “${wanted}” any more.` : undefined
          }
        />
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

/** Milliseconds since it was used. */
function unused(session: SessionInfo): number {
  return Math.max(0, Date.now() - session.usedAt.getTime());
}
