/** The names that the sandbox takes for what is made in it. */

/** What is wrong with an id, in words, or nothing. An empty one is made up by the server. */
export function idProblem(id: string): string | undefined {
  return id === "" || /^[A-Za-z0-9._-]{1,128}$/.test(id)
    ? undefined
    : "Letters, digits, dots, dashes and underscores, at most 128.";
}
