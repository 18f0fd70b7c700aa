/** Certificates as the console's authority makes them, and bad ones that it would not. */
import { createAuthority, type Authority } from '../../pki/authority.ts';
import { ALGORITHM, fingerprintOfSpki, newKeys } from '../../pki/keys.ts';
import '../../pki/reflect.ts';
import { BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, SubjectAlternativeNameExtension, X509CertificateGenerator, type Extension } from '@peculiar/x509';

export type TestAuthority = Authority;

export interface Issued {
  readonly certPem: string;
  readonly keyPem: string;
  /** Of the key, as a request to join names it. */
  readonly fingerprint: string;
}

export function testAuthority(): Promise<TestAuthority> {
  return createAuthority('Test authority', Date.now());
}

export interface Wish {
  /** Goes into the certificate as it is. */
  readonly name: string;
  readonly usage: 'server' | 'device' | 'none';
  readonly host?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const DAY_MS = 86_400_000;

export async function issue(authority: TestAuthority, wish: Wish): Promise<Issued> {
  const { pair, keyPem } = await newKeys();
  const extensions: Extension[] = [new BasicConstraintsExtension(false)];
  if (wish.usage !== 'none') extensions.push(new ExtendedKeyUsageExtension([wish.usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth]));
  if (wish.host !== undefined) extensions.push(new SubjectAlternativeNameExtension([{ type: /^[\d.]+$/.test(wish.host) ? 'ip' : 'dns', value: wish.host }]));
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${wish.name}`,
    issuer: authority.certificate.subject,
    publicKey: pair.publicKey,
    signingKey: authority.keys.pair.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: wish.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: wish.notAfter ?? new Date(Date.now() + 10 * DAY_MS),
    extensions,
  });
  return { certPem: certificate.toString('pem'), keyPem, fingerprint: fingerprintOfSpki(certificate.publicKey.rawData) };
}
