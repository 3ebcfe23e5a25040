/** Terminals in tabs and splits, kept across a reload of the page. */

import "@xterm/xterm/css/xterm.css";
import "./terminals.css";
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { useActions } from "../../app/actions.ts";
import type { PanelProps } from "../../app/panels.ts";
import { terminalFontSize } from "../../app/settings.ts";
import { phone } from "../../app/viewport.ts";
import { Button, EmptyState, SplitPane } from "../../ui/index.ts";
import { GroupView, zoom } from "./group.tsx";
import { activeTab, focusedGroup, type Group, groupsOf, type Node, setRatio, type Tab, tabsOf } from "./layout.ts";
import { wanted } from "./open.ts";
import { layout, TerminalStore } from "./store.ts";
import { tabElementId } from "./tab-strip.tsx";
import { TerminalsDialog } from "./terminals-dialog.tsx";

/** The panel. */
export default function TerminalsPanel(props: PanelProps) {
  const { client, active } = props;
  const store = useMemo(() => new TerminalStore(client), [client]);
  const listed = useSignal(false);
  useEffect(() => {
    void store.readTitles();
    return () => store.dispose();
  }, [store]);
  useTerminalActions(props, store, () => {
    listed.value = true;
  });

  const asked = wanted.value;
  useEffect(() => {
    if (asked === undefined || !active) return;
    wanted.value = undefined;
    store.open(asked);
  }, [asked, active, store]);
  useEffect(() => {
    // Not on a phone: its keyboard would come out.
    if (active && !phone.value) store.focus();
  }, [active, store]);

  const shared = {
    store,
    active,
    onList: () => {
      listed.value = true;
    },
  };
  const { root } = layout.value;
  return (
    <div class="terminals">
      <h1 class="visually-hidden">Terminals</h1>
      {root === undefined ? (
        <EmptyState
          icon="terminal"
          title="No terminal is open"
          actions={
            <>
              <Button kind="primary" icon="plus" onClick={() => store.open()}>
                New terminal
              </Button>
              <Button icon="link" onClick={shared.onList}>
                All terminals…
              </Button>
            </>
          }
        >
          A terminal belongs to the sandbox: it goes on when this page is closed, and shows the same screen when you
          come back.
        </EmptyState>
      ) : phone.value ? (
        <GroupView {...shared} single focused group={together(root)} />
      ) : (
        <NodeView {...shared} node={root} />
      )}
      {listed.value && (
        <TerminalsDialog
          client={client}
          store={store}
          onClose={() => {
            listed.value = false;
          }}
        />
      )}
    </div>
  );
}

function NodeView(props: { node: Node; store: TerminalStore; active: boolean; onList: () => void }) {
  const { node, ...shared } = props;
  if (node.kind === "group") {
    const focused = focusedGroup(layout.value)?.id === node.id;
    return <GroupView key={node.id} {...shared} group={node} focused={focused} single={false} />;
  }
  return (
    <SplitPane
      key={node.id}
      direction={node.direction}
      ratio={node.ratio}
      label="Resize the terminals on both sides"
      onRatio={ratio => {
        layout.value = setRatio(layout.value, node.id, ratio);
      }}
      first={<NodeView {...shared} node={node.first} />}
      second={<NodeView {...shared} node={node.second} />}
    />
  );
}

/** All tabs in one group: there is no room for splits on a phone. */
function together(root: Node): Group {
  const tabs = groupsOf(root).flatMap(group => group.tabs);
  const active = activeTab(layout.value)?.id ?? tabs[0]?.id ?? "";
  return { kind: "group", id: "all", tabs, active };
}

function useTerminalActions(props: PanelProps, store: TerminalStore, list: () => void): void {
  const onTab = (act: (tab: Tab) => void) => () => {
    const tab = activeTab(layout.value);
    if (tab) act(tab);
  };
  const group = "Terminals";
  const tabs = tabsOf(layout.value);
  useActions(props.active, [
    {
      id: "terminals.new",
      title: "New terminal",
      group,
      icon: "plus",
      keys: ["Ctrl+Shift+Enter"],
      run: () => store.open(),
    },
    {
      id: "terminals.new-in",
      title: "New terminal in a directory…",
      group,
      icon: "folderPlus",
      run: () => void store.openIn(),
    },
    { id: "terminals.list", title: "All terminals…", group, icon: "link", run: list },
    {
      id: "terminals.split-right",
      title: "Split right",
      group,
      icon: "splitRight",
      keys: ["Ctrl+Shift+D"],
      run: () => store.open({}, "row"),
    },
    {
      id: "terminals.split-down",
      title: "Split down",
      group,
      icon: "splitDown",
      keys: ["Ctrl+Shift+S"],
      run: () => store.open({}, "column"),
    },
    {
      id: "terminals.next-tab",
      title: "Next tab",
      group,
      keys: ["Ctrl+Shift+ArrowRight"],
      run: () => store.step("tab", 1),
    },
    {
      id: "terminals.previous-tab",
      title: "Previous tab",
      group,
      keys: ["Ctrl+Shift+ArrowLeft"],
      run: () => store.step("tab", -1),
    },
    {
      id: "terminals.next-split",
      title: "Next split",
      group,
      keys: ["Ctrl+Shift+ArrowDown"],
      run: () => store.step("group", 1),
    },
    {
      id: "terminals.previous-split",
      title: "Previous split",
      group,
      keys: ["Ctrl+Shift+ArrowUp"],
      run: () => store.step("group", -1),
    },
    {
      id: "terminals.find",
      title: "Find in the terminal",
      group,
      icon: "search",
      keys: ["Ctrl+Shift+F"],
      run: () => store.search(true),
    },
    {
      id: "terminals.copy",
      title: "Copy the selection",
      group,
      icon: "copy",
      keys: ["Ctrl+Shift+C"],
      run: onTab(tab => void store.view(tab).copy()),
    },
    { id: "terminals.paste", title: "Paste", group, run: onTab(tab => void store.view(tab).paste()) },
    {
      id: "terminals.leave",
      title: "Leave the terminal, to its tab",
      group,
      keys: ["Ctrl+Shift+L"],
      run: onTab(leave),
    },
    {
      id: "terminals.rename",
      title: "Rename the terminal…",
      group,
      icon: "edit",
      run: onTab(tab => void store.rename(tab)),
    },
    { id: "terminals.larger", title: "Larger letters", group, keys: ["Ctrl+Shift++"], run: () => zoom(1) },
    { id: "terminals.smaller", title: "Smaller letters", group, keys: ["Ctrl+Shift+_"], run: () => zoom(-1) },
    {
      id: "terminals.letters",
      title: "Letters of the usual size",
      group,
      keys: ["Ctrl+Shift+0"],
      run: () => {
        terminalFontSize.value = 13;
      },
    },
    {
      id: "terminals.detach",
      title: "Detach, let the terminal run",
      group,
      icon: "plug",
      run: onTab(tab => store.detach(tab, true)),
    },
    {
      id: "terminals.close",
      title: "Close the terminal",
      group,
      icon: "trash",
      keys: ["Ctrl+Shift+X"],
      run: onTab(tab => void store.close(tab)),
    },
    ...tabs.map(tab => ({
      id: `terminals.show.${tab.id}`,
      title: `Show ${store.title(tab)}`,
      group: "Open terminals",
      icon: "terminal" as const,
      run: () => store.select(tab.id),
    })),
  ]);
}

function leave(tab: Tab): void {
  document.getElementById(tabElementId(tab.id))?.focus();
}
