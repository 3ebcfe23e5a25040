/** The first page: which sandbox? */

/** Sends who says a name to its console; without one, asks. */
export function home(request: Request): Response {
  const name = new URL(request.url).searchParams.get("sandbox")?.trim().toLowerCase();
  if (name && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
    return new Response(null, { status: 303, headers: { location: `/sandboxes/${name}/` } });
  }
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy":
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
  };
  return new Response(PAGE, { headers });
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>sandwire on Workers</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 15vh auto 0; padding: 0 1.5rem }
  h1 { font-size: 1.5rem }
  form { display: flex; gap: .5rem; margin: 1.5rem 0 }
  input { flex: 1; min-width: 0 }
  input, button { font: inherit; padding: .5rem .75rem }
  code { font-size: .9em }
</style>
<h1>sandwire on Workers</h1>
<p>Each sandbox has a name and begins when it is first used. Its console has terminals, files, processes and commands.</p>
<form action="/">
  <input name="sandbox" aria-label="Name of the sandbox" placeholder="dev" required autofocus autocapitalize="none"
    pattern="[a-z0-9]([a-z0-9\\-]{0,61}[a-z0-9])?" title="1 to 63 letters a to z, digits and hyphens">
  <button>Open</button>
</form>
<p>Programs use <code>POST /api/sandboxes/&lt;name&gt;/exec</code> with <code>{"command": "…"}</code>.</p>
</html>
`;
