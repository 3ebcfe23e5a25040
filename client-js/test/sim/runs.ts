/** How often properties are tried. */

/** `SANDWIRE_CASES` from the environment, or this. fast-check prints the seed of a case that fails. */
export function runs(usual: number): number {
  const cases = Number(process.env["SANDWIRE_CASES"]);
  return Number.isInteger(cases) && cases > 0 ? cases : usual;
}
