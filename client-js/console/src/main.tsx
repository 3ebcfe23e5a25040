/** The console's entry. */

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/ui.css";
import { render } from "preact";
import { start, watchTraffic } from "./app/connection.ts";
import { Frame } from "./app/frame.tsx";
import { listenForKeys } from "./app/keys.ts";
import { passNonceToStyles } from "./app/nonce.ts";
import { applyTheme } from "./app/theme.ts";
import { markKeyboard } from "./app/viewport.ts";

passNonceToStyles();
markKeyboard();
applyTheme();
listenForKeys();
watchTraffic();
void start();

const root = document.getElementById("app");
if (root !== null) render(<Frame />, root);
