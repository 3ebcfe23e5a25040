/** Says above the panels that the connection is lost, and what that means. */

import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { Spinner } from "../ui/states.tsx";
import { access, start, state, wake } from "./connection.ts";

/** Stands there while something is wrong with the connection. */
export function ConnectionBanner() {
  const now = state.value;
  return (
    <div role="status">
      {access.value.is === "open" && now.status === "reconnecting" && (
        <div class="banner" data-late="true">
          <Spinner />
          <span class="banner-text">
            The connection is lost and is being made again. What runs in the sandbox goes on, and what you do waits.{" "}
            <span class="muted">({now.reason})</span>
          </span>
        </div>
      )}
      {access.value.is === "open" && now.status === "draining" && (
        <div class="banner">
          <Icon name="warning" />
          <span class="banner-text">The server is shutting down and takes no new work: {now.reason}</span>
        </div>
      )}
      {access.value.is === "open" && now.status === "asleep" && (
        <div class="banner">
          <Icon name="info" />
          <span class="banner-text">
            The sandbox sleeps, and what ran in it has ended. Whatever you do next wakes it.{" "}
            <span class="muted">({now.reason})</span>
          </span>
          <Button onClick={wake}>Wake it</Button>
        </div>
      )}
      {now.status === "closed" && (
        <div class="banner" data-tone="danger">
          <Icon name="warning" />
          <span class="banner-text">The connection has ended: {now.reason}</span>
          <Button onClick={() => void start()}>Connect again</Button>
        </div>
      )}
    </div>
  );
}
