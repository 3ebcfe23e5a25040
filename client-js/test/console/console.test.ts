/**
 * The console as a person uses it: headless Chromium, the real server, and the page that is built into it. All tests share
 * a browser and most of them a server. None passes when the browser complains: no error on its console, nothing that the
 * page's policy forbids, no request to another host, nothing serious that axe finds.
 */

import { afterAll, beforeAll, describe, vi } from "vitest";
import { Bench, SHOTS } from "./bench.ts";
import { fileTests } from "./files.ts";
import { keysAndSizesTests } from "./keys-and-sizes.ts";
import { sessionTests } from "./sessions.ts";
import { signInTests } from "./sign-in.ts";
import { terminalTests } from "./terminals.ts";
import { workTests } from "./work.ts";

// Each is a whole visit, on a machine that may be slow.
vi.setConfig({ testTimeout: 120_000 });

let bench: Bench;

beforeAll(async () => {
  bench = await Bench.start();
});
afterAll(async () => {
  await bench?.stop();
  process.stdout.write(`pictures of all pages are in ${SHOTS}\n`);
});

describe("signing in", () => signInTests(() => bench));
describe("terminals", () => terminalTests(() => bench));
describe("files", () => fileTests(() => bench));
describe("work", () => workTests(() => bench));
describe("sessions", () => sessionTests(() => bench));
describe("keys and sizes", () => keysAndSizesTests(() => bench));
