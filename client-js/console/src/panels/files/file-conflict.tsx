/** Says that a file and what is open of it have gone apart, and lets the person say which one holds. */

import { confirm } from "../../app/dialogs.ts";
import { Button, Icon } from "../../ui/index.ts";
import { nameOf, shown } from "./paths.ts";

/** The file is another now, or gone, and there are changes here. */
export type Conflict = "changed" | "gone";

/** Shows a conflict; nothing when there is none. */
export function FileConflict(props: {
  /** The look of the panel that it stands in. */
  class: string;
  path: string;
  conflict: Conflict | undefined;
  /** What is lost with what the file has now. */
  lost: string;
  /** Reads the file again. */
  onRead: () => Promise<void>;
  /** Writes what is here, whatever the file has. */
  onSave: () => void;
}) {
  const { conflict } = props;
  if (conflict === undefined) return null;
  const read = async () => {
    const yes = await confirm({
      title: `Read ${shown(nameOf(props.path))} again?`,
      text: props.lost,
      action: "Read again",
      danger: true,
    });
    if (yes) await props.onRead();
  };
  return (
    <div class={props.class} data-tone="warn" role="alert">
      <Icon name="warning" />
      <span>
        {conflict === "changed"
          ? "The file was changed by somebody else since it was read, and you have changes that are not saved."
          : "The file is gone."}
      </span>
      {conflict === "changed" && <Button onClick={() => void read()}>Take theirs</Button>}
      <Button kind="primary" onClick={props.onSave}>
        {conflict === "changed" ? "Save mine" : "Save it again"}
      </Button>
    </div>
  );
}
