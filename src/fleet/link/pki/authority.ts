/**
 * The console's own certificate authority: it vouches for the console's servers, for the console as a client of the broker and for each
 * device. A device's certificate says `CN = device id` and no more; whether the device is still welcome is asked of the registry each time.
 */
import { randomBytes, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import { isIP } from 'node:net';
import { EdgewiseError } from '../../../base/errors.ts';
import { fleetId } from '../../../contract/records/fleet.ts';
import { ALGORITHM, fingerprintOfSpki, keysOf, newKeys, type CertificateKeys } from './keys.ts';
import { x509 } from './x509.ts';
import type { Extension, JsonGeneralName, Pkcs10CertificateRequest, X509Certificate } from '@peculiar/x509';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
const SERVER_DAYS = 397;
const DEVICE_DAYS = 365;
/** Before now, since a device's clock may be behind. */
const BACKDATED_MS = DAY_MS;

/** Common name of the console's own client at the broker; no device can be called so, since it holds no certificate that says it. */
export const CONSOLE_NAME = 'edgewise-console';

export interface Authority {
  readonly certPem: string;
  readonly keyPem: string;
  readonly certificate: X509Certificate;
  readonly keys: CertificateKeys;
}

export interface IssuedCertificate {
  readonly certPem: string;
  /** SHA-256 of the certificate (DER), upper-case hex in pairs with colons: by this it is known when it is revoked. */
  readonly fingerprint: string;
  readonly untilMs: number;
}

export interface OwnCertificate extends IssuedCertificate {
  readonly keyPem: string;
}

/** A new authority, good for ten years. */
export async function createAuthority(name: string, nowMs: number): Promise<Authority> {
  const { X509CertificateGenerator, BasicConstraintsExtension, KeyUsagesExtension, KeyUsageFlags } = await x509();
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ CN: [name] }],
    keys: keys.pair,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true)],
  });
  return { certPem: certificate.toString('pem'), keyPem: keys.keyPem, certificate, keys };
}

/** @throws STORE_CORRUPT where the two are not an authority and its key */
export async function loadAuthority(certPem: string, keyPem: string): Promise<Authority> {
  try {
    const certificate = new (await x509()).X509Certificate(certPem);
    const keys = await keysOf(keyPem);
    const same = fingerprintOfSpki(certificate.publicKey.rawData) === fingerprintOfSpki(await webcrypto.subtle.exportKey('spki', keys.pair.publicKey));
    if (!same) throw new Error('the key belongs to another certificate');
    return { certPem, keyPem, certificate, keys };
  } catch (cause) {
    throw new EdgewiseError('STORE_CORRUPT', `The console's certificate authority cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`, {
      hint: 'Restore the folder "link" of the data folder from a backup. A new authority means that every device has to join again.',
      cause,
    });
  }
}

/** For the broker and the artifact server. @param hosts names and addresses by which devices reach them */
export async function issueServerCertificate(authority: Authority, hosts: readonly string[], nowMs: number): Promise<OwnCertificate> {
  const { ExtendedKeyUsage, SubjectAlternativeNameExtension } = await x509();
  const names: JsonGeneralName[] = hosts.map((host) => ({ type: isIP(host) ? 'ip' : 'dns', value: host }));
  return issueOwn(authority, hosts[0] ?? 'edgewise', SERVER_DAYS, [ExtendedKeyUsage.serverAuth], nowMs, [new SubjectAlternativeNameExtension(names)]);
}

/** With which the console joins the broker as a client. */
export async function issueConsoleCertificate(authority: Authority, nowMs: number): Promise<OwnCertificate> {
  return issueOwn(authority, CONSOLE_NAME, SERVER_DAYS, [(await x509()).ExtendedKeyUsage.clientAuth], nowMs, []);
}

/**
 * For a device that has shown that it has the key. Nothing of the request but the key is believed.
 * @throws BAD_REQUEST where the request is none, or is not signed with its own key
 */
export async function issueDeviceCertificate(authority: Authority, csrPem: string, deviceId: string, nowMs: number): Promise<IssuedCertificate> {
  if (!fleetId.safeParse(deviceId).success || deviceId === CONSOLE_NAME) throw new EdgewiseError('BAD_REQUEST', `"${deviceId}" cannot be a device's name.`, { hint: 'Use letters, digits, dot, dash and underscore.' });
  const request = await openRequest(csrPem);
  return issue(authority, deviceId, await request.publicKey.export(ALGORITHM, ['verify']), DEVICE_DAYS, [(await x509()).ExtendedKeyUsage.clientAuth], nowMs, []);
}

/** Of the key in a request. @throws BAD_REQUEST */
export async function fingerprintOf(csrPem: string): Promise<string> {
  return fingerprintOfSpki((await openRequest(csrPem)).publicKey.rawData);
}

/** What a device makes before it joins. */
export async function createDeviceRequest(): Promise<{ readonly keyPem: string; readonly csrPem: string; readonly fingerprint: string }> {
  const { Pkcs10CertificateRequestGenerator } = await x509();
  const keys = await newKeys();
  const request = await Pkcs10CertificateRequestGenerator.create({ name: 'CN=device', keys: keys.pair, signingAlgorithm: ALGORITHM });
  return { keyPem: keys.keyPem, csrPem: request.toString('pem'), fingerprint: fingerprintOfSpki(request.publicKey.rawData) };
}

/** Whether a certificate should be made anew now: a third of its life is left, or less. */
export function isDue(certPem: string, nowMs: number): boolean {
  const { validFrom, validTo } = new NodeCertificate(certPem);
  return Date.parse(validTo) - nowMs < (Date.parse(validTo) - Date.parse(validFrom)) / 3;
}

async function openRequest(csrPem: string): Promise<Pkcs10CertificateRequest> {
  try {
    const request = new (await x509()).Pkcs10CertificateRequest(csrPem);
    // Only the kind of key that devices make: a key of another kind would fail later, where nobody can say why.
    await request.publicKey.export(ALGORITHM, ['verify']);
    if (await request.verify()) return request;
  } catch {
    // Told below: what came is not what a device makes.
  }
  throw new EdgewiseError('BAD_REQUEST', 'The request for a certificate is not one that a device makes: PKCS #10, a P-256 key, signed with that key.', { hint: 'Let the device make a new key and ask again.' });
}

async function issueOwn(authority: Authority, name: string, days: number, usage: readonly string[], nowMs: number, more: readonly Extension[]): Promise<OwnCertificate> {
  const keys = await newKeys();
  return { ...(await issue(authority, name, keys.pair.publicKey, days, usage, nowMs, more)), keyPem: keys.keyPem };
}

async function issue(authority: Authority, name: string, publicKey: webcrypto.CryptoKey, days: number, usage: readonly string[], nowMs: number, more: readonly Extension[]): Promise<IssuedCertificate> {
  const { X509CertificateGenerator, BasicConstraintsExtension, KeyUsagesExtension, KeyUsageFlags, ExtendedKeyUsageExtension } = await x509();
  const untilMs = Math.min(nowMs + days * DAY_MS, authority.certificate.notAfter.getTime());
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ CN: [name] }],
    issuer: authority.certificate.subjectName,
    publicKey,
    signingKey: authority.keys.pair.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(untilMs),
    extensions: [new BasicConstraintsExtension(false), new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true), new ExtendedKeyUsageExtension([...usage]), ...more],
  });
  const pem = certificate.toString('pem');
  return { certPem: pem, fingerprint: new NodeCertificate(pem).fingerprint256, untilMs };
}

/** 16 random bytes, positive. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
