/** Text that code wrote: its end while it is long, all of it when that is asked for. */

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { formatBytes } from "../../ui/index.ts";
import { AnsiText } from "../../ui/log/ansi-view.tsx";

/** Characters that are drawn of a text that is not opened. */
const SHUT = 24 * 1024;
/** Lines beyond which a text is not drawn in its whole height. */
const MOST_LINES = 24;

/** Shows a text. */
export function StreamView(props: {
  label: string;
  text: string;
  tone?: "stderr" | "error";
  /** Characters before it that were not kept. */
  dropped?: number;
  /** Whether more may come: then its end stays in sight. */
  growing?: boolean;
}) {
  const { text, dropped = 0 } = props;
  const open = useSignal(false);
  const box = useRef<HTMLElement>(null);
  /** Whether the end is in sight. */
  const atEnd = useRef(true);
  const from = open.value || text.length <= SHUT ? 0 : startOfLine(text, text.length - SHUT);
  const shown = from === 0 ? text : text.slice(from);
  const lines = countLines(text);
  const long = lines > MOST_LINES || from > 0;
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && props.growing && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [shown, props.growing]);
  return (
    <div class="notebooks-stream" data-tone={props.tone}>
      {dropped > 0 && (
        <p class="notebooks-note">The first {formatBytes(dropped)} of this text are not kept in the page.</p>
      )}
      <section
        ref={box}
        class="notebooks-scroll"
        tabIndex={long && !open.value ? 0 : undefined}
        aria-label={props.label}
        data-shut={long && !open.value ? "true" : undefined}
        onScroll={event => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          atEnd.current = scrollTop + clientHeight >= scrollHeight - 4;
        }}
      >
        <pre class="notebooks-text ansi-text">
          <AnsiText text={shown.endsWith("\n") ? shown.slice(0, -1) : shown} />
        </pre>
      </section>
      {long && (
        <button
          type="button"
          class="notebooks-more"
          aria-expanded={open.value}
          onClick={() => {
            open.value = !open.value;
          }}
        >
          {open.value ? "Show less" : `Show all ${lines.toLocaleString("en")} lines`}
        </button>
      )}
    </div>
  );
}

function countLines(text: string): number {
  let count = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < text.length - 1; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}

function startOfLine(text: string, at: number): number {
  const next = text.indexOf("\n", at);
  return next < 0 ? at : next + 1;
}
