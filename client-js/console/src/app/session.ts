/** The session cookie: the server sets it, scripts cannot read it. */

/** Exchanges a token for the cookie. Gives what is wrong, or nothing. */
export async function signIn(token: string): Promise<string | undefined> {
  try {
    const answer = await fetch("/v1/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
      credentials: "same-origin",
    });
    if (answer.ok) return undefined;
    if (answer.status === 401) return "The server does not know this token. Check that it is complete.";
    return `The server answered ${answer.status}: ${(await answer.text()).slice(0, 200)}`;
  } catch {
    return "The server cannot be reached. Check that it runs and that this machine is online.";
  }
}

/** Ends the session and shows the page as a stranger sees it. */
export async function signOut(): Promise<void> {
  await fetch("/v1/session", { method: "DELETE", credentials: "same-origin" });
  location.reload();
}
