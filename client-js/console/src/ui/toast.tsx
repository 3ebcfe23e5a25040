/** Draws the messages of `app/toasts.ts`. */

import { dismiss, type Toast, toasts } from "../app/toasts.ts";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";

/** The messages. Mounted once, and always: a live region that appears with its text is not read out. */
export function Toasts() {
  const errors = toasts.value.filter(toast => toast.tone === "danger");
  const others = toasts.value.filter(toast => toast.tone !== "danger");
  return (
    <div class="toasts">
      <div role="alert">
        {errors.map(toast => (
          <ToastCard key={toast.id} toast={toast} />
        ))}
      </div>
      <div role="status">
        {others.map(toast => (
          <ToastCard key={toast.id} toast={toast} />
        ))}
      </div>
    </div>
  );
}

function ToastCard(props: { toast: Toast }) {
  const { toast } = props;
  const icon = toast.tone === "danger" ? "warning" : toast.tone === "ok" ? "check" : "info";
  return (
    <div class="floating toast" data-tone={toast.tone}>
      <Icon name={icon} />
      <div class="toast-text">
        {toast.text}
        {toast.detail !== undefined && <div class="toast-detail">{toast.detail}</div>}
      </div>
      {toast.action && (
        <Button
          kind="ghost"
          onClick={() => {
            toast.action?.run();
            dismiss(toast.id);
          }}
        >
          {toast.action.title}
        </Button>
      )}
      <Button kind="ghost" icon="close" label="Dismiss" onClick={() => dismiss(toast.id)} />
    </div>
  );
}
