/** The tree of files: only the rows that are seen are drawn. Walked as ARIA's tree: arrows, Home, End, letters. */

import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../../app/toasts.ts";
import { formatBytes, Icon, MenuButton, type MenuItem, Spinner } from "../../ui/index.ts";
import { hasFiles } from "./drop.ts";
import { parentOf, shown } from "./paths.ts";
import type { FileStore } from "./store.ts";
import { opensAsDirectory, type Row } from "./tree.ts";

/** Rows that are drawn above and below what is seen. */
const SPARE = 10;
/** Letters that follow each other within so many milliseconds are one beginning of a name. */
const TYPING_MS = 700;

/** What can be done in the tree. */
export interface TreeActions {
  /** Enter, or a click, on a file. */
  open(path: string): void;
  menu(row: Row & { type: "entry" }): readonly MenuItem[];
  rename(path: string): void;
  remove(path: string): void;
  copy(path: string, move: boolean): void;
  /** Into this directory. */
  paste(dir: string): void;
  upload(data: DataTransfer, dir: string): void;
}

/** The tree. */
export function TreeView(props: {
  store: FileStore;
  actions: TreeActions;
  selected: string | undefined;
  onSelect: (path: string) => void;
  /** The file that is shown beside the tree. */
  current: string | undefined;
  /** Where pasting, uploading and making put things when nothing is selected. */
  height: number;
}) {
  const { store, actions, selected, onSelect, height } = props;
  const { tree } = store;
  // Draws again when the tree is another.
  void store.version.value;
  const rows = tree.rows();
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const [view, setView] = useState({ top: 0, size: 0 });
  const [target, setTarget] = useState<string | undefined>(undefined);
  const typed = useRef({ text: "", at: 0 });
  const at = rows.findIndex(row => row.type === "entry" && row.path === selected);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setView(old => ({ ...old, size: element.clientHeight })));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // What is selected is kept in sight when it is another, not when the person scrolls away.
  useEffect(() => {
    const element = box.current;
    if (element === null || at < 0) return;
    const top = at * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight)
      element.scrollTop = top + height - element.clientHeight;
  }, [selected]);

  const select = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (row?.type === "entry") onSelect(row.path);
    // Rows that are no entries are passed over.
    else if (row !== undefined) {
      const step = index >= at ? 1 : -1;
      for (let i = index + step; i >= 0 && i < rows.length; i += step) {
        const next = rows[i];
        if (next?.type === "entry") {
          onSelect(next.path);
          return;
        }
      }
    }
  };
  const dirOf = (row: Row | undefined): string =>
    row === undefined
      ? tree.root
      : row.type !== "entry"
        ? row.path
        : opensAsDirectory(row.entry)
          ? row.path
          : parentOf(row.path);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    const row = rows[at];
    const entry = row?.type === "entry" ? row : undefined;
    const directory = entry !== undefined && opensAsDirectory(entry.entry);
    const page = Math.max(1, Math.floor(view.size / height) - 1);
    const modified = event.ctrlKey || event.metaKey;
    const key = modified ? `Mod+${event.key.toLowerCase()}` : event.key;
    const keys: Record<string, (() => void) | undefined> = {
      ArrowDown: () => select(at + 1),
      ArrowUp: () => select(at - 1),
      PageDown: () => select(at + page),
      PageUp: () => select(at - page),
      Home: () => select(0),
      End: () => select(rows.length - 1),
      ArrowRight:
        entry && (() => (directory && !entry.open ? store.open(entry.path) : directory ? select(at + 1) : undefined)),
      ArrowLeft: entry && (() => (entry.open ? store.toggle(entry.path) : select(tree.parentRow(at)))),
      Enter: entry && (() => (directory ? store.toggle(entry.path) : actions.open(entry.path))),
      " ": entry && (() => (directory ? store.toggle(entry.path) : actions.open(entry.path))),
      F2: entry && (() => actions.rename(entry.path)),
      Delete: entry && (() => actions.remove(entry.path)),
      "Mod+c": entry && (() => actions.copy(entry.path, false)),
      "Mod+x": entry && (() => actions.copy(entry.path, true)),
      "Mod+v": () => actions.paste(dirOf(row)),
      ContextMenu: entry && (() => openMenu(box.current)),
    };
    const run = keys[key];
    if (run !== undefined) run();
    else if (!modified && !event.altKey && event.key.length === 1 && event.key !== "/" && event.key !== "?") {
      const fresh = event.timeStamp - typed.current.at > TYPING_MS;
      typed.current = { text: (fresh ? "" : typed.current.text) + event.key, at: event.timeStamp };
      const found = tree.typeahead(fresh ? at : at - 1, typed.current.text);
      if (found >= 0) select(found);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const first = Math.max(0, Math.floor(view.top / height) - SPARE);
  const last = Math.min(rows.length, Math.ceil((view.top + view.size) / height) + SPARE);
  // Who comes to the end of what is listed of a large directory gets more of it.
  useEffect(() => {
    for (const row of rows.slice(first, last)) if (row.type === "more") void store.loadMore(row.path);
  }, [rows, first, last, store]);
  return (
    <div
      ref={box}
      class="files-tree"
      role="tree"
      aria-label="Files"
      aria-activedescendant={at >= first && at < last ? `${id}-${at}` : undefined}
      tabIndex={0}
      data-target={target === tree.root ? "true" : undefined}
      onScroll={event => {
        const { scrollTop } = event.currentTarget;
        setView(old => ({ ...old, top: scrollTop }));
      }}
      onKeyDown={onKeyDown}
      onFocus={event => {
        if (event.target === event.currentTarget && at < 0) select(0);
      }}
      onDragOver={event => {
        if (!hasFiles(event.dataTransfer)) return;
        event.preventDefault();
        if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
        const index = (event.target as Element).closest<HTMLElement>("[data-index]")?.dataset["index"];
        setTarget(dirOf(index === undefined ? undefined : rows[Number(index)]));
      }}
      onDragLeave={event => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setTarget(undefined);
      }}
      onDrop={event => {
        if (event.dataTransfer === null || !hasFiles(event.dataTransfer)) return;
        event.preventDefault();
        actions.upload(event.dataTransfer, target ?? tree.root);
        setTarget(undefined);
      }}
    >
      <div class="files-tree-space" role="none" style={{ height: `${rows.length * height}px` }}>
        {rows.slice(first, last).map((row, i) => (
          <TreeRow
            key={`${row.type} ${row.path}`}
            id={`${id}-${first + i}`}
            row={row}
            index={first + i}
            height={height}
            store={store}
            selected={first + i === at}
            current={row.type === "entry" && row.path === props.current}
            target={target !== undefined && target !== tree.root && row.type === "entry" && row.path === target}
            menu={actions.menu}
            onClick={() => {
              if (row.type === "more") void store.loadMore(row.path);
              else if (row.type === "error") void store.load(row.path);
              else if (row.type === "entry") {
                onSelect(row.path);
                if (opensAsDirectory(row.entry)) store.toggle(row.path);
                else actions.open(row.path);
              }
            }}
            onContextMenu={event => {
              if (row.type !== "entry") return;
              event.preventDefault();
              onSelect(row.path);
              requestAnimationFrame(() => openMenu(box.current));
            }}
          />
        ))}
      </div>
    </div>
  );
}

function TreeRow(props: {
  id: string;
  row: Row;
  index: number;
  height: number;
  store: FileStore;
  selected: boolean;
  current: boolean;
  target: boolean;
  menu: TreeActions["menu"];
  onClick: () => void;
  onContextMenu: (event: MouseEvent) => void;
}) {
  const { row, selected } = props;
  const directory = row.type === "entry" && opensAsDirectory(row.entry);
  const symlink = row.type === "entry" && row.entry.type === "symlink";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree takes the keys for all its rows.
    // biome-ignore lint/a11y/useFocusableInteractive: the tree has the focus and names its active row.
    <div
      id={props.id}
      class="files-row"
      role="treeitem"
      aria-level={row.depth + 1}
      aria-expanded={directory && row.type === "entry" ? row.open : undefined}
      aria-selected={selected}
      data-index={props.index}
      data-type={row.type}
      data-current={props.current ? "true" : undefined}
      data-target={props.target ? "true" : undefined}
      style={{
        top: `${props.index * props.height}px`,
        height: `${props.height}px`,
        paddingLeft: `${8 + row.depth * 14}px`,
      }}
      onClick={event => {
        if (!(event.target as Element).closest(".menu-anchor")) props.onClick();
      }}
      onContextMenu={props.onContextMenu}
    >
      {row.type === "entry" ? (
        <>
          <span class="files-row-arrow">
            {row.loading ? (
              <Spinner />
            ) : (
              directory && <Icon name={row.open ? "chevronDown" : "chevronRight"} size={12} />
            )}
          </span>
          <Icon name={directory ? "files" : symlink ? "link" : "file"} size={14} />
          <span
            class="files-row-name truncate"
            title={row.entry.target === undefined ? undefined : `→ ${shown(row.entry.target)}`}
          >
            {shown(row.entry.name)}
          </span>
          {row.entry.type === "file" && <span class="files-row-size">{formatBytes(row.entry.size)}</span>}
          {selected && (
            <MenuButton
              kind="ghost"
              icon="more"
              label={`What to do with ${shown(row.entry.name)}`}
              items={() => props.menu(row)}
            />
          )}
        </>
      ) : row.type === "more" ? (
        <span class="files-row-note">
          {props.store.tree.known(row.path).count.toLocaleString("en")} are shown. Show more…
        </span>
      ) : row.type === "empty" ? (
        <span class="files-row-note">{row.hidden === 0 ? "Empty" : `Only hidden files (${row.hidden})`}</span>
      ) : (
        <span class="files-row-note" data-tone="danger" title={messageOf(row.error)}>
          {messageOf(row.error)}. Try again…
        </span>
      )}
    </div>
  );
}

/** The menu of the selected row. */
function openMenu(box: HTMLElement | null): void {
  box?.querySelector<HTMLElement>('[aria-selected="true"] .menu-anchor > button')?.click();
}
