/** Lets the reader save a text as a file. @param parts of it, in order */
export function saveText(name: string, parts: string | readonly string[], type: string): void {
  save(name, new Blob(typeof parts === 'string' ? [parts] : [...parts], { type: `${type};charset=utf-8` }));
}

/** Lets the reader save bytes as a file. */
export function saveBytes(name: string, bytes: Uint8Array<ArrayBuffer>, type: string): void {
  save(name, new Blob([bytes], { type }));
}

function save(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // Not at once: the download has to begin first.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
