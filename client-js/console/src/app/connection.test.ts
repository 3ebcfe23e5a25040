import { expect, onTestFinished, test, vi } from "vitest";
import { access, start } from "./connection.ts";

test("who asks for a connection while one is being made gets no second one", async () => {
  const dialled: EventTarget[] = [];
  /** Dials for as long as the test likes. */
  class Dialling extends EventTarget {
    readyState = 0;
    constructor() {
      super();
      dialled.push(this);
    }
    close(): void {}
  }
  vi.stubGlobal("WebSocket", Dialling);
  vi.stubGlobal("fetch", () => Promise.reject(new Error("nobody is there")));
  vi.stubGlobal("document", { baseURI: "http://127.0.0.1:1/" });
  onTestFinished(() => void vi.unstubAllGlobals());
  /** Nobody is there, for all who have dialled. */
  const fail = async (count: number) => {
    await vi.waitFor(() => expect(dialled.length).toBe(count));
    for (const socket of dialled) socket.dispatchEvent(new Event("error"));
  };

  const asked = [start(), start(), start()];
  expect(access.value.is).toBe("checking");
  await fail(1);
  await Promise.all(asked);
  expect(access.value.is).toBe("unreachable");
  // Afterwards it is tried again.
  const again = start();
  await fail(2);
  await again;
  expect(access.value.is).toBe("unreachable");
});
