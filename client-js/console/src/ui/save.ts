/** Files to the person's own disk. */

/** Saves bytes under a name, as a download of the browser. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the bytes when the click is handled; a while later it surely does not read them any more.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
