/**
 * The two slots on the disk: `slots/a/` and `slots/b/` hold exactly the signed files and nothing else, so that no model can reach a file
 * that nobody signed. `slots/a.json` says that what is in `slots/a/` was confirmed, for the day on which the record itself is lost.
 */
import { createHash } from 'node:crypto';
import { EdgewiseError, throwIfAborted } from '../../../base/errors.ts';
import { CHUNK_BYTES, type ArtifactFile, type BlobRecord, type FileSourceRecord } from '../../../contract/records/artifact.ts';
import { unpackFile, usable } from '../../artifact/pack.ts';
import { DOWNLOADS, keepVerified, partPath } from './download.ts';
import type { InstallDisk } from './disk.ts';
import { EMPTY_DEVICE, slotRecord, slotRecordOf, type Candidate, type InstallRecord, type SlotName, type SlotRecord } from './install-record.ts';

export function slotFolder(slot: SlotName): string {
  return `slots/${slot}`;
}

function confirmationPath(slot: SlotName): string {
  return `slots/${slot}.json`;
}

/** Reads every byte of the slot. @throws WRONG_CONTENT, UNEXPECTED_FILE */
export async function verifySlot(disk: InstallDisk, slot: SlotName, record: SlotRecord, signal?: AbortSignal): Promise<void> {
  const folder = slotFolder(slot);
  const signed = new Set(record.files.map((file) => file.name));
  const stray = (await disk.list(folder)).find((name) => !signed.has(name));
  if (stray !== undefined) {
    throw new EdgewiseError('UNEXPECTED_FILE', `Slot ${slot} holds "${stray.slice(0, 100)}", which the manifest does not name.`, { hint: 'Install again. If it comes back, somebody else writes to the device.', details: { slot } });
  }
  for (const file of record.files) {
    const path = `${folder}/${file.name}`;
    const size = await disk.size(path);
    if (size === file.length && (await digestOf(disk, path, file.length, signal)) === file.sha256) continue;
    throw new EdgewiseError('WRONG_CONTENT', `"${file.name}" in slot ${slot} is ${size === null ? 'missing' : 'not what was signed'}.`, { hint: 'Install again. If it comes back, the disk of the device is failing.', details: { slot, file: file.name, size, expected: file.length } });
  }
}

async function digestOf(disk: InstallDisk, path: string, length: number, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for (let offset = 0; offset < length; offset += CHUNK_BYTES) {
    throwIfAborted(signal);
    hash.update(await disk.read(path, offset, Math.min(CHUNK_BYTES, length - offset)));
  }
  return hash.digest('hex');
}

/** The smallest form that the device can use with what runs on it. */
export function sourceFor(file: ArtifactFile, candidate: Candidate, active: SlotRecord | null): FileSourceRecord {
  const has = (sha256: string): boolean => candidate.useDeltas && (active?.files.some((own) => own.sha256 === sha256) ?? false);
  const [smallest] = file.sources.filter((source) => usable(source, file, has)).sort((a, b) => a.blob.length - b.blob.length);
  if (smallest === undefined) throw new EdgewiseError('BAD_DOCUMENT', `There is no way to get "${file.name}".`, { hint: 'Publish the artifact again.' });
  return smallest;
}

/** A file that one of the slots has already goes where its download would go. @returns false where none has it whole */
export async function takeFromSlots(disk: InstallDisk, file: ArtifactFile, record: InstallRecord, signal: AbortSignal): Promise<boolean> {
  const plain = file.sources.find((source) => source.form === 'plain')?.blob;
  if (plain === undefined) return false;
  for (const slot of ['a', 'b'] as const) {
    const own = record.slots[slot]?.files.find((candidate) => candidate.sha256 === file.sha256);
    if (own === undefined) continue;
    await disk.makeFolder(DOWNLOADS);
    await copy(disk, `${slotFolder(slot)}/${own.name}`, partPath(plain), plain.length, signal);
    if ((await keepVerified(disk, partPath(plain), plain, signal)) === plain.chunks.length) {
      await disk.sync(partPath(plain));
      return true;
    }
  }
  return false;
}

async function copy(disk: InstallDisk, from: string, to: string, length: number, signal: AbortSignal): Promise<void> {
  await disk.remove(to);
  await disk.writeAt(to, 0, new Uint8Array(0));
  for (let offset = 0; offset < length; offset += CHUNK_BYTES) {
    throwIfAborted(signal);
    await disk.writeAt(to, offset, await disk.read(from, offset, Math.min(CHUNK_BYTES, length - offset)));
  }
}

/** Makes the inactive slot from the downloads, from scratch, and reads it back. @throws WRONG_CONTENT, ENDLESS_DATA, UNEXPECTED_FILE, DISK_FULL */
export async function fillSlot(disk: InstallDisk, record: InstallRecord, candidate: Candidate, signal: AbortSignal): Promise<SlotRecord> {
  const { slot } = candidate;
  if (slot === record.active || slot === record.good) throw new EdgewiseError('INTERNAL', `Slot ${slot} is in use and must not be written.`);
  const folder = slotFolder(slot);
  await disk.remove(confirmationPath(slot));
  await disk.remove(folder);
  await disk.makeFolder(folder);
  const active = record.active === null ? null : record.slots[record.active];
  for (const file of candidate.files) {
    const path = `${folder}/${file.name}`;
    const plain = file.sources.find((source) => source.form === 'plain')?.blob;
    if (plain !== undefined && (await disk.size(partPath(plain))) === plain.length) {
      await copy(disk, partPath(plain), path, plain.length, signal);
    } else {
      const source = sourceFor(file, candidate, active);
      const base = source.form === 'zstd-delta' ? active?.files.find((own) => own.sha256 === source.base) : undefined;
      const baseBytes = base && record.active !== null ? await disk.read(`${slotFolder(record.active)}/${base.name}`, 0, base.length) : undefined;
      const bytes = await unpackFile(file, source, await wholePart(disk, source.blob), baseBytes);
      throwIfAborted(signal);
      await disk.writeAt(path, 0, bytes);
    }
    await disk.sync(path);
  }
  const filled = slotRecordOf(candidate);
  await verifySlot(disk, slot, filled, signal);
  return filled;
}

async function wholePart(disk: InstallDisk, blob: BlobRecord): Promise<Uint8Array> {
  const bytes = await disk.read(partPath(blob), 0, blob.length);
  if (bytes.length < blob.length) throw new EdgewiseError('WRONG_CONTENT', 'A download that was whole is not any more.', { hint: 'Install again. If it comes back, the disk of the device is failing.', details: { blob: blob.sha256 } });
  return bytes;
}

export async function noteConfirmed(disk: InstallDisk, slot: SlotName, record: SlotRecord): Promise<void> {
  await disk.writeAtomically(confirmationPath(slot), JSON.stringify(record));
}

export async function forgetConfirmed(disk: InstallDisk, slot: SlotName): Promise<void> {
  await disk.remove(confirmationPath(slot));
}

/** What was confirmed in a slot, if that is still there, byte for byte. */
export async function confirmedIn(disk: InstallDisk, slot: SlotName): Promise<SlotRecord | null> {
  try {
    const parsed = slotRecord.safeParse(JSON.parse((await disk.readText(confirmationPath(slot))) ?? 'null'));
    if (!parsed.success) return null;
    await verifySlot(disk, slot, parsed.data);
    return parsed.data;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof EdgewiseError && (error.code === 'WRONG_CONTENT' || error.code === 'UNEXPECTED_FILE'))) return null;
    throw error;
  }
}

/** A record made from the slots alone; the newest confirmed one is active. */
export async function recordFromSlots(disk: InstallDisk): Promise<InstallRecord> {
  const slots = { a: await confirmedIn(disk, 'a'), b: await confirmedIn(disk, 'b') };
  const active = slots.b !== null && (slots.a === null || slots.b.version > slots.a.version) ? 'b' : slots.a === null ? null : 'a';
  return { ...EMPTY_DEVICE, slots, active, good: active };
}
