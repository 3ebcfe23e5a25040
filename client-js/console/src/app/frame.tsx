/** The frame: rail, panels, status bar, and what floats above them. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Questions } from "../ui/dialog.tsx";
import { Toasts } from "../ui/toast.tsx";
import { registerActions, useActions } from "./actions.ts";
import { ConnectionBanner } from "./banner.tsx";
import { access, session, start } from "./connection.ts";
import { CommandPalette } from "./palette.tsx";
import { PanelHost } from "./panel-host.tsx";
import { panels } from "./panels.ts";
import { Rail } from "./rail.tsx";
import { navigate, route } from "./routes.ts";
import { signOut } from "./session.ts";
import { Shortcuts } from "./shortcuts.tsx";
import { SignIn } from "./sign-in.tsx";
import { StatusBar } from "./status-bar.tsx";
import { toggleTheme } from "./theme.ts";
import { toastError } from "./toasts.ts";

/** What floats above the panels. */
type Overlay = "palette" | "shortcuts" | undefined;

/** The page. */
export function Frame() {
  const overlay = useSignal<Overlay>(undefined);
  const open = (what: Overlay) => {
    overlay.value = what;
  };
  useEffect(
    () =>
      registerActions([
        ...panels.map((panel, index) => ({
          id: `go.${panel.id}`,
          title: `Go to ${panel.title.toLowerCase()}`,
          group: "Go to",
          icon: panel.icon,
          keys: [`Ctrl+Shift+${index + 1}`],
          run: () => navigate(panel.id),
        })),
        {
          id: "palette",
          title: "Command palette",
          group: "General",
          icon: "command",
          keys: ["Mod+K", "F1", "Ctrl+Shift+P"],
          hidden: true,
          run: () => open("palette"),
        },
        {
          id: "shortcuts",
          title: "Keyboard shortcuts",
          group: "General",
          icon: "keyboard",
          keys: ["?", "Ctrl+Shift+?"],
          run: () => open("shortcuts"),
        },
        { id: "theme", title: "Switch between dark and light", group: "General", icon: "moon", run: toggleTheme },
      ]),
    [],
  );

  const signedIn = session.value !== undefined && !session.value.open;
  useActions(signedIn, [
    { id: "sign-out", title: "Sign out", group: "General", icon: "signOut", run: () => void leave() },
  ]);

  const now = access.value;
  const title = panels.find(panel => panel.id === route.value.panel)?.title;
  useEffect(() => {
    document.title = title === undefined ? "sandwire" : `${title} · sandwire`;
  }, [title]);

  return (
    <>
      {now.is === "signed-out" ? (
        <SignIn onSignedIn={start} />
      ) : (
        <div class="frame">
          <button type="button" class="skip" onClick={skipToMain}>
            Skip to content
          </button>
          <Rail onPalette={() => open("palette")} />
          <main class="main" id="main" tabIndex={-1}>
            <ConnectionBanner />
            <PanelHost />
          </main>
          <StatusBar onShortcuts={() => open("shortcuts")} onPalette={() => open("palette")} />
        </div>
      )}
      {overlay.value === "palette" && <CommandPalette onClose={() => open(undefined)} />}
      {overlay.value === "shortcuts" && <Shortcuts onClose={() => open(undefined)} />}
      <Questions />
      <Toasts />
    </>
  );
}

async function leave(): Promise<void> {
  try {
    await signOut();
  } catch (error) {
    toastError("Signing out did not work", error);
  }
}

function skipToMain(): void {
  document.getElementById("main")?.focus();
}
