/** How tests run: `npx vitest run`, or with a part of a file's name behind it. */

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "console/**/*.test.ts"],
    globalSetup: "test/harness/temporary.ts",
    // Real servers, shells and browsers on a busy machine; what hangs fails, what is slow does not.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Also where there are two cores: mostly they wait for servers, shells and browsers.
    maxWorkers: 3,
  },
});
