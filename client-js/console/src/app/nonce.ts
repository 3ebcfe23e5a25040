/**
 * The page's Content-Security-Policy takes no `<style>` without its nonce. Libraries that make such elements (xterm.js has
 * no setting for it) get it from here.
 */

/** The nonce that the server put in the page; nothing in development. */
export const nonce: string | undefined = read();

/** Gives every `<style>` that a script makes the page's nonce. The policy still stops those in markup that was injected. */
export function passNonceToStyles(): void {
  const create = document.createElement;
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = create.call(document, name, options);
    if (nonce !== undefined && element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  }) as typeof document.createElement;
}

function read(): string | undefined {
  const content = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
  return content === undefined || content.startsWith("__") ? undefined : content;
}
