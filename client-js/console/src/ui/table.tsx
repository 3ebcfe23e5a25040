/** A table whose rows can be sorted, walked with the arrows and opened with Enter. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

/** A column. */
export interface Column<Row> {
  /** Unique in its table. */
  readonly id: string;
  readonly title: string;
  cell(row: Row): ComponentChildren;
  /** What is sorted by; without it the column cannot be sorted. */
  sort?(row: Row): string | number;
  readonly align?: "right";
  /** `name`: the name of the row, which has room. `rest`: has the room that is left, and is cut. Default: what it needs. */
  readonly width?: "name" | "rest";
  /** Whether a phone leaves it out. Default: false. */
  readonly wideOnly?: boolean;
  /** Whether the heading is only for screen readers. Default: false. */
  readonly hideTitle?: boolean;
}

/** Shows rows. */
export function Table<Row>(props: {
  /** Its name for screen readers. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string | number;
  /** Enter, or a click on the row. */
  onOpen?: (row: Row) => void;
  selected?: string | number | undefined;
  /** The column that is sorted by at first. */
  sortBy?: string;
  sortDescending?: boolean;
}) {
  const { columns, rows, keyOf, onOpen } = props;
  const [sort, setSort] = useState({ by: props.sortBy, descending: props.sortDescending ?? false });
  const by = columns.find(column => column.id === sort.by)?.sort;
  const shown = by === undefined ? rows : [...rows].sort((a, b) => compare(by(a), by(b)) * (sort.descending ? -1 : 1));
  const body = useRef<HTMLTableSectionElement>(null);
  // The row that is selected is seen, also when something takes half of the room.
  useEffect(() => {
    body.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [props.selected]);
  // The row that the Tab key comes to: the one that is selected, when it is not filtered out.
  const at = shown.findIndex(row => keyOf(row) === props.selected);
  const stop = Math.max(0, at);
  const classOf = (column: Column<Row>) => (column.wideOnly ? "desktop-only-cell" : undefined);
  return (
    <table class="table" aria-label={props.label}>
      <thead>
        <tr>
          {columns.map(column => (
            <th
              key={column.id}
              scope="col"
              class={classOf(column)}
              data-align={column.align}
              data-width={column.width}
              aria-sort={
                column.id !== sort.by || !column.sort ? undefined : sort.descending ? "descending" : "ascending"
              }
            >
              {column.sort === undefined ? (
                <span class={column.hideTitle ? "visually-hidden" : undefined}>{column.title}</span>
              ) : (
                <button
                  type="button"
                  onClick={() =>
                    setSort({ by: column.id, descending: sort.by === column.id ? !sort.descending : false })
                  }
                >
                  {column.title}
                  {column.id === sort.by && <Icon name={sort.descending ? "chevronDown" : "chevronUp"} size={12} />}
                </button>
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        {shown.map((row, index) => (
          <tr
            key={keyOf(row)}
            tabIndex={onOpen ? (index === stop ? 0 : -1) : undefined}
            data-clickable={onOpen ? "true" : undefined}
            aria-selected={props.selected === undefined ? undefined : keyOf(row) === props.selected}
            onClick={event => {
              if (!(event.target as Element).closest("button, a, input")) onOpen?.(row);
            }}
            onKeyDown={event => {
              if (event.target !== event.currentTarget) return;
              if (event.key === "Enter") onOpen?.(row);
              else if (event.key === "ArrowDown") step(event, event.currentTarget.nextElementSibling);
              else if (event.key === "ArrowUp") step(event, event.currentTarget.previousElementSibling);
            }}
          >
            {columns.map(column => (
              <td key={column.id} class={classOf(column)} data-align={column.align} data-width={column.width}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function step(event: Event, to: Element | null): void {
  event.preventDefault();
  if (to instanceof HTMLElement) to.focus();
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}
