/**
 * Signed bytes. The frame around the document has a fixed layout, so that signatures are checked before anything of the document is
 * parsed:
 *
 *   magic 8 bytes | count 1 byte | count x (key id 32 bytes, signature 64 bytes) | document
 *
 * Signed is `edgewise signed 1`, the document's type and its raw bytes: a document of one type never passes for another.
 */
import { verify } from 'node:crypto';
import { EdgewiseError } from '../../base/errors.ts';
import type { RootDocument, SigningRole } from '../../contract/records/artifact.ts';
import { publicKeyOf, sha256, type Signer } from './keys.ts';

export type DocumentType = 'root' | 'freshness' | 'manifest' | 'time';

const MAGIC = Buffer.from('EWSIGN1\n', 'latin1');
const ENTRY = 96;
const MAX_SIGNATURES = 32;
/** The most that an envelope adds to its document, bytes. */
export const ENVELOPE_OVERHEAD = MAGIC.length + 1 + MAX_SIGNATURES * ENTRY;

/** The most bytes a document of each type may have. */
export const MAX_DOCUMENT_BYTES: Readonly<Record<DocumentType, number>> = { root: 2 ** 16, freshness: 2 ** 20, manifest: 2 ** 24, time: 2 ** 10 };

export interface OpenedDocument {
  /** A view on the envelope's bytes. */
  readonly payload: Uint8Array;
  readonly sha256: string;
}

function signedMessage(type: DocumentType, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`edgewise signed 1\n${type}\n`, 'latin1'), payload]);
}

/** Signs the document's bytes with each of the keys. */
export function sealDocument(type: DocumentType, payload: Uint8Array, signers: readonly Signer[]): Uint8Array {
  const message = signedMessage(type, payload);
  const entries = signers.flatMap((signer) => [Buffer.from(signer.keyId, 'hex'), signer.sign(message)]);
  return Buffer.concat([MAGIC, Uint8Array.of(signers.length), ...entries, payload]);
}

/** The same document with more signatures: for keys that are kept in different places. */
export function addSignatures(type: DocumentType, envelope: Uint8Array, signers: readonly Signer[]): Uint8Array {
  const { entries, payload } = split(type, envelope);
  const added = sealDocument(type, payload, signers).subarray(MAGIC.length + 1, MAGIC.length + 1 + signers.length * ENTRY);
  return Buffer.concat([MAGIC, Uint8Array.of(entries.length + signers.length), ...entries, added, payload]);
}

function split(type: DocumentType, envelope: Uint8Array): { readonly entries: readonly Uint8Array[]; readonly payload: Uint8Array } {
  const limit = MAX_DOCUMENT_BYTES[type] + ENVELOPE_OVERHEAD;
  if (envelope.length > limit) {
    throw new EdgewiseError('ENDLESS_DATA', `The ${type} document has ${envelope.length} bytes or more; ${limit} are the most that is read.`, { hint: HINT, details: { type, limit } });
  }
  const bad = (what: string): EdgewiseError => new EdgewiseError('BAD_DOCUMENT', `This is no signed ${type} document: ${what}.`, { hint: HINT, details: { type } });
  if (!MAGIC.equals(envelope.subarray(0, MAGIC.length))) throw bad('it does not begin like one');
  const count = envelope[MAGIC.length] ?? 0;
  const start = MAGIC.length + 1;
  if (count > MAX_SIGNATURES) throw bad(`it claims ${count} signatures and may have ${MAX_SIGNATURES}`);
  if (envelope.length < start + count * ENTRY) throw bad('it ends within its signatures');
  const entries = Array.from({ length: count }, (_, index) => envelope.subarray(start + index * ENTRY, start + (index + 1) * ENTRY));
  return { entries, payload: envelope.subarray(start + count * ENTRY) };
}

/** The document's bytes with their signatures unchecked: for one's own documents, and for a first root, which names the keys that signed it. */
export function unverifiedDocument(type: DocumentType, envelope: Uint8Array): OpenedDocument {
  const { payload } = split(type, envelope);
  return { payload, sha256: sha256(payload) };
}

/**
 * The document's bytes, when enough of the role's keys have signed them. A key counts once, a key outside the role not at all.
 * @throws ENDLESS_DATA, BAD_DOCUMENT, UNTRUSTED_SIGNATURE
 */
export function openDocument(type: DocumentType, envelope: Uint8Array, root: RootDocument, role: SigningRole): OpenedDocument {
  const { entries, payload } = split(type, envelope);
  const { keyIds, threshold } = root.roles[role];
  const message = signedMessage(type, payload);
  const good = new Set<string>();
  for (const entry of entries) {
    const keyId = Buffer.from(entry.subarray(0, 32)).toString('hex');
    if (!keyIds.includes(keyId) || good.has(keyId)) continue;
    const key = publicKeyOf(keyId, root.keys[keyId] ?? '');
    if (key !== null && verify(null, message, key, entry.subarray(32))) good.add(keyId);
  }
  if (good.size < threshold) {
    throw new EdgewiseError('UNTRUSTED_SIGNATURE', `The ${type} document has ${good.size} good signatures of the ${role} keys and needs ${threshold}.`, {
      hint: 'It was changed on the way, or signed with a key that is not (or no longer) trusted. If keys were changed, the device needs the newer root documents first.',
      details: { type, role, good: good.size, threshold, rootVersion: root.version },
    });
  }
  return { payload, sha256: sha256(payload) };
}

const HINT = 'Fetch it again; if it stays so, the server does not deliver what was published.';
