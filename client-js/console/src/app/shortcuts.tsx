/** The list of keyboard shortcuts. */

import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { KeyHint } from "../ui/key-hint.tsx";
import { actions } from "./actions.ts";

/** The list, open while it is mounted. */
export function Shortcuts(props: { onClose: () => void }) {
  const groups = new Map<string, { title: string; keys: readonly string[] }[]>();
  for (const action of actions.list()) {
    if (action.keys === undefined || action.keys.length === 0) continue;
    groups.set(action.group, [...(groups.get(action.group) ?? []), { title: action.title, keys: action.keys }]);
  }
  return (
    <Dialog title="Keyboard shortcuts" wide onClose={props.onClose}>
      <p class="dialog-text">
        While a terminal has the focus, only keys with <KeyHint keys="Ctrl+Shift" /> (on a Mac also ⌘) belong to this
        page. All others go to the program in the terminal. <KeyHint keys="Ctrl+Shift+V" /> pastes there, and a link
        opens with <KeyHint keys="Mod" /> and a click.
      </p>
      <div class="shortcut-grid">
        {[...groups].map(([group, rows]) => (
          <section key={group} class="shortcut-group">
            <h3>{group}</h3>
            {rows.map(row => (
              <div key={row.title} class="shortcut-row">
                <span>{row.title}</span>
                <span class="shortcut-keys">
                  {row.keys.map(keys => (
                    <KeyHint key={keys} keys={keys} />
                  ))}
                </span>
              </div>
            ))}
          </section>
        ))}
      </div>
      <div class="dialog-actions">
        <Button kind="primary" onClick={props.onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
