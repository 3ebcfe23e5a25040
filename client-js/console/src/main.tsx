/** The console's entry. */

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/ui.css";
import "./styles/floating.css";
import { render } from "preact";
import { closeOnLeave, start, watchTraffic } from "./app/connection.ts";
import { Frame } from "./app/frame.tsx";
import { listenForKeys } from "./app/keys.ts";
import { watchLoad } from "./app/load.ts";
import { adaptToPolicy } from "./app/policy.ts";
import { applyTheme } from "./app/theme.ts";
import { markKeyboard } from "./app/viewport.ts";

adaptToPolicy();
markKeyboard();
applyTheme();
listenForKeys();
watchTraffic();
watchLoad();
closeOnLeave();
void start();

const root = document.getElementById("app");
if (root !== null) render(<Frame />, root);
