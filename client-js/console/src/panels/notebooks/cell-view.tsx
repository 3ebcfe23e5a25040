/** A cell: its number, its source, what it said, what can be done with it. */

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { messageOf } from "../../app/toasts.ts";
import { phone } from "../../app/viewport.ts";
import { Button, formatDuration, MenuButton, Spinner } from "../../ui/index.ts";
import { ErrorCode } from "../../ui/states.tsx";
import type { Cell } from "./cell.ts";
import { InputView } from "./input-view.tsx";
import type { JsonObject } from "./ipynb.ts";
import { interrupt } from "./kernel-bar.tsx";
import { MarkdownView } from "./markup-view.tsx";
import type { Notebook } from "./notebook.ts";
import { OutputsView } from "./output-view.tsx";
import { SourceView } from "./source-view.tsx";

/** What a cell can be asked for. */
export interface CellActions {
  run(cell: Cell, then: "next" | "stay" | "insert"): void;
  /** Gives the keys to a cell, or to its editor. */
  focus(cell: Cell, editor: boolean): void;
}

/** Which cell has been given the keys, and how often: each time counts. */
export interface Focus {
  readonly cell: string;
  readonly editor: boolean;
  readonly count: number;
}

/** Shows a cell. */
export function CellView(props: {
  notebook: Notebook;
  cell: Cell;
  number: number;
  focus: Focus | undefined;
  actions: CellActions;
}) {
  const { notebook, cell, number, actions } = props;
  const type = cell.type.value;
  const state = cell.state.value;
  const selected = notebook.selected.value === cell.id;
  const box = useRef<HTMLElement>(null);
  const mine = props.focus?.cell === cell.id ? props.focus : undefined;
  useLayoutEffect(() => {
    if (mine === undefined) return;
    box.current?.scrollIntoView({ block: "nearest" });
    if (!mine.editor) box.current?.focus({ preventScroll: true });
  }, [mine]);

  const name = `cell ${number}`;
  const read = type === "markdown" && !cell.editing.value;
  const select = () => {
    notebook.selected.value = cell.id;
  };
  return (
    <article
      ref={box}
      class="notebooks-cell"
      aria-label={`${type === "code" ? "Code" : type === "markdown" ? "Text" : "Raw"}, ${name}`}
      data-selected={selected ? "true" : undefined}
      data-state={state}
      data-type={type}
      data-cell={cell.id}
      tabIndex={selected ? 0 : -1}
      onFocusCapture={select}
      onPointerDown={select}
    >
      <div class="notebooks-gutter">
        {type === "code" && <RunButton notebook={notebook} cell={cell} name={name} actions={actions} />}
        {type === "markdown" && !read && (
          <Button
            kind="ghost"
            icon="check"
            label={`Show the text of ${name} (Shift+Enter)`}
            onClick={() => actions.run(cell, "stay")}
          />
        )}
      </div>
      <div class="notebooks-body">
        {read ? (
          <TextView cell={cell} name={name} onEdit={() => edit(cell, actions)} />
        ) : (
          <SourceView
            cell={cell}
            label="Source"
            language={
              type === "code" ? notebook.kernel.spec.value?.language : type === "markdown" ? "markdown" : undefined
            }
            hint={type === "code" ? codeHint(notebook) : type === "markdown" ? "Markdown" : "Raw text"}
            focus={mine?.editor ? mine.count : 0}
            onChange={() => notebook.changed()}
            onFocus={select}
            onRun={then => actions.run(cell, then)}
            onLeave={to => leave(notebook, cell, to, actions)}
          />
        )}
        {type === "code" && <Said notebook={notebook} cell={cell} name={name} />}
      </div>
      <CellTools notebook={notebook} cell={cell} name={name} actions={actions} />
    </article>
  );
}

function RunButton(props: { notebook: Notebook; cell: Cell; name: string; actions: CellActions }) {
  const { notebook, cell, name, actions } = props;
  const state = cell.state.value;
  const count = cell.executionCount.value;
  return (
    <>
      {state === "idle" ? (
        <Button
          kind="ghost"
          icon="play"
          label={`Run ${name} (Shift+Enter)`}
          onClick={() => actions.run(cell, "stay")}
        />
      ) : (
        <Button
          kind="ghost"
          icon="stop"
          label={state === "running" ? `Interrupt ${name}` : `Do not run ${name}, which waits`}
          onClick={() => (state === "running" ? void interrupt(notebook) : notebook.kernel.unqueue(cell))}
        />
      )}
      <span class="notebooks-count mono muted" role="status">
        {state === "running" ? (
          <>
            <Spinner />
            <span class="visually-hidden">Running</span>
          </>
        ) : state === "queued" ? (
          <>
            …<span class="visually-hidden">Waits for its turn</span>
          </>
        ) : (
          `[${count ?? " "}]`
        )}
      </span>
    </>
  );
}

function TextView(props: { cell: Cell; name: string; onEdit: () => void }) {
  const { cell, name } = props;
  const text = cell.source.value;
  const attachment = useMemo(() => attachmentsOf(cell.attachments), [cell]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Enter on the cell does the same.
    <div class="notebooks-read" onDblClick={props.onEdit}>
      {text.trim() === "" ? (
        <p class="notebooks-note">An empty text. Enter, or a double click, writes it.</p>
      ) : (
        <MarkdownView label={`Text of ${name}`} text={text} attachment={attachment} />
      )}
    </div>
  );
}

/** What a cell of code said, and how it went. */
function Said(props: { notebook: Notebook; cell: Cell; name: string }) {
  const { cell, name } = props;
  const outputs = cell.outputs.value;
  const running = cell.state.value === "running";
  const request = cell.input.value;
  const problem = cell.problem.value;
  const hidden = useSignal(false);
  return (
    <>
      {outputs.length > 0 && (
        <section class="notebooks-outputs" aria-label={`What ${name} said`}>
          {hidden.value ? null : <OutputsView outputs={outputs} name={name} growing={running} />}
          <button
            type="button"
            class="notebooks-fold"
            aria-expanded={!hidden.value}
            onClick={() => {
              hidden.value = !hidden.value;
            }}
          >
            {hidden.value ? "Show the output" : "Hide"}
          </button>
        </section>
      )}
      {request !== undefined && <InputView request={request} active />}
      {problem !== undefined && (
        <p class="notebooks-problem" role="alert">
          {messageOf(problem)}
          <ErrorCode error={problem} />
        </p>
      )}
      {cell.duration.value !== undefined && cell.duration.value >= 500 && !running && (
        <p class="notebooks-took muted">{formatDuration(cell.duration.value)}</p>
      )}
    </>
  );
}

function CellTools(props: { notebook: Notebook; cell: Cell; name: string; actions: CellActions }) {
  const { notebook, cell, name, actions } = props;
  const at = notebook.indexOf(cell.id);
  const type = cell.type.value;
  const idle = cell.state.value === "idle";
  return (
    <div class="notebooks-tools">
      <MenuButton
        kind="ghost"
        icon="more"
        label={`More for ${name}`}
        items={() => [
          ...(type === "markdown"
            ? [{ title: "Edit the text", icon: "edit" as const, keys: "Enter", run: () => edit(cell, actions) }]
            : []),
          { title: "New cell above", icon: "arrowUp", keys: "A", run: () => add(notebook, at, actions) },
          { title: "New cell below", icon: "arrowDown", keys: "B", run: () => add(notebook, at + 1, actions) },
          { separator: true },
          { title: "Move up", disabled: at === 0, run: () => notebook.move(cell, -1) },
          {
            title: "Move down",
            disabled: at === notebook.cells.peek().length - 1,
            run: () => notebook.move(cell, 1),
          },
          { separator: true },
          {
            title: "Code",
            checked: type === "code",
            disabled: !idle,
            keys: "Y",
            run: () => notebook.convert(cell, "code"),
          },
          {
            title: "Text (Markdown)",
            checked: type === "markdown",
            disabled: !idle,
            keys: "M",
            run: () => notebook.convert(cell, "markdown"),
          },
          { title: "Raw", checked: type === "raw", disabled: !idle, run: () => notebook.convert(cell, "raw") },
          { separator: true },
          {
            title: "Clear the output",
            disabled: !idle || cell.outputs.peek().length === 0,
            run: () => {
              cell.clear();
              notebook.changed();
            },
          },
          { title: "Delete the cell", icon: "trash", danger: true, disabled: !idle, run: () => notebook.remove(cell) },
        ]}
      />
    </div>
  );
}

function edit(cell: Cell, actions: CellActions): void {
  cell.editing.value = true;
  actions.focus(cell, true);
}

function add(notebook: Notebook, at: number, actions: CellActions): void {
  actions.focus(notebook.insert(at, "code"), true);
}

function leave(notebook: Notebook, cell: Cell, to: "cell" | "before" | "after", actions: CellActions): void {
  const by = { cell: 0, before: -1, after: 1 }[to];
  const next = notebook.cells.peek()[notebook.indexOf(cell.id) + by];
  if (next !== undefined) actions.focus(next, by !== 0 && (next.type.peek() === "code" || next.editing.peek()));
}

/** A notebook of one cell may be somebody's first. */
function codeHint(notebook: Notebook): string {
  return notebook.cells.peek().length > 1 ? "" : phone.peek() ? "Code" : "Code, which Shift+Enter runs";
}

/** Pictures of a text cell as `data:` addresses. */
function attachmentsOf(all: JsonObject): (name: string) => string | undefined {
  return name => {
    const bundle = all[decodeURIComponent(name)];
    if (typeof bundle !== "object" || bundle === null) return undefined;
    const [found] = Object.entries(bundle as JsonObject).filter(([mime]) => mime.startsWith("image/"));
    return found === undefined ? undefined : `data:${found[0]};base64,${String(found[1]).replace(/\s/g, "")}`;
  };
}
