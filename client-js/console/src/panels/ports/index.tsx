/** Ports: who listens in the sandbox, and what it serves. */

import "./ports.css";
import { useSignal } from "@preact/signals";
import { useActions } from "../../app/actions.ts";
import { confirm, prompt } from "../../app/dialogs.ts";
import type { PanelProps } from "../../app/panels.ts";
import { href, navigate } from "../../app/routes.ts";
import { isNumber, remembered } from "../../app/settings.ts";
import { toastError } from "../../app/toasts.ts";
import { useWanted } from "../../app/use-wanted.ts";
import {
  Badge,
  Button,
  type Column,
  EmptyState,
  ErrorState,
  ListDetails,
  Loading,
  Panel,
  Table,
} from "../../ui/index.ts";
import { usePoll } from "../../ui/use-poll.ts";
import { type PortRow, parsePort, portRows } from "./port-list.ts";
import { type PortActions, Preview } from "./preview.tsx";

/** Milliseconds between two looks. */
const PAUSE = 2000;

const ratio = remembered("ports-ratio", 0.42, isNumber);

const COLUMNS: readonly Column<PortRow>[] = [
  { id: "port", title: "Port", cell: row => <span class="ports-number mono">{row.port}</span>, sort: row => row.port },
  {
    id: "program",
    title: "Program",
    cell: row =>
      row.addresses.length === 0 ? (
        <span class="muted">nobody listens</span>
      ) : (
        <code class="truncate ports-command" title={row.command}>
          {row.command ?? (row.pid === undefined ? "not known" : `process ${row.pid}`)}
        </code>
      ),
    sort: row => row.command ?? "",
  },
  {
    id: "owner",
    title: "Belongs to",
    cell: row => <Owner row={row} />,
    sort: row => row.process ?? row.terminal ?? "",
    wideOnly: true,
  },
  {
    id: "address",
    title: "Address",
    cell: row => (
      <span class="mono ports-addresses truncate" title={row.addresses.join(", ")}>
        {row.addresses.join(", ")}
      </span>
    ),
    wideOnly: true,
  },
  {
    id: "exposed",
    title: "Preview",
    cell: row =>
      row.exposed === undefined ? (
        <span class="muted">–</span>
      ) : (
        <Badge tone="ok">{row.exposed.name ?? "Exposed"}</Badge>
      ),
    sort: row => (row.exposed === undefined ? 1 : 0),
  },
];

/** The panel. */
export default function PortsPanel(props: PanelProps) {
  const { client, active } = props;
  const poll = usePoll(active, PAUSE, signal => client.listPorts({ signal }));
  const busy = useSignal(false);
  const rows = poll.data === undefined ? [] : portRows(poll.data.ports, poll.data.exposed);
  const wanted = parsePort(useWanted(props) ?? "");
  const selected = rows.find(row => row.port === wanted);

  const expose = async (port: number, localHost: boolean) => {
    busy.value = true;
    try {
      await client.exposePort(port, { localHost });
      poll.refresh();
      navigate("ports", [String(port)]);
    } catch (error) {
      toastError(`Port ${port} could not be exposed`, error);
    } finally {
      busy.value = false;
    }
  };
  const actions: PortActions = {
    expose: (port, localHost) => void expose(port, localHost),
    close: () => navigate("ports"),
    unexpose: async row => {
      const yes = await confirm({
        title: `Expose port ${row.port} no more?`,
        text: "Its address stops working at once, and will be another one when it is exposed again.",
        action: "Expose no more",
        danger: true,
      });
      if (!yes) return;
      try {
        await client.unexposePort(row.port);
      } catch (error) {
        toastError(`Port ${row.port} could not be taken back`, error);
      }
      poll.refresh();
    },
  };
  const askPort = async () => {
    const answer = await prompt({
      title: "Expose a port",
      label: "Port",
      text: "Nobody needs to listen on it yet. Whoever knows its host name then reaches the program.",
      placeholder: "3000",
      action: "Expose",
      check: value => (parsePort(value) === undefined ? "A number from 1 to 65535." : undefined),
    });
    const port = answer === undefined ? undefined : parsePort(answer);
    if (port !== undefined) await expose(port, false);
  };

  useActions(active, [
    {
      id: "ports.expose",
      title: "Expose a port",
      group: "Ports",
      icon: "plus",
      keys: ["E"],
      run: () => void askPort(),
    },
    ...(selected === undefined
      ? []
      : [
          {
            id: "ports.close",
            title: "Close the preview",
            group: "Ports",
            keys: ["Escape"],
            hidden: true,
            run: actions.close,
          },
        ]),
  ]);

  const list = (
    <div class="ports-list">
      <Table
        label="Ports"
        columns={
          selected === undefined ? COLUMNS : COLUMNS.filter(column => column.id !== "owner" && column.id !== "address")
        }
        rows={rows}
        keyOf={row => row.port}
        selected={selected?.port}
        onOpen={row => navigate("ports", [String(row.port)])}
      />
      {poll.data?.truncated && <p class="ports-note">There are more ports than can be listed.</p>}
    </div>
  );
  return (
    <Panel
      title="Ports"
      lead={
        rows.length > 0 && <span class="muted">{rows.filter(row => row.addresses.length > 0).length} listening</span>
      }
      tools={
        <Button icon="plus" label="Expose a port (E)" onClick={() => void askPort()}>
          Expose
        </Button>
      }
    >
      {poll.loading ? (
        <Loading>Looking who listens…</Loading>
      ) : poll.data === undefined ? (
        <ErrorState title="The ports cannot be listed" error={poll.error} onRetry={poll.refresh} />
      ) : rows.length === 0 ? (
        <EmptyState icon="ports" title="Nobody listens">
          As soon as a program in the sandbox listens on a TCP port, it stands here, and what it serves can be seen.
        </EmptyState>
      ) : (
        <ListDetails
          direction="row"
          label="Width of the list"
          ratio={ratio}
          list={list}
          details={selected && <Preview key={selected.port} row={selected} busy={busy.value} actions={actions} />}
        />
      )}
    </Panel>
  );
}

function Owner(props: { row: PortRow }) {
  const { process, terminal } = props.row;
  if (process !== undefined) return <a href={href("processes", process)}>{process}</a>;
  if (terminal !== undefined) return <span>a terminal</span>;
  return <span class="muted">–</span>;
}
