/** JSON as a tree that is opened level by level: only what is seen is drawn. */

import { useSignal } from "@preact/signals";
import type { Json } from "./ipynb.ts";

/** Children that are drawn at first, and more with each click. */
const STEP = 100;
/** Characters of a text that are drawn. */
const MOST_TEXT = 2000;

/** Shows a value; `open` says whether its first level is. */
export function JsonTree(props: { label: string; value: Json; open?: boolean }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
    <section class="notebooks-json mono" aria-label={props.label} tabIndex={0}>
      <Node value={props.value} open={props.open ?? true} />
    </section>
  );
}

function Node(props: { name?: string; value: Json; open: boolean }) {
  const { name, value } = props;
  const open = useSignal(props.open);
  const shown = useSignal(STEP);
  const label = name === undefined ? null : <span class="notebooks-json-name">{name}: </span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div class="notebooks-json-row">
        {label}
        <Leaf value={value} />
      </div>
    );
  }
  const entries = Object.entries(value as Record<string, Json>);
  const [from, to] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) {
    return (
      <div class="notebooks-json-row">
        {label}
        {from + to}
      </div>
    );
  }
  return (
    <div>
      <button
        type="button"
        class="notebooks-json-row"
        aria-expanded={open.value}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <span class="notebooks-json-mark" aria-hidden="true">
          {open.value ? "▾" : "▸"}
        </span>
        {label}
        {from}
        {!open.value && (
          <span class="muted">
            {" "}
            {entries.length} {to}
          </span>
        )}
      </button>
      {open.value && (
        <div class="notebooks-json-children">
          {entries.slice(0, shown.value).map(([key, child]) => (
            <Node key={key} name={key} value={child} open={false} />
          ))}
          {entries.length > shown.value && (
            <button
              type="button"
              class="notebooks-json-row"
              onClick={() => {
                shown.value += STEP * 10;
              }}
            >
              {(entries.length - shown.value).toLocaleString("en")} more…
            </button>
          )}
        </div>
      )}
      {open.value && <div class="notebooks-json-row">{to}</div>}
    </div>
  );
}

function Leaf(props: { value: null | boolean | number | string }) {
  const { value } = props;
  const text = JSON.stringify(value);
  return (
    <span class={`notebooks-json-${value === null ? "null" : typeof value}`}>
      {text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text}
    </span>
  );
}
