/** Background processes: what runs, what it uses, what it says. */

import "./processes.css";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { useActions } from "../../app/actions.ts";
import type { PanelProps } from "../../app/panels.ts";
import { navigate } from "../../app/routes.ts";
import { isNumber, remembered } from "../../app/settings.ts";
import { toast, toastError } from "../../app/toasts.ts";
import { useWanted } from "../../app/use-wanted.ts";
import {
  Button,
  type Column,
  EmptyState,
  ErrorState,
  formatBytes,
  formatDuration,
  formatPercent,
  ListDetails,
  Loading,
  MenuButton,
  Panel,
  StatusBadge,
  Table,
  TextField,
} from "../../ui/index.ts";
import { Segmented } from "../../ui/segmented.tsx";
import { ProcessDetails } from "./details.tsx";
import { EMPTY_LAUNCH, type Launch, launchOf } from "./launches.ts";
import { type LiveProcess, useProcesses } from "./live.ts";
import { age, chosen, isAlive, statusText, type Which } from "./process-table.ts";
import { StartDialog } from "./start-dialog.tsx";

/** Part of the height that the table has beside the details. */
const ratio = remembered("processes-ratio", 0.4, isNumber);

const COLUMNS: readonly Column<LiveProcess>[] = [
  {
    id: "id",
    title: "Name",
    cell: row => <span class="mono">{row.id}</span>,
    sort: row => row.id,
    width: "name",
  },
  {
    id: "command",
    title: "Command",
    cell: row => <code title={row.command}>{row.command}</code>,
    sort: row => row.command,
    width: "rest",
    wideOnly: true,
  },
  {
    id: "status",
    title: "Status",
    cell: row => <StatusBadge status={statusText(row)} />,
    sort: row => `${isAlive(row) ? 0 : 1} ${statusText(row).label}`,
  },
  { id: "pid", title: "PID", cell: row => row.pid, sort: row => row.pid, align: "right", wideOnly: true },
  {
    id: "cpu",
    title: "CPU",
    cell: row => (row.cpu === undefined ? <None /> : formatPercent(row.cpu)),
    sort: row => row.cpu ?? -1,
    align: "right",
  },
  {
    id: "memory",
    title: "Memory",
    cell: row => (row.memory === undefined ? <None /> : formatBytes(row.memory)),
    sort: row => row.memory ?? -1,
    align: "right",
  },
  {
    id: "age",
    title: "Age",
    cell: row => formatDuration(age(row, Date.now())),
    sort: row => age(row, Date.now()),
    align: "right",
    wideOnly: true,
  },
  {
    id: "restarts",
    title: "Restarts",
    cell: row => row.restarts,
    sort: row => row.restarts,
    align: "right",
    wideOnly: true,
  },
];

/** The panel. */
export default function ProcessesPanel(props: PanelProps) {
  const { client, active } = props;
  const poll = useProcesses(client, active);
  const filter = useSignal("");
  const which = useSignal<Which>("all");
  const dialog = useSignal<{ launch: Launch; replaces?: LiveProcess; note?: string } | undefined>(undefined);
  const field = useRef<HTMLInputElement>(null);
  const all = poll.data ?? [];
  const rows = chosen(all, which.value, filter.value);
  const wanted = useWanted(props);
  const selected = all.find(row => row.id === wanted);

  const start = () => {
    dialog.value = { launch: EMPTY_LAUNCH };
  };
  const again = (row: LiveProcess) => {
    const launch = launchOf(row.id, row.command);
    const ends = isAlive(row) ? "The running process is ended first. " : "";
    const note = launch
      ? `${ends}Its log so far is thrown away.`
      : `${ends}Its log so far is thrown away. It was not started in this browser, so its environment and restart policy are not known here: say them again if it needs any.`;
    dialog.value = {
      launch: launch ?? { ...EMPTY_LAUNCH, id: row.id, command: row.command, cwd: row.cwd ?? "" },
      replaces: row,
      note,
    };
  };
  const clean = async () => {
    try {
      const count = await client.cleanupCompletedProcesses();
      toast(count === 1 ? "One process was removed" : `${count} processes were removed`, { tone: "ok" });
    } catch (error) {
      toastError("They could not be removed", error);
    }
    poll.refresh();
  };

  useActions(active, [
    { id: "processes.start", title: "Start a process", group: "Processes", icon: "plus", keys: ["C"], run: start },
    ...(selected === undefined
      ? [
          {
            id: "processes.filter",
            title: "Filter processes",
            group: "Processes",
            keys: ["/"],
            run: () => field.current?.focus(),
          },
        ]
      : []),
  ]);

  const showAll = () => {
    filter.value = "";
    which.value = "all";
  };

  const count = (of: Which) => chosen(all, of, "").length;
  const list =
    rows.length === 0 ? (
      <EmptyState icon="search" title="No process fits" actions={<Button onClick={showAll}>Show all</Button>}>
        None of {all.length} has what you are looking for.
      </EmptyState>
    ) : (
      <Table
        label="Processes"
        columns={COLUMNS}
        rows={rows}
        keyOf={row => row.id}
        selected={selected?.id}
        onOpen={row => navigate("processes", [row.id])}
      />
    );
  return (
    <Panel
      title="Processes"
      lead={
        all.length > 0 && (
          <>
            <div class="processes-filter desktop-only">
              <TextField
                label="Filter processes"
                hideLabel
                type="search"
                placeholder="Filter by name or command"
                value={filter.value}
                inputRef={field}
                onInput={value => {
                  filter.value = value;
                }}
              />
            </div>
            <Segmented
              label="Which processes"
              value={which.value}
              onChange={value => {
                which.value = value;
              }}
              choices={[
                { value: "all", title: "All", count: all.length },
                { value: "running", title: "Running", count: count("running") },
                { value: "ended", title: "Ended", count: count("ended") },
              ]}
            />
          </>
        )
      }
      tools={
        <>
          {count("ended") > 0 && (
            <MenuButton
              kind="ghost"
              icon="more"
              label="More for processes"
              items={() => [{ title: "Remove all that have ended", icon: "trash", run: () => void clean() }]}
            />
          )}
          <Button kind="primary" icon="plus" label="Start a process (C)" onClick={start}>
            Start
          </Button>
        </>
      }
    >
      {poll.loading ? (
        <Loading>Asking for the processes…</Loading>
      ) : poll.data === undefined ? (
        <ErrorState title="The processes cannot be listed" error={poll.error} onRetry={poll.refresh} />
      ) : all.length === 0 ? (
        <EmptyState
          icon="processes"
          title="No background processes"
          actions={
            <Button kind="primary" icon="plus" onClick={start}>
              Start a process
            </Button>
          }
        >
          A process started here, or by any other client, goes on when you leave. Its log is kept for you.
        </EmptyState>
      ) : (
        <ListDetails
          direction="column"
          label="Height of the table"
          ratio={ratio}
          list={list}
          details={
            selected && (
              <ProcessDetails
                key={selected.id}
                client={client}
                process={selected}
                active={active && dialog.value === undefined}
                onClose={() => navigate("processes")}
                onAgain={() => again(selected)}
                onChanged={poll.refresh}
              />
            )
          }
          gone={
            selected === undefined && wanted !== undefined ? `There is no process “${wanted}” any more.` : undefined
          }
        />
      )}
      {dialog.value !== undefined && (
        <StartDialog
          client={client}
          launch={dialog.value.launch}
          replaces={dialog.value.replaces?.handle}
          note={dialog.value.note}
          onClose={() => {
            dialog.value = undefined;
          }}
          onStarted={process => {
            dialog.value = undefined;
            poll.refresh();
            navigate("processes", [process.id]);
          }}
        />
      )}
    </Panel>
  );
}

function None() {
  return <span class="muted">–</span>;
}
