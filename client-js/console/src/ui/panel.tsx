/** The outside of every panel: a heading, its tools, its content. */

import type { ComponentChildren } from "preact";

/** A panel's heading with tools on the right, and below it what scrolls. */
export function Panel(props: {
  title: string;
  /** Beside the title: a filter, a path. */
  lead?: ComponentChildren;
  /** On the right: buttons. */
  tools?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="panel" aria-label={props.title}>
      <header class="header panel-header">
        <h1 class="panel-title">{props.title}</h1>
        <div class="panel-lead">{props.lead}</div>
        <div class="panel-tools">{props.tools}</div>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys, also without anything to press in it. */}
      <div class="panel-body" tabIndex={0}>
        {props.children}
      </div>
    </section>
  );
}
