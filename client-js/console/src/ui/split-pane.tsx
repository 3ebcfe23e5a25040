/** Two sides with a handle between them that is dragged, or moved with the arrow keys. */

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";

/** Part of the length that either side keeps, and what an arrow key moves. */
const LEAST = 0.1;
const STEP = 0.02;

/** Two sides. What is dragged is remembered by whoever hears `onRatio`, or for as long as it is mounted. */
export function SplitPane(props: {
  /** `row`: side by side. `column`: one above the other. */
  direction: "row" | "column";
  /** Part of the first side, 0 to 1. */
  ratio: number;
  onRatio?: (ratio: number) => void;
  /** What the handle resizes, for screen readers. */
  label: string;
  first: ComponentChildren;
  /** Absent: the first has all the room. */
  second?: ComponentChildren;
}) {
  const { direction, label } = props;
  const box = useRef<HTMLDivElement>(null);
  const [ratio, setRatio] = useState(props.ratio);
  const [dragging, setDragging] = useState(false);

  const set = (wanted: number) => {
    const next = Math.min(1 - LEAST, Math.max(LEAST, wanted));
    setRatio(next);
    props.onRatio?.(next);
  };
  const follow = (event: PointerEvent) => {
    const area = box.current?.getBoundingClientRect();
    if (!dragging || area === undefined) return;
    set(direction === "row" ? (event.clientX - area.left) / area.width : (event.clientY - area.top) / area.height);
  };
  const [less, more] = direction === "row" ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];

  return (
    <div ref={box} class="split" data-direction={direction}>
      <div class="split-side" style={{ flex: `${props.second === undefined ? 1 : ratio} 1 0` }}>
        {props.first}
      </div>
      {props.second !== undefined && (
        <>
          {/* biome-ignore lint/a11y/useSemanticElements: an hr cannot be focused and moved; this is ARIA's window splitter. */}
          <div
            class="split-handle"
            role="separator"
            tabIndex={0}
            aria-label={label}
            aria-orientation={direction === "row" ? "vertical" : "horizontal"}
            aria-valuenow={Math.round(ratio * 100)}
            aria-valuemin={LEAST * 100}
            aria-valuemax={100 - LEAST * 100}
            data-dragging={dragging ? "true" : undefined}
            onPointerDown={event => {
              event.preventDefault();
              event.currentTarget.setPointerCapture(event.pointerId);
              setDragging(true);
            }}
            onPointerMove={follow}
            onPointerUp={() => setDragging(false)}
            onPointerCancel={() => setDragging(false)}
            onDblClick={() => set(0.5)}
            onKeyDown={event => {
              const by = event.key === less ? -STEP : event.key === more ? STEP : 0;
              if (by === 0) return;
              event.preventDefault();
              set(ratio + by);
            }}
          />
          <div class="split-side" style={{ flex: `${1 - ratio} 1 0` }}>
            {props.second}
          </div>
        </>
      )}
    </div>
  );
}
