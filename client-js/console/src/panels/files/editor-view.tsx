/** A text in an editor, with what a person must know of it: its bar, its conflicts. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useActions } from "../../app/actions.ts";
import { isBoolean, remembered } from "../../app/settings.ts";
import { toast, toastError } from "../../app/toasts.ts";
import { ErrorState, Icon, Loading, Spinner } from "../../ui/index.ts";
import type { Document, Documents } from "./documents.ts";
import type { Editor } from "./editor.ts";
import { FileConflict } from "./file-conflict.tsx";
import type { LineBreak } from "./file-kind.ts";
import { nameOf, shown } from "./paths.ts";

/** Whether long lines are broken at the edge. */
const wrap = remembered("editor-wrap", false, isBoolean);

/** What can be done with the texts that are open, from outside their editors. */
export type Saves = Map<number, () => Promise<boolean>>;

/** Shows a text for editing. It stays mounted while another document is seen, so that nothing of it is lost. */
export function EditorPane(props: {
  documents: Documents;
  document: Document;
  text: string;
  lineBreak: LineBreak;
  /** Only to be read: why. */
  readOnly?: string | undefined;
  /** Whether it is seen. */
  active: boolean;
  saves: Saves;
}) {
  const { documents, document: file, text, lineBreak, readOnly, active } = props;
  const { id } = file;
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | undefined>(undefined);
  const failed = useSignal<unknown>(undefined);
  const loading = useSignal(true);
  /** The text that the file has. */
  const saved = useRef<object | undefined>(undefined);

  const save = async (force = false): Promise<boolean> => {
    const view = editor.current;
    if (view === undefined || readOnly !== undefined) return false;
    const mark = view.mark();
    try {
      const written = await documents.save(id, view.text(), force, () => view.mark() === mark);
      if (written) saved.current = mark;
      return written;
    } catch (error) {
      toastError(`${shown(nameOf(file.path))} could not be saved`, error);
      return false;
    }
  };
  const newest = useRef(save);
  newest.current = save;

  const open = async () => {
    failed.value = undefined;
    loading.value = true;
    try {
      const { createEditor } = await import("./editor.ts");
      if (box.current === null) return;
      editor.current?.destroy();
      const made = createEditor({
        parent: box.current,
        label: `Text of ${shown(nameOf(file.path))}`,
        path: file.path,
        text,
        lineBreak,
        readOnly: readOnly !== undefined,
        wrap: wrap.peek(),
        onChange: () => documents.setDirty(id, editor.current?.mark() !== saved.current),
        onSave: () => void newest.current(),
      });
      editor.current = made;
      saved.current = made.mark();
      made.focus();
    } catch (error) {
      failed.value = error;
    } finally {
      loading.value = false;
    }
  };
  useEffect(() => {
    void open();
    return () => editor.current?.destroy();
  }, [id, lineBreak]);

  // The file was read again.
  const revision = useRef(file.revision);
  useEffect(() => {
    const view = editor.current;
    if (view === undefined || revision.current === file.revision) return;
    revision.current = file.revision;
    if (view.text() !== text) view.replace(text);
    saved.current = view.mark();
    documents.setDirty(id, false);
  }, [file.revision, text, id, documents]);

  useEffect(() => {
    editor.current?.setWrap(wrap.value);
  }, [wrap.value]);
  useEffect(() => {
    if (active) editor.current?.refresh();
  }, [active]);
  useEffect(() => {
    props.saves.set(id, () => newest.current());
    return () => void props.saves.delete(id);
  }, [id, props.saves]);

  useActions(active && readOnly === undefined, [
    {
      id: "files.save",
      title: "Save file",
      group: "Files",
      icon: "check",
      keys: ["Mod+S", "Ctrl+Shift+S"],
      run: () => void save(),
    },
  ]);
  useActions(active, [
    {
      id: "files.find",
      title: "Search in the file",
      group: "Files",
      icon: "search",
      keys: ["Mod+F"],
      run: () => editor.current?.search(),
    },
    {
      id: "files.wrap",
      title: wrap.value ? "Do not wrap lines in the editor" : "Wrap long lines in the editor",
      group: "Files",
      run: () => {
        wrap.value = !wrap.value;
      },
    },
  ]);

  const keep = async () => {
    if (await save(true)) toast(`${shown(nameOf(file.path))} was saved`, { tone: "ok" });
  };

  return (
    <div class="files-editor">
      <FileConflict
        class="files-conflict"
        path={file.path}
        conflict={file.conflict}
        lost="What you changed here and did not save is lost."
        onRead={() => documents.reload(id)}
        onSave={() => void keep()}
      />
      {readOnly !== undefined && (
        <div class="files-notice">
          <Icon name="info" />
          <span>{readOnly}</span>
        </div>
      )}
      {failed.value !== undefined && (
        <ErrorState title="The editor could not be loaded" error={failed.value} onRetry={() => void open()} />
      )}
      {loading.value && <Loading>Loading the editor…</Loading>}
      <div ref={box} class="files-codemirror" />
      {file.saving && (
        <span class="badge files-saving" role="status">
          <Spinner /> Saving
        </span>
      )}
    </div>
  );
}
