/** The shared components. */

export { Button, type ButtonProps } from "./button.tsx";
export { Dialog, FormDialog } from "./dialog.tsx";
export { TextField, type TextFieldProps } from "./field.tsx";
export { formatAgo, formatBytes, formatDuration, formatPercent, formatTime } from "./format.ts";
export { Icon, type IconName } from "./icon.tsx";
export { KeyHint } from "./key-hint.tsx";
export { Details, type Fact, Facts, ListDetails } from "./list-details.tsx";
export { ListDialog } from "./list-dialog.tsx";
export { MenuButton, type MenuItem } from "./menu.tsx";
export { Panel } from "./panel.tsx";
export { SplitPane } from "./split-pane.tsx";
export {
  Badge,
  Dot,
  EmptyState,
  ErrorState,
  Loading,
  Spinner,
  StatusBadge,
  type StatusText,
  type Tone,
} from "./states.tsx";
export { type Column, Table } from "./table.tsx";
export { type Tab, Tabs, tabId, tabPanelId } from "./tabs.tsx";
