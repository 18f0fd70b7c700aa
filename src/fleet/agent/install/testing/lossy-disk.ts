/**
 * A disk in memory that forgets like a real one: what was not synced may be lost, kept, or kept in part when the power goes, file by file
 * and name by name. `sync` keeps a file and the names of its folder; `writeAtomically` does so when it answers, not before.
 */
import { EdgewiseError } from '../../../../base/errors.ts';
import type { InstallDisk } from '../disk.ts';

/** Thrown by the operation at which the power went and by every one after it. */
export class PowerCut extends Error {}

interface Inode {
  data: Buffer;
  /** What is surely on the disk. */
  synced: Buffer;
}

export interface LossyDisk extends InstallDisk {
  /** Operations that change something, so far. */
  operations(): number;
  /** The power goes at that operation: half of it done, by `random`. */
  cutAt(operation: number): void;
  /** That operation, and it alone, finds the disk full. */
  fullAt(operation: number): void;
  /** What is there after the power came back. */
  restart(random: () => number): LossyDisk;
  /** Changes a file behind everybody's back. */
  tamper(path: string, bytes: Uint8Array | null): void;
}

export function lossyDisk(start: ReadonlyMap<string, Buffer> = new Map(), capacity = Number.POSITIVE_INFINITY, random: () => number = Math.random): LossyDisk {
  const names = new Map<string, Inode>([...start].map(([path, data]) => [path, { data, synced: data }]));
  let durable = new Map(names);
  let count = 0;
  let cut = Number.POSITIVE_INFINITY;
  let full = -1;

  const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
  const used = (): number => [...names.values()].reduce((sum, inode) => sum + inode.data.length, 0);
  const readable = (): void => {
    if (count >= cut) throw new PowerCut('off');
  };
  /** Does each part; where the power goes at this operation, only some of them. */
  const change = (...parts: (() => void)[]): void => {
    readable();
    count++;
    if (count === full) throw noRoom();
    const off = count >= cut;
    for (const part of parts.slice(0, off ? Math.floor(random() * (parts.length + 1)) : parts.length)) part();
    if (off) throw new PowerCut('off');
  };
  const noRoom = (): EdgewiseError => new EdgewiseError('DISK_FULL', 'The disk is full.', { hint: 'Free some space.' });
  const room = (bytes: number): void => {
    if (used() + bytes > capacity) throw noRoom();
  };
  const syncNames = (folder: string): void => {
    durable = new Map([...[...durable].filter(([path]) => folderOf(path) !== folder), ...[...names].filter(([path]) => folderOf(path) === folder)]);
  };
  const write = (path: string, offset: number, bytes: Uint8Array): void => {
    const inode = names.get(path) ?? { data: Buffer.alloc(0), synced: Buffer.alloc(0) };
    room(Math.max(0, offset + bytes.length - inode.data.length));
    const data = Buffer.alloc(Math.max(inode.data.length, offset + bytes.length));
    data.set(inode.data);
    data.set(bytes, offset);
    inode.data = data;
    names.set(path, inode);
  };

  return {
    absolute: (path) => path,
    operations: () => count,
    cutAt: (operation) => {
      cut = operation;
    },
    fullAt: (operation) => {
      full = operation;
    },
    tamper: (path, bytes) => {
      if (bytes === null) names.delete(path);
      else names.set(path, { data: Buffer.from(bytes), synced: Buffer.from(bytes) });
      syncNames(folderOf(path));
    },
    restart(chance) {
      const after = new Map<string, Buffer>();
      for (const path of new Set([...names.keys(), ...durable.keys()])) {
        const inode = chance() < 0.5 ? durable.get(path) : names.get(path);
        if (inode === undefined) continue;
        const kept = chance();
        // Lost, there, or the length without the bytes, as file systems do that write the two apart.
        after.set(path, kept < 0.4 ? inode.synced : kept < 0.7 ? inode.data : Buffer.concat([inode.synced, Buffer.alloc(Math.max(0, inode.data.length - inode.synced.length))]));
      }
      return lossyDisk(after, capacity, chance);
    },
    async readText(path) {
      readable();
      return names.get(path)?.data.toString('utf8') ?? null;
    },
    async writeAtomically(path, text) {
      const data = Buffer.from(text);
      change(
        () => {
          room(data.length);
          names.set(path, { data, synced: data });
        },
        () => syncNames(folderOf(path)),
      );
    },
    async size(path) {
      readable();
      return names.get(path)?.data.length ?? null;
    },
    async read(path, offset, length) {
      readable();
      return Uint8Array.from(names.get(path)?.data.subarray(offset, offset + length) ?? []);
    },
    async writeAt(path, offset, bytes) {
      const half = bytes.length >> 1;
      change(
        () => write(path, offset, bytes.subarray(0, half)),
        () => write(path, offset + half, bytes.subarray(half)),
      );
    },
    async truncate(path, length) {
      change(() => {
        const inode = names.get(path);
        if (inode) inode.data = Buffer.from(inode.data.subarray(0, length));
      });
    },
    async sync(path) {
      change(
        () => {
          const inode = names.get(path);
          if (inode) inode.synced = inode.data;
        },
        () => syncNames(folderOf(path)),
      );
    },
    async makeFolder() {
      change();
    },
    async list(folder) {
      readable();
      return [...new Set([...names.keys()].filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
    },
    async remove(path) {
      change(...[...names.keys()].filter((name) => name === path || name.startsWith(`${path}/`)).map((name) => () => void names.delete(name)));
    },
    async freeBytes() {
      return capacity - used();
    },
  };
}
