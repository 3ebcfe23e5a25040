/** Shows the panel of the route. Panels that were seen stay mounted, so that what runs in them goes on. */

import { useSignal } from "@preact/signals";
import { Component, type ComponentChildren, type ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { Button } from "../ui/button.tsx";
import { EmptyState, ErrorState, Loading } from "../ui/states.tsx";
import { access, start, state } from "./connection.ts";
import { type PanelEntry, type PanelProps, panels } from "./panels.ts";
import { navigate, route } from "./routes.ts";

/** Numbers the clients, so that panels are mounted anew for another one. */
const generations = new WeakMap<object, number>();
let generation = 0;

/** The panel of the route. */
export function PanelHost() {
  const seen = useSignal<readonly string[]>([]);
  const { panel, path } = route.value;
  const known = panels.some(entry => entry.id === panel);
  useEffect(() => {
    if (known && !seen.value.includes(panel)) seen.value = [...seen.value, panel];
  }, [known, panel, seen]);

  const now = access.value;
  if (now.is === "unreachable") {
    return (
      <Alone title="Not connected">
        <ErrorState title="The sandbox cannot be reached" error={now.error} onRetry={() => void start()} />
      </Alone>
    );
  }
  if (now.is !== "open") {
    return (
      <Alone title="Connecting">
        <Loading>Connecting to the sandbox…</Loading>
      </Alone>
    );
  }
  if (!known) {
    return (
      <Alone title="Not found">
        <EmptyState
          icon="search"
          title="There is no such page"
          actions={<Button onClick={() => navigate("terminals")}>Go to terminals</Button>}
        >
          Nothing is called “{panel}” here.
        </EmptyState>
      </Alone>
    );
  }
  if (!generations.has(now.client)) generations.set(now.client, ++generation);
  const key = generations.get(now.client);
  // What a panel asks by itself would wake the sandbox: only a person does.
  const awake = state.value.status !== "asleep";
  return (
    <>
      {panels
        .filter(entry => entry.id === panel || seen.value.includes(entry.id))
        .map(entry => (
          <div key={`${key}-${entry.id}`} class="panel" hidden={entry.id !== panel}>
            <Boundary title={entry.title}>
              <Lazy
                entry={entry}
                client={now.client}
                active={entry.id === panel && awake}
                path={entry.id === panel ? path : []}
              />
            </Boundary>
          </div>
        ))}
    </>
  );
}

/** What stands there instead of a panel. */
function Alone(props: { title: string; children: ComponentChildren }) {
  return (
    <div class="panel">
      <h1 class="visually-hidden">{props.title}</h1>
      {props.children}
    </div>
  );
}

function Lazy(props: PanelProps & { entry: PanelEntry }) {
  const { entry, ...rest } = props;
  const loaded = useSignal<{ panel?: ComponentType<PanelProps>; error?: unknown }>({});
  useEffect(() => {
    entry.load().then(
      module => {
        loaded.value = { panel: module.default };
      },
      error => {
        loaded.value = { error };
      },
    );
  }, [entry, loaded]);
  const { panel: Shown, error } = loaded.value;
  if (error !== undefined) {
    // Not loaded again by itself: the server may have another version now, whose files have other names.
    return <ErrorState title={`${entry.title} could not be loaded`} error={error} onRetry={() => location.reload()} />;
  }
  return Shown === undefined ? <Loading /> : <Shown {...rest} />;
}

/** Keeps an error in one panel from taking the others away. */
class Boundary extends Component<{ title: string; children: ComponentChildren }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  override componentDidCatch(error: unknown): void {
    this.setState({ error });
  }

  override render() {
    if (!("error" in this.state)) return this.props.children;
    return (
      <ErrorState
        title={`${this.props.title} stopped working`}
        error={this.state.error}
        onRetry={() => location.reload()}
      />
    );
  }
}
