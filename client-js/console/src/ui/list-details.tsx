/** A list, with the details of what is chosen in it below or beside it. A phone shows the details in the list's place. */

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import "./list-details.css";
import { Button } from "./button.tsx";
import { SplitPane } from "./split-pane.tsx";
import { StatusBadge, type StatusText } from "./states.tsx";

/** The list, which stays as it is when something is chosen: its order, its place and the focus in it. */
export function ListDetails(props: {
  /** `column`: the details stand below the list. `row`: beside it. */
  direction: "row" | "column";
  /** What the handle between them resizes, for screen readers. */
  label: string;
  /** Part of the length that the list has beside the details, 0 to 1. What is dragged is written to it. */
  ratio: Signal<number>;
  list: ComponentChildren;
  /** Absent: nothing is chosen. */
  details?: ComponentChildren;
  /** Said when what the address names is not there. */
  gone?: string | undefined;
}) {
  const { ratio, details, gone } = props;
  return (
    <div class="list-details" data-details={details === undefined ? undefined : "true"}>
      {gone !== undefined && (
        <p class="list-details-gone" role="status">
          {gone}
        </p>
      )}
      <SplitPane
        direction={props.direction}
        label={props.label}
        ratio={ratio.peek()}
        onRatio={value => {
          ratio.value = value;
        }}
        first={<div class="list-details-list">{props.list}</div>}
        second={details}
      />
    </div>
  );
}

/** The details: a heading with the name, the state and what can be done, and below it the rest. */
export function Details(props: {
  /** What it is, for screen readers: `Session work`. */
  label: string;
  name: string;
  status: StatusText;
  /** Beside the state, when there is room. */
  note?: ComponentChildren;
  /** Buttons. */
  tools: ComponentChildren;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const { onClose } = props;
  return (
    <section class="details" aria-label={props.label}>
      <header class="header details-header">
        <Button class="phone-only" kind="ghost" icon="arrowLeft" label="Back to the list" onClick={onClose} />
        <h2 class="details-name truncate mono">{props.name}</h2>
        <StatusBadge status={props.status} />
        <div class="details-note truncate desktop-only">{props.note}</div>
        <div class="details-tools">
          {props.tools}
          <Button class="desktop-only" kind="ghost" icon="close" label="Close details (Escape)" onClick={onClose} />
        </div>
      </header>
      {props.children}
    </section>
  );
}

/** A fact: its name, what it is, and whether that is a computer's word. Without a value it is left out. */
export type Fact = readonly [name: string, value: string | undefined, mono?: "mono"];

/** Facts, in as many columns as there is room for. */
export function Facts(props: { facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {props.facts.map(
        ([name, value, mono]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd class={mono}>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
