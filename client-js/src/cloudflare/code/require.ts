/** {@link withRequire}: `require` for code that was written for Node.js, in kernels that have ES modules only. */

/** Made once in a context, from its directory. */
const REQUIRE =
  'typeof require === "undefined" && (globalThis.require = process.getBuiltinModule("module").createRequire(process.cwd() + "/")); ';

/**
 * JavaScript and TypeScript that mentions `require`, with one that works; other code as it is. It stands in the first line, so
 * that the lines that errors name stay right.
 */
export const withRequire = (code: string, language: string): string =>
  /^(java|type)script$/.test(language) && /\brequire\b/.test(code) ? REQUIRE + code : code;
