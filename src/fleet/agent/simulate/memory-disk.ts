/** The folder of a simulated device: in memory, shared by nobody, gone with the process. */
import { EdgewiseError } from '../../../base/errors.ts';
import type { InstallDisk } from '../install/disk.ts';

/** @param capacityBytes what the device's disk holds */
export function memoryDisk(capacityBytes: number): InstallDisk {
  const files = new Map<string, Uint8Array>();
  const used = (): number => [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  const put = (path: string, bytes: Uint8Array): void => {
    if (used() - (files.get(path)?.length ?? 0) + bytes.length > capacityBytes) throw new EdgewiseError('DISK_FULL', 'The disk of the simulated device is full.', { hint: 'Simulate devices with larger disks.' });
    files.set(path, bytes);
  };
  return {
    absolute: (path) => path,
    async readText(path) {
      const bytes = files.get(path);
      return bytes === undefined ? null : new TextDecoder().decode(bytes);
    },
    async writeAtomically(path, text) {
      put(path, new TextEncoder().encode(text));
    },
    size: async (path) => files.get(path)?.length ?? null,
    async read(path, offset, length) {
      const bytes = files.get(path);
      if (bytes === undefined) throw new EdgewiseError('FILE_UNREADABLE', `The simulated device has no file ${path}.`);
      return bytes.subarray(offset, offset + length);
    },
    async writeAt(path, offset, bytes) {
      const before = files.get(path) ?? new Uint8Array(0);
      const after = new Uint8Array(Math.max(before.length, offset + bytes.length));
      after.set(before);
      after.set(bytes, offset);
      put(path, after);
    },
    async truncate(path, length) {
      const before = files.get(path);
      if (before !== undefined) put(path, before.slice(0, length));
    },
    sync: async () => {},
    makeFolder: async () => {},
    async list(folder) {
      const prefix = `${folder}/`;
      return [...new Set([...files.keys()].flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length).split('/')[0] as string] : [])))];
    },
    async remove(path) {
      for (const name of [...files.keys()]) if (name === path || name.startsWith(`${path}/`)) files.delete(name);
    },
    freeBytes: async () => capacityBytes - used(),
  };
}
