/** What a device has written down about its two slots. One file, replaced by one rename: whatever is read back was true as a whole. */
import { z } from 'zod';
import { artifactFile, sha256Hex } from '../../../contract/records/artifact.ts';
import { errorRecord } from '../../../contract/records/common.ts';
import { INSTALL_STATES } from './install-table.ts';

export const slotName = z.enum(['a', 'b']);

const slotFile = z.strictObject({ name: z.string(), length: z.number().int().min(0), sha256: sha256Hex });

/** What a slot holds, as it was signed. */
export const slotRecord = z.strictObject({
  artifact: z.string(),
  version: z.number().int(),
  /** The digest that counts as the device's installed one. */
  manifestSha256: sha256Hex,
  files: z.array(slotFile),
});

const candidate = z.strictObject({
  slot: slotName,
  artifact: z.string(),
  version: z.number().int(),
  manifestSha256: sha256Hex,
  files: z.array(artifactFile),
  /** Where blobs are: `<baseUrl>/<sha256>`. */
  baseUrl: z.string(),
  /** False once a difference has not given the file. */
  useDeltas: z.boolean(),
});

export const installRecord = z.strictObject({
  format: z.literal(1),
  state: z.enum(INSTALL_STATES),
  /** The slot whose model runs; null before the first install. */
  active: slotName.nullable(),
  /** The slot to go back to: the last that was confirmed. Never written to while it has that name. */
  good: slotName.nullable(),
  slots: z.strictObject({ a: slotRecord.nullable(), b: slotRecord.nullable() }),
  candidate: candidate.nullable(),
  /** How often the candidate was started since the swap. */
  starts: z.number().int().min(0),
  /** Why the last candidate is not installed. */
  failure: errorRecord.nullable(),
});

export type SlotName = z.infer<typeof slotName>;
export type SlotRecord = z.infer<typeof slotRecord>;
export type Candidate = z.infer<typeof candidate>;
export type InstallRecord = z.infer<typeof installRecord>;

export const EMPTY_DEVICE: InstallRecord = { format: 1, state: 'idle', active: null, good: null, slots: { a: null, b: null }, candidate: null, starts: 0, failure: null };

export function otherSlot(slot: SlotName | null): SlotName {
  return slot === 'a' ? 'b' : 'a';
}

export function slotRecordOf(of: Candidate): SlotRecord {
  return { artifact: of.artifact, version: of.version, manifestSha256: of.manifestSha256, files: of.files.map(({ name, length, sha256 }) => ({ name, length, sha256 })) };
}
