/** What stands where content would be: nothing yet, waiting, went wrong; and small marks of state. */

import type { ComponentChildren } from "preact";
import { messageOf } from "../app/toasts.ts";
import { Button } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** How good or bad something is. */
export type Tone = "ok" | "warn" | "danger" | "info";

/** A state in words, never more than is known. */
export interface StatusText {
  readonly label: string;
  readonly tone: Tone | undefined;
  /** The rest of what is known, for a tooltip and the details. */
  readonly detail: string;
}

/** Says that there is nothing here, why, and what to do. */
export function EmptyState(props: {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
  /** Buttons. */
  actions?: ComponentChildren;
  tone?: "danger";
}) {
  return (
    <div class="empty" data-tone={props.tone}>
      <div class="empty-icon">
        <Icon name={props.icon} size={22} />
      </div>
      <h2 class="empty-title">{props.title}</h2>
      {props.children !== undefined && <div class="empty-text">{props.children}</div>}
      {props.actions !== undefined && <div class="empty-actions">{props.actions}</div>}
    </div>
  );
}

/** Says what went wrong, with a button to try again. */
export function ErrorState(props: { title: string; error: unknown; onRetry?: () => void }) {
  return (
    <EmptyState
      icon="warning"
      title={props.title}
      tone="danger"
      actions={
        props.onRetry && (
          <Button icon="refresh" onClick={props.onRetry}>
            Try again
          </Button>
        )
      }
    >
      <span role="alert">
        {messageOf(props.error)}
        <ErrorCode error={props.error} />
      </span>
    </EmptyState>
  );
}

/** The stable code of an error, by which it is found in the documentation; nothing when it has none. */
export function ErrorCode(props: { error: unknown }) {
  const { code } = (props.error ?? {}) as { code?: unknown };
  return typeof code === "string" ? <code class="error-code">{code}</code> : null;
}

/** Says that something is on its way. */
export function Loading(props: { children?: ComponentChildren }) {
  return (
    <div class="empty" role="status">
      <Spinner />
      <span class="muted">{props.children ?? "Loading…"}</span>
    </div>
  );
}

/** Turns while something is on its way. */
export function Spinner() {
  return <span class="spinner" aria-hidden="true" />;
}

/** A word on a coloured ground. */
export function Badge(props: { tone?: Tone; children: ComponentChildren }) {
  return (
    <span class="badge" data-tone={props.tone}>
      {props.children}
    </span>
  );
}

/** A state as a badge; the rest of what is known is its tooltip. */
export function StatusBadge(props: { status: StatusText }) {
  const { label, tone, detail } = props.status;
  return (
    <span title={detail}>
      <Badge {...(tone ? { tone } : {})}>{label}</Badge>
    </span>
  );
}

/** A coloured dot; what it means must stand beside it. */
export function Dot(props: { tone?: Tone | undefined }) {
  return <span class="dot" data-tone={props.tone} aria-hidden="true" />;
}
