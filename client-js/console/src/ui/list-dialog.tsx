/** A dialog with all that there are of something in the sandbox, and what can be done with each. */

import type { ComponentChildren } from "preact";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { ErrorState, Loading } from "./states.tsx";

/** The list, open while it is mounted. */
export function ListDialog<Row>(props: {
  title: string;
  /** Absent until they are known. */
  rows: readonly Row[] | undefined;
  keyOf: (row: Row) => string;
  row: (row: Row) => { title: ComponentChildren; note: ComponentChildren; tools: ComponentChildren };
  /** Shown when there are none. */
  empty: ComponentChildren;
  /** Why they are not known. */
  error: unknown;
  onRetry?: () => void;
  onClose: () => void;
}) {
  const { rows, onRetry, onClose } = props;
  return (
    <Dialog title={props.title} wide onClose={onClose}>
      {rows === undefined ? (
        props.error === undefined ? (
          <Loading />
        ) : (
          <ErrorState title="The list cannot be had" error={props.error} {...(onRetry && { onRetry })} />
        )
      ) : rows.length === 0 ? (
        props.empty
      ) : (
        <ul class="dialog-list">
          {rows.map(one => {
            const { title, note, tools } = props.row(one);
            return (
              <li key={props.keyOf(one)} class="dialog-list-row">
                <div class="dialog-list-text">
                  <span class="truncate">{title}</span>
                  <span class="muted truncate">{note}</span>
                </div>
                {tools}
              </li>
            );
          })}
        </ul>
      )}
      <div class="dialog-actions">
        <Button kind="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
