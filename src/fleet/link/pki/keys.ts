/** Key pairs for certificates: ECDSA on P-256, which every TLS stack on a device knows. Private keys leave as PKCS #8 in PEM. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto, type KeyObject } from 'node:crypto';

export const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface CertificateKeys {
  readonly pair: webcrypto.CryptoKeyPair;
  readonly keyPem: string;
}

export async function newKeys(): Promise<CertificateKeys> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: ALGORITHM.namedCurve });
  return keysOf(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** @throws an error of node:crypto where the text is no private key */
export async function keysOf(keyPem: string): Promise<CertificateKeys> {
  const privateKey = createPrivateKey(keyPem);
  const publicKey = createPublicKey(privateKey);
  const pair = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', privateKey.export({ type: 'pkcs8', format: 'der' }), ALGORITHM, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki(publicKey), ALGORITHM, true, ['verify']),
  } as webcrypto.CryptoKeyPair;
  return { pair, keyPem };
}

function spki(key: KeyObject): Buffer<ArrayBuffer> {
  return Buffer.from(key.export({ type: 'spki', format: 'der' }));
}

/** SHA-256 of a public key (SPKI, DER) in pairs of upper-case hex with colons: what both sides show. */
export function fingerprintOfSpki(der: ArrayBuffer | Uint8Array): string {
  const hex = createHash('sha256').update(new Uint8Array(der)).digest('hex').toUpperCase();
  return (hex.match(/../gu) ?? []).join(':');
}
