/** What a port serves, in a frame of its own origin. */

import { useSignal } from "@preact/signals";
import { copyText } from "../../ui/copy.ts";
import { Button, EmptyState, Icon, TextField } from "../../ui/index.ts";
import { type PortRow, previewUrl } from "./port-list.ts";

/** What can be done with a port. */
export interface PortActions {
  expose(port: number, localHost: boolean): void;
  unexpose(row: PortRow): void;
  close(): void;
}

/** Shows a port. */
export function Preview(props: { row: PortRow; busy: boolean; actions: PortActions }) {
  const { row, busy, actions } = props;
  const { exposed } = row;
  const path = useSignal("/");
  const shown = useSignal("/");
  /** Another number is another frame: that is how one of another origin is loaded again. */
  const round = useSignal(0);
  if (exposed === undefined) return <NotExposed row={row} busy={busy} actions={actions} />;
  if (exposed.url === undefined) {
    return (
      <EmptyState icon="lock" title={`Port ${row.port} is exposed`}>
        Its address is known only to who has the scope “port”.
      </EmptyState>
    );
  }
  const address = previewUrl(exposed.url, shown.value);
  const load = () => {
    shown.value = path.value;
    round.value += 1;
  };
  return (
    <section class="ports-preview" aria-label={`Preview of port ${row.port}`}>
      <header class="ports-preview-bar">
        <Button class="phone-only" kind="ghost" icon="arrowLeft" label="Back to the ports" onClick={actions.close} />
        <Button kind="ghost" icon="refresh" label="Load it again" onClick={load} />
        <form
          class="ports-address"
          onSubmit={event => {
            event.preventDefault();
            load();
          }}
        >
          <span class="muted truncate ports-host desktop-only" title={exposed.url}>
            {new URL(exposed.url).host}
          </span>
          <TextField
            label="Path"
            hideLabel
            mono
            value={path.value}
            onInput={value => {
              path.value = value;
            }}
          />
        </form>
        <Button
          kind="ghost"
          icon="copy"
          label="Copy the address"
          onClick={() => void copyText(address, "The address was copied", address)}
        />
        <a
          class="button"
          data-kind="ghost"
          data-icon-only="true"
          href={address}
          target="_blank"
          rel="noopener noreferrer"
          aria-label="Open in a new tab"
          title="Open in a new tab"
        >
          <Icon name="external" />
        </a>
        <Button
          kind="ghost"
          icon="lock"
          label={`Expose port ${row.port} no more`}
          onClick={() => actions.unexpose(row)}
        />
        <Button class="desktop-only" kind="ghost" icon="close" label="Close the preview" onClick={actions.close} />
      </header>
      {row.addresses.length === 0 && (
        <p class="ports-note" role="status">
          <Icon name="warning" /> Nobody listens on port {row.port} now. It is shown as soon as a program does.
        </p>
      )}
      <iframe
        key={`${address} ${round.value} ${row.addresses.length > 0}`}
        class="ports-frame"
        title={`What port ${row.port} serves`}
        src={address}
        sandbox="allow-scripts allow-forms allow-same-origin allow-popups"
        referrerpolicy="no-referrer"
      />
    </section>
  );
}

function NotExposed(props: { row: PortRow; busy: boolean; actions: PortActions }) {
  const { row, busy, actions } = props;
  const localHost = useSignal(false);
  return (
    <section class="ports-preview" aria-label={`Port ${row.port}`}>
      <header class="ports-preview-bar">
        <Button class="phone-only" kind="ghost" icon="arrowLeft" label="Back to the ports" onClick={actions.close} />
        <h2 class="ports-title">Port {row.port}</h2>
        <Button class="desktop-only" kind="ghost" icon="close" label="Close" onClick={actions.close} />
      </header>
      <EmptyState
        icon="ports"
        title={`Port ${row.port} is not exposed`}
        actions={
          <Button
            kind="primary"
            icon="external"
            disabled={busy}
            onClick={() => actions.expose(row.port, localHost.value)}
          >
            Expose and preview
          </Button>
        }
      >
        <p>
          Exposed, it has a host name of its own, which cannot be guessed. Whoever knows that name reaches the program,
          without a token, until it is exposed no more.
        </p>
        <label class="ports-option">
          <input
            type="checkbox"
            checked={localHost.value}
            onChange={event => {
              localHost.value = event.currentTarget.checked;
            }}
          />
          <span>Tell the program that it is asked as “localhost”, as some development servers want it</span>
        </label>
      </EmptyState>
    </section>
  );
}
