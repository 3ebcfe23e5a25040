/** Chromium, as all tests start it. */

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where it is: `SANDWIRE_CHROMIUM`, else Debian's. */
const { SANDWIRE_CHROMIUM: CHROMIUM = "/usr/bin/chromium" } = process.env;

/** No GPU, no sandbox of its own, and nothing that calls home. */
const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-gpu",
];

/** Starts it. */
export async function launchChromium(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`${CHROMIUM} is not there: \`apt-get install chromium\`, or set SANDWIRE_CHROMIUM to where it is`);
  }
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}
