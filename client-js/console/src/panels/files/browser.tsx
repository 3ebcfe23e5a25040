/** The tree beside what is open. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useActions } from "../../app/actions.ts";
import { confirm, prompt } from "../../app/dialogs.ts";
import { useLeaveGuard } from "../../app/leave-guard.ts";
import type { PanelProps } from "../../app/panels.ts";
import { say } from "../../app/routes.ts";
import { isBoolean, isNumber, remembered } from "../../app/settings.ts";
import { toast } from "../../app/toasts.ts";
import { copyText } from "../../ui/copy.ts";
import { Button, EmptyState, MenuButton, type MenuItem, SplitPane } from "../../ui/index.ts";
import { useFrames } from "../../ui/log/use-frames.ts";
import { openTerminal } from "../terminals/open.ts";
import { ContentView } from "./content-view.tsx";
import { DocumentBar } from "./document-bar.tsx";
import { type Document, Documents } from "./documents.ts";
import { Downloads } from "./downloads.ts";
import { chosen, dropped } from "./drop.ts";
import type { Saves } from "./editor-view.tsx";
import { clip, Operations, putOnClip } from "./operations.ts";
import { breadcrumbs, isWithin, nameOf, normal, parentOf, shown, toWire } from "./paths.ts";
import { FileStore } from "./store.ts";
import { TransfersTray } from "./transfers-tray.tsx";
import { opensAsDirectory, type Row } from "./tree.ts";
import { type TreeActions, TreeView } from "./tree-view.tsx";
import { UploadQueue } from "./uploads.ts";
import { useWatchedFile } from "./use-watched-file.ts";

/** Files that are uploaded at once. */
const PARALLEL = 3;

/** Whether hidden files are shown, and the width of the tree. */
const hidden = remembered("files-hidden", false, isBoolean);
const ratio = remembered("files-ratio", 0.26, isNumber);

/** The panel when the workspace is known. */
export function FilesBrowser(props: PanelProps & { workspace: string }) {
  const { client, active, workspace } = props;
  const root = useSignal(workspace);
  const selected = useSignal<string | undefined>(undefined);
  const store = useMemo(() => new FileStore(client, root.value), [client, root.value]);
  const documents = useMemo(() => new Documents(client), [client]);
  const newest = useRef(store);
  newest.current = store;
  const operations = useMemo(() => new Operations(client, () => newest.current, documents), [client, documents]);
  const { frame, changed } = useFrames();
  const downloads = useMemo(() => new Downloads(client), [client]);
  const uploads = useMemo(
    () =>
      new UploadQueue({
        parallel: PARALLEL,
        onChange: changed,
        send: async (source, { replace, signal, onProgress }) => {
          const how = replace ? "replace" : "create";
          await client.writeFile(toWire(source.path), source.content, { how, parents: true, signal, onProgress });
          await newest.current.update(source.path);
        },
      }),
    [client, changed],
  );
  const saves = useMemo<Saves>(() => new Map(), []);
  const fileInput = useRef<HTMLInputElement>(null);
  const folderInput = useRef<HTMLInputElement>(null);
  const rowHeight = useMemo(() => (matchMedia("(pointer: coarse)").matches ? 38 : 26), []);

  useEffect(() => {
    store.setHidden(hidden.value);
  }, [store, hidden.value]);
  useEffect(() => {
    store.setActive(active);
    return () => store.setActive(false);
  }, [store, active]);
  const current = documents.get(documents.current.value);
  const watched = active && current?.state === "ready" ? current : undefined;
  useWatchedFile(client, watched?.path, async () => watched && documents.check(watched.id));
  useLeaveGuard(documents.all.value.some(document => document.dirty));

  // The address says which file is seen.
  const asked = props.path.length === 0 ? undefined : `/${props.path.join("/")}`;
  useEffect(() => {
    if (!active || asked === undefined) return;
    selected.value = asked;
    documents.open(asked);
    if (isWithin(store.tree.root, asked)) void store.reveal(asked);
  }, [active, asked]);
  useEffect(() => {
    if (!active) return;
    // What is seen now: the address may just have opened another one.
    const seen = documents.get(documents.current.peek());
    const path = seen === undefined ? [] : seen.path.split("/").filter(part => part !== "");
    say("files", path, { replace: asked !== undefined });
  }, [active, current?.path]);

  const setRoot = (path: string) => {
    root.value = path;
  };
  const open = (path: string) => {
    selected.value = path;
    documents.open(path);
  };
  const select = (path: string | undefined) => {
    if (path !== undefined) selected.value = path;
  };
  const dirNow = (): string => {
    const path = selected.value;
    if (path === undefined || !isWithin(store.tree.root, path)) return store.tree.root;
    const entry = store.tree.entry(path);
    return entry !== undefined && opensAsDirectory(entry) ? path : parentOf(path);
  };
  const newFile = async (dir: string) => {
    const path = await operations.newFile(dir);
    if (path !== undefined) open(path);
  };
  const newFolder = async (dir: string) => select(await operations.newFolder(dir));
  const goTo = async () => {
    const answer = await prompt({
      title: "Go to a folder or file",
      label: "Path",
      value: root.value,
      action: "Go",
      check: value => (value.startsWith("/") ? undefined : "The path must begin with a slash."),
    });
    if (answer === undefined) return;
    const path = normal(answer);
    const found = await client.stat(toWire(path)).catch((error: unknown) => error as Error);
    if (found instanceof Error) toast(`${path} cannot be opened`, { tone: "danger", detail: found.message });
    else if (found.type === "directory") root.value = path;
    else {
      if (!isWithin(root.value, path)) root.value = parentOf(path);
      open(path);
    }
  };
  const close = async (document: Document) => {
    if (document.dirty) {
      const yes = await confirm({
        title: `Close ${shown(nameOf(document.path))} without saving?`,
        text: "What you changed is lost.",
        action: "Close without saving",
        danger: true,
      });
      if (!yes) return;
    }
    documents.close(document.id);
  };
  const download = (path: string) => {
    const entry = store.tree.entry(path);
    const isDirectory = path === store.tree.root || (entry !== undefined && opensAsDirectory(entry));
    if (isDirectory) void downloads.folder(path);
    else
      void downloads.file(path, entry?.size ?? documents.all.value.find(document => document.path === path)?.size ?? 0);
  };
  const upload = (files: FileList | null, dir: string) => {
    // The list empties when the field is reset, so it is copied now.
    if (files !== null && files.length > 0) uploads.add(chosen([...files], dir));
  };

  const actions: TreeActions = {
    open,
    rename: path => void operations.rename(path).then(select),
    remove: path => void operations.remove(path),
    copy: putOnClip,
    paste: dir => void operations.paste(dir).then(select),
    upload: (data, dir) =>
      uploads.add(
        dropped(data, dir, async path => {
          await client.mkdir(toWire(path), { recursive: true });
          await store.update(path);
        }),
      ),
    menu: row => entryMenu(row),
  };
  const entryMenu = (row: Row & { type: "entry" }): MenuItem[] => {
    const { path } = row;
    const directory = opensAsDirectory(row.entry);
    const dir = directory ? path : parentOf(path);
    return [
      ...(directory
        ? ([
            { title: "New file…", icon: "plus", run: () => void newFile(path) },
            { title: "New folder…", icon: "folderPlus", run: () => void newFolder(path) },
            { title: "Open a terminal here", icon: "terminal", run: () => openTerminal({ cwd: path }) },
            { title: "Show only this folder", icon: "eye", run: () => setRoot(path) },
          ] as const)
        : ([{ title: "Open", icon: "eye", keys: "Enter", run: () => open(path) }] as const)),
      { separator: true },
      { title: directory ? "Download as tar" : "Download", icon: "download", run: () => download(path) },
      { title: "Copy the path", icon: "copy", run: () => void copyText(shown(path), undefined, shown(path)) },
      { separator: true },
      { title: "Rename…", icon: "edit", keys: "F2", run: () => actions.rename(path) },
      { title: "Move…", run: () => void operations.move(path).then(select) },
      { title: "Copy", keys: "Mod+C", run: () => putOnClip(path, false) },
      { title: "Cut", keys: "Mod+X", run: () => putOnClip(path, true) },
      { title: "Paste", keys: "Mod+V", disabled: clip.value === undefined, run: () => actions.paste(dir) },
      { title: "Duplicate", run: () => void operations.duplicate(path).then(select) },
      { title: "Permissions…", icon: "lock", note: row.entry.mode.toString(8), run: () => void operations.chmod(path) },
      { separator: true },
      { title: "Delete…", icon: "trash", keys: "Delete", danger: true, run: () => actions.remove(path) },
    ];
  };

  useActions(active, [
    {
      id: "files.new",
      title: "New file",
      group: "Files",
      icon: "plus",
      keys: ["Ctrl+Shift+N"],
      run: () => void newFile(dirNow()),
    },
    {
      id: "files.folder",
      title: "New folder",
      group: "Files",
      icon: "folderPlus",
      run: () => void newFolder(dirNow()),
    },
    {
      id: "files.upload",
      title: "Upload files",
      group: "Files",
      icon: "upload",
      keys: ["U"],
      run: () => fileInput.current?.click(),
    },
    {
      id: "files.upload-folder",
      title: "Upload a folder",
      group: "Files",
      icon: "upload",
      run: () => folderInput.current?.click(),
    },
    {
      id: "files.go",
      title: "Go to a folder or file",
      group: "Files",
      icon: "search",
      keys: ["G"],
      run: () => void goTo(),
    },
    {
      id: "files.hidden",
      title: hidden.value ? "Leave hidden files out" : "Show hidden files",
      group: "Files",
      icon: "eye",
      keys: ["."],
      run: toggleHidden,
    },
    {
      id: "files.refresh",
      title: "Look at the files again",
      group: "Files",
      icon: "refresh",
      run: () => store.refresh(),
    },
    ...(current === undefined
      ? []
      : [
          {
            id: "files.close",
            title: `Close ${nameOf(current.path)}`,
            group: "Files",
            icon: "close" as const,
            keys: ["Ctrl+Shift+W"],
            run: () => void close(current),
          },
        ]),
  ]);

  const opened = documents.all.value;
  return (
    <section class="panel files syntax" aria-label="Files" data-open={current === undefined ? undefined : "true"}>
      <h1 class="visually-hidden">Files</h1>
      <SplitPane
        direction="row"
        label="Width of the tree"
        ratio={ratio.peek()}
        onRatio={value => {
          ratio.value = value;
        }}
        first={
          <div class="files-side">
            <header class="header files-side-header">
              <nav class="files-crumbs" aria-label="Folder">
                {breadcrumbs(root.value).map((crumb, i, all) => (
                  <span key={crumb.path}>
                    {i > 1 && <span class="muted">/</span>}
                    <button
                      type="button"
                      class="files-crumb"
                      aria-current={i === all.length - 1 ? "true" : undefined}
                      onClick={() => {
                        root.value = crumb.path;
                      }}
                    >
                      {shown(crumb.name)}
                    </button>
                  </span>
                ))}
              </nav>
              <Button kind="ghost" icon="plus" label="New file (Ctrl+Shift+N)" onClick={() => void newFile(dirNow())} />
              <Button kind="ghost" icon="folderPlus" label="New folder" onClick={() => void newFolder(dirNow())} />
              <Button kind="ghost" icon="upload" label="Upload files (U)" onClick={() => fileInput.current?.click()} />
              <MenuButton
                kind="ghost"
                icon="more"
                label="More for this folder"
                items={() => [
                  { title: "Go to…", icon: "search", keys: "G", run: () => void goTo() },
                  { title: "To the workspace", disabled: root.value === workspace, run: () => setRoot(workspace) },
                  { title: "Hidden files", keys: ".", checked: hidden.value, run: toggleHidden },
                  { title: "Look again", icon: "refresh", run: () => store.refresh() },
                  { separator: true },
                  { title: "Upload a folder…", icon: "upload", run: () => folderInput.current?.click() },
                  { title: "Download all as tar", icon: "download", run: () => void downloads.folder(root.value) },
                  { title: "Paste", disabled: clip.value === undefined, run: () => actions.paste(root.value) },
                  { title: "Open a terminal here", icon: "terminal", run: () => openTerminal({ cwd: root.value }) },
                ]}
              />
            </header>
            <TreeView
              key={root.value}
              store={store}
              actions={actions}
              selected={selected.value}
              onSelect={select}
              current={current?.path}
              height={rowHeight}
            />
            <TransfersTray uploads={uploads} downloads={downloads} frame={frame} />
          </div>
        }
        second={
          <div class="files-main">
            {opened.length === 0 ? (
              <EmptyState
                icon="file"
                title="No file is open"
                actions={
                  <>
                    <Button icon="plus" onClick={() => void newFile(dirNow())}>
                      New file
                    </Button>
                    <Button icon="upload" onClick={() => fileInput.current?.click()}>
                      Upload
                    </Button>
                  </>
                }
              >
                Choose one in the tree, or drop files and folders on it to upload them.
              </EmptyState>
            ) : (
              <>
                <DocumentBar
                  documents={documents}
                  current={current}
                  onClose={document => void close(document)}
                  onSave={id => void saves.get(id)?.()}
                  onDownload={download}
                />
                {opened.map(document => (
                  <div key={document.id} class="files-content" hidden={document.id !== current?.id}>
                    <ContentView
                      documents={documents}
                      document={document}
                      active={active && document.id === current?.id}
                      saves={saves}
                      onDownload={() => download(document.path)}
                    />
                  </div>
                ))}
              </>
            )}
          </div>
        }
      />
      <input
        ref={fileInput}
        class="visually-hidden"
        type="file"
        multiple
        tabIndex={-1}
        aria-label="Files to upload"
        onChange={event => {
          upload(event.currentTarget.files, dirNow());
          event.currentTarget.value = "";
        }}
      />
      <input
        ref={element => {
          folderInput.current = element;
          if (element !== null) element.webkitdirectory = true;
        }}
        class="visually-hidden"
        type="file"
        tabIndex={-1}
        aria-label="Folder to upload"
        onChange={event => {
          upload(event.currentTarget.files, dirNow());
          event.currentTarget.value = "";
        }}
      />
    </section>
  );
}

function toggleHidden(): void {
  hidden.value = !hidden.value;
}
