/** What a device keeps of itself, in its folder: who it is, its key, and with whom it belongs. The key never leaves it. */
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import { enrolmentAnswer, parseClaimCode } from '../../contract/wire/enrolment.ts';
import type { Inventory } from '../../contract/wire/messages.ts';
import { writeFileAtomically } from '../../runtime/files/write-file.ts';
import { enrol, type AcceptedEnrolment } from '../link/http/enrol.ts';
import { createDeviceRequest } from '../link/pki/authority.ts';

const accepted = enrolmentAnswer.options[1];
const requestFile = z.object({ keyPem: z.string(), csrPem: z.string(), fingerprint: z.string() });

export interface JoinedDevice {
  readonly joined: AcceptedEnrolment;
  readonly keyPem: string;
}

export interface JoinOptions {
  readonly folder: string;
  /** Needed once; a device that has joined goes without. */
  readonly claim?: string;
  readonly inventory: Inventory;
  readonly signal: AbortSignal;
  /** Shown to whoever stands at the device, to be compared with what the console shows. */
  readonly onFingerprint: (fingerprint: string) => void;
}

/**
 * Who this device is: from its folder, or by asking to join. A device that is stopped while it waits goes on with the same key and code.
 * @throws USAGE (no claim, and it has not joined), FORBIDDEN and what `enrol` throws, STORE_CORRUPT
 */
export async function openDevice({ folder, claim: code, inventory, signal, onFingerprint }: JoinOptions): Promise<JoinedDevice> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const joinedPath = join(folder, 'joined.json');
  const requestPath = join(folder, 'key.json');
  const kept = read(requestPath, requestFile);
  const before = read(joinedPath, accepted);
  if (before !== null && kept !== null) return { joined: before, keyPem: kept.keyPem };

  if (code === undefined) throw new EdgewiseError('USAGE', `${folder} belongs to no console yet.`, { hint: 'Ask for a claim code in the console (edgewise fleet claim) and give it with --claim.' });
  const claim = parseClaimCode(code);
  if (claim === null) throw new EdgewiseError('USAGE', 'This is no claim code.', { hint: 'It begins with ew1. and is long: copy all of it.' });
  const request = kept ?? (await createDeviceRequest());
  if (kept === null) await write(requestPath, request);
  onFingerprint(request.fingerprint);
  const joined = await enrol({ claim, request: { csrPem: request.csrPem, fingerprint: request.fingerprint, deviceId: null, inventory }, signal });
  await write(joinedPath, joined);
  return { joined, keyPem: request.keyPem };
}

function read<S extends z.ZodType>(path: string, schema: S): z.infer<S> | null {
  if (!existsSync(path)) return null;
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new EdgewiseError('STORE_CORRUPT', `${path} cannot be read.`, { hint: 'Let the device join anew in an empty folder; shut the old one out in the console.', cause });
  }
}

function write(path: string, value: unknown): Promise<void> {
  return writeFileAtomically(path, [new TextEncoder().encode(JSON.stringify(value))], { mode: 0o600 });
}
