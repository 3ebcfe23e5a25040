/** A run as a card: what was run, what it said, how it ended. */

import { useSignal } from "@preact/signals";
import { messageOf } from "../../app/toasts.ts";
import { Badge, Button, formatBytes, formatDuration, Spinner } from "../../ui/index.ts";
import { copyLog } from "../../ui/log/log-pane.tsx";
import { LogView } from "../../ui/log/log-view.tsx";
import { ErrorCode } from "../../ui/states.tsx";
import { exitText } from "../processes/process-table.ts";
import type { CommandRun } from "./run.ts";

/** Height of a row of output, in pixels, and the heights of the output while it is shut and open. */
const ROW = 18;
const SHUT = 12 * ROW;
const OPEN = 34 * ROW;

/** Shows a run. */
export function RunCard(props: { run: CommandRun; onAgain: () => void; onEdit: () => void; onRemove: () => void }) {
  const { run } = props;
  const open = useSignal(false);
  const following = useSignal(true);
  const { output, options } = run;
  const rows = output.entries.length;
  const duration = run.exit?.duration ?? (run.alive ? Date.now() - run.startedAt : undefined);
  return (
    <article class="commands-card" aria-label={`Run of ${options.command}`}>
      <header class="commands-card-header">
        <code class="commands-line" title={options.command}>
          <span class="commands-prompt" aria-hidden="true">
            $
          </span>
          {options.command}
        </code>
        <Outcome run={run} />
        <span class="commands-duration muted tabular">{duration === undefined ? "" : formatDuration(duration)}</span>
        <span class="commands-card-tools">
          {run.alive ? (
            <Button icon="stop" label="Stop it, with all that it started" onClick={() => run.cancel()}>
              <span class="desktop-only">Stop</span>
            </Button>
          ) : (
            <Button kind="ghost" icon="refresh" label="Run it again" onClick={props.onAgain} />
          )}
          <Button kind="ghost" icon="edit" label="Edit and run" onClick={props.onEdit} />
          <Button
            kind="ghost"
            icon="copy"
            label="Copy the output"
            disabled={rows === 0}
            onClick={() => void copyLog(output)}
          />
          <Button
            kind="ghost"
            icon="close"
            label={run.alive ? "End it and take it away" : "Take it away"}
            onClick={props.onRemove}
          />
        </span>
      </header>
      <Circumstances run={run} />
      {output.start > 0 && (
        <p class="commands-note">
          Only the last {formatBytes(output.bytes)} of {formatBytes(output.end)} are kept here.
        </p>
      )}
      {rows > 0 && (
        <div class="commands-output" style={{ height: `${Math.min(open.value ? OPEN : SHUT, rows * ROW + 8)}px` }}>
          <LogView
            label={`Output of ${options.command}`}
            window={output}
            following={following.value}
            onFollow={wanted => {
              following.value = wanted;
            }}
          />
        </div>
      )}
      {rows * ROW > SHUT && (
        <button
          type="button"
          class="commands-more"
          aria-expanded={open.value}
          onClick={() => {
            open.value = !open.value;
          }}
        >
          {open.value ? "Show less" : `Show more of ${rows.toLocaleString("en")} lines`}
        </button>
      )}
      {rows === 0 && run.state === "ended" && <p class="commands-note">It wrote nothing.</p>}
      {run.exit?.shellEnded === true && (
        <p class="commands-note" data-tone="danger" role="alert">
          The shell of its session ended with it: directory, variables and functions of {options.session} are lost.
        </p>
      )}
      {run.state === "failed" && (
        <p class="commands-note" data-tone="danger" role="alert">
          {messageOf(run.error)}
          <ErrorCode error={run.error} />
        </p>
      )}
    </article>
  );
}

function Outcome(props: { run: CommandRun }) {
  const { run } = props;
  if (run.alive) {
    return (
      <span class="badge" data-tone="ok" role="status">
        <Spinner />{" "}
        {run.state === "running" ? "Running" : run.options.session === "" ? "Starting" : "Waiting for its turn"}
      </span>
    );
  }
  if (run.exit !== undefined) {
    const { label, tone, detail } = exitText(run.exit);
    return (
      <span role="status" title={detail}>
        <Badge tone={tone ?? "ok"}>{label}</Badge>
      </span>
    );
  }
  // What was begun and of which nobody heard the end may have done anything.
  const unknown =
    run.pid !== undefined || (run.error as { code?: unknown } | undefined)?.code === "OPERATION_INTERRUPTED";
  return (
    <span role="status">
      <Badge tone={run.state === "cancelled" ? "warn" : "danger"}>
        {run.state === "cancelled" ? "Stopped" : unknown ? "End not known" : "Did not run"}
      </Badge>
    </span>
  );
}

/** Where and with what it ran, when that was said. */
function Circumstances(props: { run: CommandRun }) {
  const { session, cwd, env, stdin, timeout } = props.run.options;
  const names = Object.keys(env);
  const parts = [
    session !== "" && `in the session ${session}`,
    cwd !== "" && `in ${cwd}`,
    names.length > 0 && `with ${names.join(", ")}`,
    stdin !== "" && `${formatBytes(new TextEncoder().encode(stdin).length)} of input`,
    timeout !== undefined && `at most ${timeout} s`,
  ].filter(Boolean);
  return parts.length === 0 ? null : <p class="commands-note">{parts.join(" · ")}</p>;
}
