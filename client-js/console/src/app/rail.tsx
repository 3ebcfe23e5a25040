/** The sections: on the left, on a phone at the bottom. */

import { useEffect, useRef } from "preact/hooks";
import { Icon, Logo } from "../ui/icon.tsx";
import { Dot } from "../ui/states.tsx";
import { panels } from "./panels.ts";
import { href, route } from "./routes.ts";
import { describe } from "./status-bar.tsx";
import { theme, toggleTheme } from "./theme.ts";

/** The sections. */
export function Rail(props: { onPalette: () => void }) {
  const { tone, text } = describe();
  const rail = useRef<HTMLElement>(null);
  const { panel: shown } = route.value;
  // On a phone not all of them fit.
  useEffect(() => {
    rail.current
      ?.querySelector(`[data-panel="${CSS.escape(shown)}"]`)
      ?.scrollIntoView({ inline: "center", block: "nearest" });
  }, [shown]);
  return (
    <nav ref={rail} class="rail" aria-label="Sections">
      <div class="rail-logo">
        <Logo />
      </div>
      {panels.map(panel => (
        <a
          key={panel.id}
          class="rail-item"
          data-panel={panel.id}
          href={href(panel.id)}
          aria-current={route.value.panel === panel.id ? "page" : undefined}
        >
          <Icon name={panel.icon} size={18} />
          {panel.title}
        </a>
      ))}
      <div class="rail-space" />
      <button type="button" class="rail-item" onClick={props.onPalette}>
        <span class="rail-mark">
          <Icon name="command" size={18} />
          <span class="phone-only">
            <Dot tone={tone} />
          </span>
        </span>
        Actions
        <span class="phone-only visually-hidden">, {text}</span>
      </button>
      <button type="button" class="rail-item rail-extra" onClick={toggleTheme}>
        <Icon name={theme.value === "dark" ? "sun" : "moon"} size={18} />
        {theme.value === "dark" ? "Light" : "Dark"}
      </button>
    </nav>
  );
}
