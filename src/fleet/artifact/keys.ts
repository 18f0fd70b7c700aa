/** Ed25519 keys. A key's id is the SHA-256 of its raw public key, so a root document cannot give one key two names. */
import { createHash, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** What signs: a private key here, or a token or vault that holds one. */
export interface Signer {
  readonly keyId: string;
  /** The 32 bytes of the public key in base64, as a root document lists it. */
  readonly publicKey: string;
  sign(message: Uint8Array): Uint8Array;
}

/** The raw key within the DER form that node:crypto exports is its last 32 bytes (RFC 8410). */
const DER_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** @param privateKey an Ed25519 key */
export function signerOf(privateKey: KeyObject): Signer {
  const raw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(DER_PREFIX.length);
  return {
    keyId: sha256(raw),
    publicKey: raw.toString('base64'),
    sign: (message) => sign(null, message, privateKey),
  };
}

export function generateSigner(): Signer & { readonly privateKey: KeyObject } {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { ...signerOf(privateKey), privateKey };
}

/** The key that a root document lists under `keyId`; null when the id is not that of the bytes. */
export function publicKeyOf(keyId: string, base64: string): KeyObject | null {
  const raw = Buffer.from(base64, 'base64');
  if (raw.length !== 32 || sha256(raw) !== keyId) return null;
  return createPublicKey({ key: Buffer.concat([DER_PREFIX, raw]), type: 'spki', format: 'der' });
}

/** SHA-256 as 64 hex digits. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
