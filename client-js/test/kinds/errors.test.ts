/** There is a class to catch each error of the contract by. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as api from "../../src/index.ts";
import { AbortError, FileNotFoundError, NotFoundError, SandwireError, TimeoutError } from "../../src/index.ts";

const VECTORS = join(import.meta.dirname, "../../../protocol/vectors/codes.json");
const { codes } = JSON.parse(readFileSync(VECTORS, "utf8")) as { codes: { code: string }[] };

/** Those that have a class of their own name, or mean nothing that one could catch. */
const OTHERWISE = ["CANCELLED", "TIMEOUT", "UNKNOWN_ERROR"];

/** `FileNotFoundError` of `FILE_NOT_FOUND`. */
const nameOf = (code: string): string =>
  `${code
    .replace(/_ERROR$/, "")
    .split("_")
    .map(word => word.charAt(0) + word.slice(1).toLowerCase())
    .join("")}Error`;

describe("the errors", () => {
  it.each(codes.map(({ code }) => code).filter(code => !OTHERWISE.includes(code)))("have a class for %s", code => {
    const found: unknown = Reflect.get(api, nameOf(code));
    expect(found).toBeTypeOf("function");
    const Class = found as api.ErrorClass<string>;
    expect(new SandwireError(code, "message")).toBeInstanceOf(Class);
    expect(new Class("message", { path: "x" })).toMatchObject({ code, message: "message", context: { path: "x" } });
    expect(new Class("message")).toBeInstanceOf(SandwireError);
    expect(new SandwireError("ANOTHER", "message")).not.toBeInstanceOf(Class);
    expect(new Error(code)).not.toBeInstanceOf(Class);
  });

  it("are caught by their families, too, and by the names of the platform", () => {
    const missing = new NotFoundError("FILE_NOT_FOUND", "no file");
    expect(missing).toBeInstanceOf(FileNotFoundError);
    expect(new AbortError()).toMatchObject({ name: "AbortError", code: "CANCELLED" });
    expect(new TimeoutError("late")).toMatchObject({ name: "TimeoutError", code: "TIMEOUT" });
  });
});
