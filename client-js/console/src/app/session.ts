/** The session cookie: the server sets it, scripts cannot read it. */

const ADDRESS = "./v1/session";

/** Who is signed in. */
export interface Session {
  /** The name of the token, as the operator calls it. */
  readonly name: string;
  /** Whether the server lets everybody in, so that there is nothing to sign out of. */
  readonly open: boolean;
}

/** Asks who is signed in; nothing when the server does not say. */
export async function readSession(): Promise<Session | undefined> {
  try {
    const answer = await fetch(ADDRESS, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) return undefined;
    const session: Partial<Session> = await answer.json();
    return { name: String(session.name ?? ""), open: session.open === true };
  } catch {
    return undefined;
  }
}

/** Exchanges a token for the cookie. Gives what is wrong, or nothing. */
export async function signIn(token: string): Promise<string | undefined> {
  try {
    const answer = await fetch(ADDRESS, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
      credentials: "same-origin",
    });
    if (answer.ok) return undefined;
    if (answer.status === 401) return "The server does not know this token. Check that it is complete.";
    const refusal: { message?: unknown } = await answer.json().catch(() => ({}));
    return `The server answered ${answer.status}: ${refusal.message ?? answer.statusText}`;
  } catch {
    return "The server cannot be reached. Check that it runs and that this machine is online.";
  }
}

/** Ends the session and shows the page as a stranger sees it. */
export async function signOut(): Promise<void> {
  await fetch(ADDRESS, { method: "DELETE", credentials: "same-origin" });
  location.reload();
}
