/** Modal dialogs on the browser's own `<dialog>`: it keeps the focus inside and gives it back afterwards. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { type Choice, type Confirm, type Prompt, question } from "../app/dialogs.ts";
import { messageOf, toastError } from "../app/toasts.ts";
import { Button } from "./button.tsx";
import { TextField } from "./field.tsx";
import { Spinner } from "./states.tsx";

/** A modal dialog, open while it is mounted. Escape and a click beside it call `onClose`. */
export function Dialog(props: {
  /** Its heading, or its name when `bare`. */
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
  /** Without heading and padding. Default: false. */
  bare?: boolean;
  class?: string;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Not an effect: that would give the focus back after whoever was answered has put it somewhere.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      dialog?.close();
      // Taking the element away would leave the focus nowhere.
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the click beside the dialog has Escape as its key (onCancel).
    <dialog
      ref={ref}
      class={props.class ? `floating dialog ${props.class}` : "floating dialog"}
      data-wide={props.wide ? "true" : undefined}
      aria-labelledby={props.bare ? undefined : id}
      aria-label={props.bare ? props.title : undefined}
      onCancel={event => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={event => {
        if (event.target === event.currentTarget) props.onClose();
      }}
    >
      {props.bare ? (
        props.children
      ) : (
        <div class="dialog-form">
          <h2 class="dialog-title" id={id}>
            {props.title}
          </h2>
          {props.children}
        </div>
      )}
    </dialog>
  );
}

/**
 * A dialog with fields. What its action rejects with is said below them, until something else is typed; when it is closed
 * by then, as a message.
 */
export function FormDialog(props: {
  title: string;
  /** Name of the button that does it. */
  action: string;
  /** Whether what stands in the fields can be sent. Default: true. */
  ready?: boolean;
  /** Does it. The signal is aborted when the dialog is closed before that is done: then nobody waits for it any more. */
  onSubmit: (closed: AbortSignal) => void | Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const { ready = true, onSubmit, onClose } = props;
  const busy = useSignal(false);
  const problem = useSignal<string | undefined>(undefined);
  const closed = useMemo(() => new AbortController(), []);
  useEffect(() => () => closed.abort(), [closed]);
  const submit = async () => {
    if (!ready || busy.value) return;
    busy.value = true;
    try {
      await onSubmit(closed.signal);
    } catch (error) {
      if (closed.signal.aborted) toastError(`${props.title}: that did not work`, error);
      else problem.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={props.title} onClose={onClose}>
      <form
        class="dialog-body"
        onInput={() => {
          problem.value = undefined;
        }}
        onSubmit={event => {
          event.preventDefault();
          void submit();
        }}
      >
        {props.children}
        {problem.value !== undefined && (
          <p class="field-error" role="alert">
            {problem.value}
          </p>
        )}
        <div class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={busy.value || !ready}>
            {busy.value && <Spinner />}
            {props.action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Shows the question of `app/dialogs.ts`. Mounted once. */
export function Questions() {
  const asked = question.value;
  // Another question is another dialog, also in the place of one that nobody has answered: it begins with nothing of that.
  if (asked?.kind === "confirm") return <ConfirmDialog key={asked.id} ask={asked.ask} answer={asked.answer} />;
  if (asked?.kind === "prompt") return <PromptDialog key={asked.id} ask={asked.ask} answer={asked.answer} />;
  return null;
}

function ConfirmDialog(props: { ask: Confirm; answer: (choice: Choice) => void }) {
  const { ask, answer } = props;
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <Dialog title={ask.title} onClose={() => answer("no")}>
      {ask.text !== undefined && <p class="dialog-text">{ask.text}</p>}
      <div class="dialog-actions">
        {/* What cannot be undone must not be one careless Enter away. */}
        <Button buttonRef={ask.danger ? first : null} onClick={() => answer("no")}>
          Cancel
        </Button>
        {ask.other !== undefined && <Button onClick={() => answer("other")}>{ask.other}</Button>}
        <Button
          kind={ask.danger ? "danger" : "primary"}
          buttonRef={ask.danger ? null : first}
          onClick={() => answer("yes")}
        >
          {ask.action}
        </Button>
      </div>
    </Dialog>
  );
}

function PromptDialog(props: { ask: Prompt; answer: (text: string | undefined) => void }) {
  const { ask, answer } = props;
  const value = useSignal(ask.value ?? "");
  const touched = useSignal(false);
  const wrong = ask.check?.(value.value);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  return (
    <FormDialog
      title={ask.title}
      action={ask.action}
      onClose={() => answer(undefined)}
      onSubmit={() => {
        touched.value = true;
        if (wrong === undefined) answer(value.value);
      }}
    >
      {ask.text !== undefined && <p class="dialog-text">{ask.text}</p>}
      <TextField
        label={ask.label}
        value={value.value}
        {...(ask.placeholder === undefined ? {} : { placeholder: ask.placeholder })}
        error={touched.value ? wrong : undefined}
        inputRef={input}
        autoFocus
        onInput={text => {
          value.value = text;
        }}
      />
    </FormDialog>
  );
}
