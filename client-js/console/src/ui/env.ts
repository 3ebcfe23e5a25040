/** An environment as a person writes it: a line `NAME=value` a variable. */

/** Lines `NAME=value` as an environment, or what is wrong with them. Empty lines and `#` comments do not count. */
export function parseEnv(text: string): { env: Record<string, string>; problem?: string } {
  const env: Record<string, string> = {};
  for (const [i, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const at = trimmed.indexOf("=");
    const name = at < 0 ? trimmed : trimmed.slice(0, at).trim();
    if (at <= 0) return { env, problem: `Line ${i + 1} must be NAME=value.` };
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      return { env, problem: `“${name}” in line ${i + 1} is no name of a variable.` };
    env[name] = trimmed.slice(at + 1);
  }
  return { env };
}

/** The lines of an environment. */
export function envLines(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}
