/**
 * Helps libraries to live under the page's Content-Security-Policy, which takes no `<style>` without its nonce and no `style`
 * attribute. It loses nothing by that: it is there against markup that was injected, and what a script of ours does
 * through the CSSOM it allows anyway.
 */

/** The nonce that the server put in the page; nothing in development. */
export const nonce: string | undefined = read();

/** Makes the ways in which scripts add styles go those that the policy allows. Called once, before anything is drawn. */
export function adaptToPolicy(): void {
  // xterm.js makes `<style>` elements, and has no setting for a nonce.
  const createElement = document.createElement;
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = createElement.call(document, name, options);
    if (nonce !== undefined && element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  }) as typeof document.createElement;

  // Its DOM renderer sets true colours by `setAttribute("style", …)`.
  const setAttribute = HTMLElement.prototype.setAttribute;
  HTMLElement.prototype.setAttribute = function (this: HTMLElement, name: string, value: string): void {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
}

function read(): string | undefined {
  const content = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
  return content === undefined || content.startsWith("__") ? undefined : content;
}
