/** The ports of a sandbox as a person sees them: who listens and what is exposed, one row a port. */

import type { ExposedPort, ListeningPort } from "../../../../src/kinds/port/listing.ts";

type Listening = Pick<ListeningPort, "port" | "address" | "pid" | "command" | "process" | "terminal">;
type Exposed = Pick<ExposedPort, "port" | "name" | "url" | "localHost">;

/** A port. */
export interface PortRow {
  readonly port: number;
  /** Where somebody listens; empty when nobody does. */
  readonly addresses: readonly string[];
  /** Whether other machines could reach it without us, as far as its address says. */
  readonly open: boolean;
  readonly pid: number | undefined;
  readonly command: string | undefined;
  readonly process: string | undefined;
  readonly terminal: string | undefined;
  readonly exposed: Exposed | undefined;
}

/** The rows, by port. */
export function portRows(ports: readonly Listening[], exposed: readonly Exposed[]): PortRow[] {
  const numbers = new Set([...ports, ...exposed].map(each => each.port));
  return [...numbers]
    .sort((a, b) => a - b)
    .map(port => {
      const sockets = ports.filter(socket => socket.port === port);
      // One program often listens on an IPv4 and an IPv6 address; of different programs the first is named.
      const first = sockets.find(socket => socket.command !== undefined) ?? sockets[0];
      return {
        port,
        addresses: sockets.map(socket => socket.address),
        open: sockets.some(socket => !isLoopback(socket.address)),
        pid: first?.pid,
        command: first?.command,
        process: first?.process,
        terminal: first?.terminal,
        exposed: exposed.find(each => each.port === port),
      };
    });
}

/** The address of a preview: the host name of the port, with the path that the person typed. */
export function previewUrl(base: string, path: string): string {
  const clean = path.trim().replace(/^\/+/, "");
  const url = new URL(base);
  // Resolved below its own root, so that nothing that is typed leads to another host.
  const target = new URL(`/${clean}`, url.origin);
  return target.origin === url.origin ? target.href : url.href;
}

/** A port that a person typed; nothing when it is none. */
export function parsePort(text: string): number | undefined {
  const port = Number(text.trim());
  return /^\s*\d{1,5}\s*$/.test(text) && port >= 1 && port <= 65_535 ? port : undefined;
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}
