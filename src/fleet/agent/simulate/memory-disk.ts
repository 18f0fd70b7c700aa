/**
 * A simulated device's disk, in memory. Hundreds of devices hold the same artifact: a file that was synced shares its bytes with every equal one of
 * this process, and gets its own again when it is written to.
 */
import { EdgewiseError } from '../../../base/errors.ts';
import { sha256 } from '../../artifact/keys.ts';
import type { InstallDisk } from '../install/disk.ts';

interface File {
  bytes: Buffer;
  length: number;
  /** Then the bytes are never written to again. */
  shared: boolean;
}

/** Bytes that several disks have, by their digest. Kept for as long as one of them does. */
export interface SharedBytes {
  take(bytes: Buffer): Buffer;
  /** SHA-256, hex; known already where the bytes are shared ones, whole. */
  digest(bytes: Uint8Array): string;
}

export function createSharedBytes(): SharedBytes {
  const kept = new Map<string, WeakRef<Buffer>>();
  const known = new WeakMap<ArrayBufferLike, string>();
  return {
    take(bytes) {
      const digest = sha256(bytes);
      const found = kept.get(digest)?.deref();
      if (found) return found;
      // A copy of its own, and not one in a pool: a view would keep all that it is a part of.
      const own = Buffer.from(new Uint8Array(bytes).buffer);
      kept.set(digest, new WeakRef(own));
      known.set(own.buffer, digest);
      return own;
    },
    digest: (bytes) => (bytes.byteLength === bytes.buffer.byteLength ? known.get(bytes.buffer) : undefined) ?? sha256(bytes),
  };
}

/** Smaller ones are not worth looking for. */
const SHARED_FROM = 4096;

/** @param capacity bytes */
export function memoryDisk(capacity: number, shared: SharedBytes = createSharedBytes()): InstallDisk {
  const files = new Map<string, File>();
  let used = 0;

  const put = (path: string, file: File): void => {
    used += file.length - (files.get(path)?.length ?? 0);
    files.set(path, file);
  };
  const room = (bytes: number): void => {
    if (used + bytes > capacity) throw new EdgewiseError('DISK_FULL', 'The disk of the simulated device is full.', { hint: 'Simulate devices with larger disks.' });
  };

  return {
    absolute: (path) => path,
    async readText(path) {
      const file = files.get(path);
      return file === undefined ? null : file.bytes.toString('utf8', 0, file.length);
    },
    async writeAtomically(path, text) {
      const bytes = Buffer.from(text);
      room(bytes.length - (files.get(path)?.length ?? 0));
      put(path, { bytes, length: bytes.length, shared: false });
    },
    async size(path) {
      return files.get(path)?.length ?? null;
    },
    async read(path, offset, length) {
      const file = files.get(path);
      if (file === undefined) return new Uint8Array(0);
      const part = file.bytes.subarray(offset, Math.min(file.length, offset + length));
      return file.shared ? part : new Uint8Array(part);
    },
    async writeAt(path, offset, bytes) {
      const before = files.get(path) ?? { bytes: Buffer.alloc(0), length: 0, shared: false };
      const length = Math.max(before.length, offset + bytes.length);
      room(length - before.length);
      let target = before.bytes;
      if (before.shared || target.length < length) {
        // Downloads write piece after piece: double the room, so that they are not copied each time.
        target = Buffer.alloc(before.length === 0 ? length : Math.max(length, 2 * before.length));
        before.bytes.copy(target, 0, 0, before.length);
      }
      target.set(bytes, offset);
      put(path, { bytes: target, length, shared: false });
    },
    async truncate(path, length) {
      const before = files.get(path);
      if (before) put(path, { bytes: Buffer.from(before.bytes.subarray(0, Math.min(length, before.length))), length: Math.min(length, before.length), shared: false });
    },
    async sync(path) {
      const file = files.get(path);
      if (file && !file.shared && file.length >= SHARED_FROM) put(path, { bytes: shared.take(file.bytes.subarray(0, file.length)), length: file.length, shared: true });
    },
    async makeFolder() {
      // Folders are only parts of names here.
    },
    async list(folder) {
      return [...new Set([...files.keys()].filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
    },
    async remove(path) {
      for (const [name, file] of files) {
        if (name !== path && !name.startsWith(`${path}/`)) continue;
        used -= file.length;
        files.delete(name);
      }
    },
    async freeBytes() {
      return capacity - used;
    },
  };
}
