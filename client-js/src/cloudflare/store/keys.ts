/** Keys of buckets in the Worker's environment, under the names that everybody uses. */

/** Keys of a bucket. */
export interface Keys {
  /** Id of the key. */
  readonly accessKeyId: string;
  /** The key. */
  readonly secretAccessKey: string;
  /** Token of temporary keys. */
  readonly sessionToken?: string;
}

/** The keys that an environment has: Amazon's names go before those of R2, as in the stock package. */
export function keysIn(env: unknown): Keys | undefined {
  const said = (env ?? {}) as Readonly<Record<string, unknown>>;
  for (const prefix of ["AWS", "R2"]) {
    const [accessKeyId, secretAccessKey, sessionToken] = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"].map(
      name => said[`${prefix}_${name}`],
    );
    if (typeof accessKeyId !== "string" || typeof secretAccessKey !== "string") continue;
    if (accessKeyId === "" || secretAccessKey === "") continue;
    const token = typeof sessionToken === "string" && sessionToken !== "" ? { sessionToken } : {};
    return { accessKeyId, secretAccessKey, ...token };
  }
  return undefined;
}
