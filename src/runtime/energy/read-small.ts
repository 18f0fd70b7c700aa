/** Reading the kernel's small files: at most 4 KiB, regular files only, and never for longer than a moment (a sensor bus may hang). */
import { open, readdir } from 'node:fs/promises';

const MOST_BYTES = 4096;
const MOST_MS = 2000;

export type SmallFile = { readonly text: string } | { readonly text: null; readonly problem: 'absent' | 'forbidden' | 'failed' };

/** Text without white space around it. Never rejects. */
export async function readSmall(path: string): Promise<SmallFile> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<SmallFile>((resolve) => {
    timer = setTimeout(() => resolve({ text: null, problem: 'failed' }), MOST_MS);
  });
  try {
    return await Promise.race([readNow(path), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readNow(path: string): Promise<SmallFile> {
  try {
    // O_NONBLOCK: opening a pipe by mistake must not wait for a writer.
    const file = await open(path, 0o4000);
    try {
      if (!(await file.stat()).isFile()) return { text: null, problem: 'failed' };
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
      return { text: buffer.toString('utf8', 0, bytesRead).trim() };
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return { text: null, problem: code === 'ENOENT' || code === 'ENOTDIR' ? 'absent' : code === 'EACCES' || code === 'EPERM' ? 'forbidden' : 'failed' };
  }
}

/** A whole number, as the kernel writes its figures; null: anything else. */
export async function readNumber(path: string): Promise<number | null> {
  const { text } = await readSmall(path);
  return text !== null && /^-?\d{1,18}$/u.test(text) ? Number(text) : null;
}

/** Names in a folder, sorted; none where it cannot be read. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).slice(0, 1000).toSorted();
  } catch {
    return [];
  }
}
