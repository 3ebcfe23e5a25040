/** Who is let in: by a bearer token, or by the cookie that a browser gets for it. Where no token is set, nobody is. */

import { type Context, Hono } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";
import type { App } from "./env.ts";

/** Over TLS with the prefix that no page of another host can set, a preview's for example. */
const cookie = (context: Context<App>) =>
  new URL(context.req.url).protocol === "https:" ? "__Host-sandwire_session" : "sandwire_session";

/** Seconds for which a browser stays signed in. */
const SIGNED_IN = 12 * 60 * 60;

/** Lets nobody pass who may not. A page of another origin may not, whatever its browser sends along. */
export const guard = createMiddleware<App>(async (context, next) => {
  if (foreign(context)) {
    return context.json({ code: "PERMISSION_DENIED", message: "a page of another origin may not do this" }, 403);
  }
  if (!(await admitted(context))) {
    const message = context.env.SANDWIRE_TOKEN
      ? "sign in, or send `Authorization: Bearer <token>`"
      : "no token is set, so that nobody is let in: `wrangler secret put SANDWIRE_TOKEN`, or `wrangler dev --var SANDWIRE_TOKEN:…`";
    return context.json({ code: "UNAUTHORIZED", message }, 401);
  }
  await next();
});

/** The console signs in and out here, as at the server itself. */
export const session = new Hono<App>()
  .get("/", guard, context => context.json({ name: "worker", scopes: [], expires: null, open: false }))
  .post("/", async context => {
    const token = context.env.SANDWIRE_TOKEN;
    const given = await context.req.json<{ token?: unknown }>().catch(() => undefined);
    if (foreign(context) || !token || typeof given?.token !== "string" || !(await equal(given.token, token))) {
      return context.json({ code: "UNAUTHORIZED", message: "not the token" }, 401);
    }
    const until = String(Date.now() + SIGNED_IN * 1000);
    const secure = new URL(context.req.url).protocol === "https:";
    await setSignedCookie(context, cookie(context), until, token, {
      path: "/",
      httpOnly: true,
      sameSite: "Strict",
      secure,
      maxAge: SIGNED_IN,
    });
    return context.body(null, 204);
  })
  .delete("/", guard, context => {
    deleteCookie(context, cookie(context), { path: "/", secure: new URL(context.req.url).protocol === "https:" });
    return context.body(null, 204);
  });

async function admitted(context: Context<App>): Promise<boolean> {
  const token = context.env.SANDWIRE_TOKEN;
  // Not even this machine: what runs in a sandbox of the host engine can reach it, and `wrangler dev` does not tell who asks.
  if (!token) return false;
  const bearer = /^Bearer (.+)$/i.exec(context.req.header("authorization") ?? "")?.[1];
  if (bearer !== undefined) return equal(bearer, token);
  const until = await getSignedCookie(context, token, cookie(context));
  return typeof until === "string" && Number(until) > Date.now();
}

/** Browsers say where a page is from whenever it does more than look; programs do not. */
function foreign(context: Context<App>): boolean {
  const origin = context.req.header("origin");
  return origin !== undefined && origin !== new URL(context.req.url).origin;
}

/** In a time that does not depend on where they differ. */
async function equal(one: string, other: string): Promise<boolean> {
  const hash = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const [left, right] = await Promise.all([hash(one), hash(other)]);
  return crypto.subtle.timingSafeEqual(left, right);
}
