/** The sections: on the left, on a phone at the bottom. */

import { Icon, Logo } from "../ui/icon.tsx";
import { panels } from "./panels.ts";
import { href, route } from "./routes.ts";
import { theme, toggleTheme } from "./theme.ts";

/** The sections. */
export function Rail(props: { onPalette: () => void }) {
  return (
    <nav class="rail" aria-label="Sections">
      <div class="rail-logo">
        <Logo />
      </div>
      {panels.map(panel => (
        <a
          key={panel.id}
          class="rail-item"
          href={href(panel.id)}
          aria-current={route.value.panel === panel.id ? "page" : undefined}
        >
          <Icon name={panel.icon} size={18} />
          {panel.title}
        </a>
      ))}
      <div class="rail-space" />
      <button type="button" class="rail-item rail-extra" onClick={props.onPalette}>
        <Icon name="command" size={18} />
        Actions
      </button>
      <button type="button" class="rail-item rail-extra" onClick={toggleTheme}>
        <Icon name={theme.value === "dark" ? "sun" : "moon"} size={18} />
        {theme.value === "dark" ? "Light" : "Dark"}
      </button>
    </nav>
  );
}
