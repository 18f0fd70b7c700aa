/** Path of a Chromium on this machine, or undefined. */
export function chromiumExecutable(): string | undefined;
/** Installs what is missing from Debian's packages. Throws with what to do where it cannot. */
export function ensureChromium(log: (line: string) => void): Promise<void>;
