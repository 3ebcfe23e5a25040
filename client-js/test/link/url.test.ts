import { describe, expect, it } from "vitest";
import { completeUrl } from "../../src/dial.ts";

describe("a URL", () => {
  it.each([
    ["localhost:7070", "ws://localhost:7070/v1/connect"],
    ["http://h:1", "ws://h:1/v1/connect"],
    ["https://h/", "wss://h/v1/connect"],
    ["HTTPS://h", "wss://h/v1/connect"],
    ["wss://h/a/b?t=1", "wss://h/a/b?t=1"],
    ["ws://h?ticket=x", "ws://h/v1/connect?ticket=x"],
    ["[::1]:7070", "ws://[::1]:7070/v1/connect"],
    [" example.org/ ", "ws://example.org/v1/connect"],
    ["ws://u:p@h/#part", "ws://u:p@h/v1/connect"],
  ])("%s is completed to %s", (given, full) => {
    expect(completeUrl(given)).toBe(full);
  });

  it.each(["ftp://h", "", "ws://", "ws:///path", "ws://h:0/", "ws://h:99999", "ws://[::1]:99999/", "ws://h:1x", "a b"])(
    "%j is refused",
    given => {
      expect(() => completeUrl(given)).toThrow(expect.objectContaining({ code: "VALIDATION_FAILED" }));
    },
  );
});
