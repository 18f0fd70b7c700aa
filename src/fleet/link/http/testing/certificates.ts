/** Certificates for tests of the server and its client: an authority, servers, devices; also bad ones. */
import '../../pki/reflect.ts';
import { createHash, generateKeyPairSync, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type Extension,
  type X509Certificate,
} from '@peculiar/x509';


const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface Issued {
  readonly certPem: string;
  readonly keyPem: string;
  /** Of the key, as a request to join names it. */
  readonly fingerprint: string;
}

export interface TestAuthority extends Issued {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

async function newKeys(): Promise<{ readonly keys: webcrypto.CryptoKeyPair; readonly keyPem: string; readonly fingerprint: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', privateKey.export({ type: 'pkcs8', format: 'der' }), ALGORITHM, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
  } as webcrypto.CryptoKeyPair;
  const fingerprint = createHash('sha256').update(spki).digest('hex').toUpperCase().match(/../g)?.join(':') ?? '';
  return { keys, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), fingerprint };
}

const DAYS = 86_400_000;

export async function testAuthority(name = 'Test authority'): Promise<TestAuthority> {
  const { keys, keyPem, fingerprint } = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    notBefore: new Date(Date.now() - DAYS),
    notAfter: new Date(Date.now() + 30 * DAYS),
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  return { certificate, keys, certPem: certificate.toString('pem'), keyPem, fingerprint };
}

export interface Wish {
  readonly name: string;
  readonly usage: 'server' | 'device' | 'none';
  readonly host?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export async function issue(authority: TestAuthority, wish: Wish): Promise<Issued> {
  const { keys, keyPem, fingerprint } = await newKeys();
  const extensions: Extension[] = [new BasicConstraintsExtension(false)];
  if (wish.usage !== 'none') extensions.push(new ExtendedKeyUsageExtension([wish.usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth]));
  if (wish.host !== undefined) extensions.push(new SubjectAlternativeNameExtension([{ type: /^[\d.]+$/.test(wish.host) ? 'ip' : 'dns', value: wish.host }]));
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${wish.name}`,
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: wish.notBefore ?? new Date(Date.now() - DAYS),
    notAfter: wish.notAfter ?? new Date(Date.now() + 10 * DAYS),
    extensions,
  });
  return { certPem: certificate.toString('pem'), keyPem, fingerprint };
}
