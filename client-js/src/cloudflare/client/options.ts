/** Types of {@link SandboxClient} and its parts, in the shape of the stock package. */

/** What leads to a container: an object's stub, or what stands for one. */
export interface ContainerStub {
  /** A request to a port of the container. */
  containerFetch(url: string, options: RequestInit, port?: number): Promise<Response>;
  /** A request; an upgrade of a WebSocket is answered with its `webSocket`. */
  fetch(request: Request): Promise<Response>;
}

/** Where a client's sandbox is. */
export interface SandboxClientOptions {
  /** URL of the sandbox's server. Default: `http://localhost:7070`. */
  baseUrl?: string;
  /** Port of the server behind a `stub`. Default: 7070. */
  port?: number;
  /** Leads to the container, in the place of a URL. */
  stub?: ContainerStub;
  /** URL for the WebSocket. Default: that of `baseUrl`. */
  wsUrl?: string;
  /** Headers of the upgrade; `Authorization: Bearer …` has the server's token. */
  defaultHeaders?: Record<string, string>;
  /** Milliseconds for which it is tried to connect again. Default: ten minutes. */
  retryTimeoutMs?: number;
  /** Kept for the stock package's sake: there is one way, and it is a WebSocket. */
  transportMode?: "http" | "websocket";
  /** Called when a command of `commands.execute` has ended. */
  onCommandComplete?: (success: boolean, exitCode: number, stdout: string, stderr: string, command: string) => void;
  /** Called when a command of `commands.execute` could not be run. */
  onError?: (error: string, command?: string) => void;
}

/** A request, as the stock package's clients make it for themselves. */
export interface RequestConfig extends RequestInit {
  /** Its path. */
  endpoint: string;
  /** Its body. */
  // biome-ignore lint/suspicious/noExplicitAny: it is the stock package's type.
  data?: Record<string, any>;
}

/** What makes a value of an answer. */
export type ResponseHandler<T> = (response: Response) => Promise<T>;
