/** The form that takes a token, shown to whom the server does not know. */

import { useSignal } from "@preact/signals";
import { Button } from "../ui/button.tsx";
import { TextField } from "../ui/field.tsx";
import { Logo } from "../ui/icon.tsx";
import { Spinner } from "../ui/states.tsx";
import { signIn } from "./session.ts";

/** The form. */
export function SignIn(props: { onSignedIn: () => void }) {
  const token = useSignal("");
  const error = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    if (token.value.trim() === "") {
      error.value = "Enter the token that the server was started with.";
      return;
    }
    busy.value = true;
    error.value = await signIn(token.value.trim());
    busy.value = false;
    if (error.value !== undefined) return;
    token.value = "";
    props.onSignedIn();
  };
  return (
    <main class="signin">
      <div class="signin-card">
        <span class="signin-logo">
          <Logo size={32} />
        </span>
        <h1>Sign in to this sandbox</h1>
        <p class="muted">Enter its token, or open the link with a ticket that the server printed when it started.</p>
        <form onSubmit={submit}>
          <TextField
            label="Token"
            name="token"
            type="password"
            autoComplete="current-password"
            mono
            value={token.value}
            error={error.value}
            onInput={value => {
              token.value = value;
              error.value = undefined;
            }}
          />
          <Button kind="primary" type="submit" disabled={busy.value}>
            {busy.value && <Spinner />}
            Sign in
          </Button>
        </form>
      </div>
    </main>
  );
}
