/** {@link proxyToSandbox}: the requests to preview addresses, in a Worker. */

import { invalidToken, isPreviewPort, parsePreview, previewRequest } from "./preview.ts";
import type { Sandbox } from "./sandbox.ts";

/** The Worker's environment: the binding of the sandboxes' objects. */
export interface SandboxEnv<T extends Sandbox<unknown> = Sandbox<unknown>> {
  Sandbox: DurableObjectNamespace<T>;
}

/** The part of it that is used, so that a binding to a Worker's own class fits. */
interface Bound {
  readonly Sandbox: {
    idFromName(name: string): DurableObjectId;
    get(id: DurableObjectId): { fetch(request: Request): Promise<Response> };
  };
}

/**
 * Answers a request to a preview address, HTTP or WebSocket; streams both ways, follows no redirect. Put it first in the
 * Worker's `fetch`.
 *
 * @returns `null` when the host name is no preview address: the request is the Worker's own. 404 `INVALID_TOKEN` when the
 * address does not exist, 410 `STALE_PREVIEW_URL` when the sandbox was restarted since, 502 when nothing answers.
 */
export async function proxyToSandbox<
  T extends Sandbox<unknown> = Sandbox<unknown>,
  E extends Bound | SandboxEnv<T> = SandboxEnv<T>,
>(request: Request, env: E): Promise<Response | null> {
  const { Sandbox: namespace } = env as Bound;
  const name = parsePreview(new URL(request.url).hostname);
  if (name === undefined) return null;
  if (!isPreviewPort(name.port)) return invalidToken();
  return namespace.get(namespace.idFromName(name.id)).fetch(previewRequest(request, name));
}
