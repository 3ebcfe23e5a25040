/** What is being uploaded and downloaded, at the foot of the tree. */

import { useSignal } from "@preact/signals";
import { messageOf } from "../../app/toasts.ts";
import { Button, formatBytes, formatPercent, Icon, MenuButton } from "../../ui/index.ts";
import type { Download, Downloads } from "./downloads.ts";
import { nameOf, shown } from "./paths.ts";
import type { Upload, UploadQueue } from "./uploads.ts";

/** Rows that are drawn; the rest only counts. */
const MOST_ROWS = 100;

/** Shows the transfers; nothing when there are none. `frame` changes when one of them moved. */
export function TransfersTray(props: { uploads: UploadQueue; downloads: Downloads; frame: number }) {
  const { uploads, downloads } = props;
  const shut = useSignal(false);
  const totals = uploads.totals();
  const up = uploads.uploads;
  const down = downloads.all.value;
  if (up.length === 0 && down.length === 0) return null;
  const receiving = down.filter(download => download.state === "receiving").length;
  const busy = totals.active || receiving > 0;
  const part = totals.bytes === 0 ? 0 : totals.sent / totals.bytes;
  const words = [
    totals.active &&
      `Uploading ${totals.files - totals.done - totals.failed} of ${totals.files} (${formatPercent(part)})`,
    totals.undecided > 0 && `${totals.undecided} to decide`,
    receiving > 0 && `Downloading ${receiving}`,
    totals.failed > 0 && `${totals.failed} failed`,
  ].filter(Boolean);
  return (
    <section class="files-transfers" aria-label="Transfers">
      <header>
        <Button
          kind="ghost"
          icon={shut.value ? "chevronUp" : "chevronDown"}
          label={shut.value ? "Show the transfers" : "Hide the transfers"}
          expanded={!shut.value}
          onClick={() => {
            shut.value = !shut.value;
          }}
        />
        <span class="files-transfers-title truncate" role="status">
          {words.length === 0 ? "Transfers are done" : words.join(" · ")}
        </span>
        {totals.active && (
          <Button kind="ghost" onClick={() => uploads.cancelAll()}>
            Cancel all
          </Button>
        )}
        {!busy && (
          <Button
            kind="ghost"
            onClick={() => {
              uploads.clearEnded();
              downloads.clearEnded();
            }}
          >
            Clear
          </Button>
        )}
      </header>
      {!shut.value && (
        <ul class="files-transfers-list">
          {down.slice(-MOST_ROWS).map(download => (
            <DownloadRow
              key={`down ${download.id}`}
              download={download}
              onCancel={() => downloads.cancel(download.id)}
            />
          ))}
          {relevant(up).map(upload => (
            <UploadRow key={`up ${upload.id}`} upload={upload} queue={uploads} />
          ))}
        </ul>
      )}
    </section>
  );
}

/** What a person must decide about first, then what moves, what failed, and the newest of the rest. */
function relevant(uploads: readonly Upload[]): Upload[] {
  const rank: Record<Upload["state"], number> = { exists: 0, sending: 1, failed: 2, waiting: 3, cancelled: 4, done: 4 };
  return [...uploads]
    .sort((a, b) => rank[a.state] - rank[b.state] || (rank[a.state] === 4 ? b.id - a.id : a.id - b.id))
    .slice(0, MOST_ROWS);
}

function DownloadRow(props: { download: Download; onCancel: () => void }) {
  const { name, size, received, state, error, note } = props.download;
  return (
    <li class="files-transfer">
      <Icon name="download" size={14} />
      <span class="files-transfer-name truncate" title={props.download.path}>
        {name}
      </span>
      <span class="files-transfer-state" data-tone={state === "failed" ? "danger" : undefined} title={note}>
        {state === "receiving"
          ? `${formatBytes(received)}${size === undefined ? "" : ` of ${formatBytes(size)}`}`
          : state === "done"
            ? `${formatBytes(received)}${note === undefined ? "" : " (incomplete)"}`
            : state === "cancelled"
              ? "Cancelled"
              : messageOf(error)}
      </span>
      {state === "receiving" && (
        <Button kind="ghost" icon="close" label={`Cancel the download of ${name}`} onClick={props.onCancel} />
      )}
      {state === "receiving" && (
        <Bar part={size === undefined || size === 0 ? undefined : received / size} label={`Download of ${name}`} />
      )}
      {note !== undefined && <span class="files-transfer-note">{note}</span>}
    </li>
  );
}

function UploadRow(props: { upload: Upload; queue: UploadQueue }) {
  const { upload, queue } = props;
  const name = shown(nameOf(upload.path));
  const { state } = upload;
  return (
    <li class="files-transfer">
      <Icon name="upload" size={14} />
      <span class="files-transfer-name truncate" title={shown(upload.path)}>
        {name}
      </span>
      <span class="files-transfer-state" data-tone={state === "failed" ? "danger" : undefined}>
        {state === "failed"
          ? messageOf(upload.error)
          : state === "sending"
            ? `${formatBytes(upload.sent)} of ${formatBytes(upload.size)}`
            : {
                waiting: "Waiting",
                exists: "Is there already",
                done: formatBytes(upload.size),
                cancelled: "Not uploaded",
              }[state]}
      </span>
      {(state === "sending" || state === "waiting") && (
        <Button
          kind="ghost"
          icon="close"
          label={`Cancel the upload of ${name}`}
          onClick={() => queue.cancel(upload.id)}
        />
      )}
      {(state === "failed" || state === "cancelled") && (
        <Button kind="ghost" icon="refresh" label={`Upload ${name} again`} onClick={() => queue.retry(upload.id)} />
      )}
      {state === "exists" && (
        <span class="files-transfer-ask">
          <Button onClick={() => queue.decide(upload.id, "replace")}>Replace</Button>
          <Button onClick={() => queue.decide(upload.id, "skip")}>Skip</Button>
          {queue.totals().files > 1 && (
            <MenuButton
              kind="ghost"
              icon="more"
              label="For all of them"
              items={() => [
                { title: "Replace all that are there", run: () => queue.decide(upload.id, "replace", true) },
                { title: "Skip all that are there", run: () => queue.decide(upload.id, "skip", true) },
              ]}
            />
          )}
        </span>
      )}
      {state === "sending" && (
        <Bar part={upload.size === 0 ? 0 : upload.sent / upload.size} label={`Upload of ${name}`} />
      )}
    </li>
  );
}

/** How far something is; moving to and fro when that is not known. */
function Bar(props: { part: number | undefined; label: string }) {
  return (
    <progress
      class="files-progress"
      aria-label={props.label}
      max={1}
      {...(props.part === undefined ? {} : { value: props.part })}
    />
  );
}
