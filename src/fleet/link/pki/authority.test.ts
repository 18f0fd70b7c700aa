import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyFingerprint } from '../../../contract/wire/enrolment.ts';
import { createAuthority, createDeviceRequest, fingerprintOf, isDue, issueConsoleCertificate, issueDeviceCertificate, issueServerCertificate, loadAuthority } from './authority.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');

describe('the certificate authority', () => {
  it('vouches for a device by its id, whatever the request calls it, and for its own key only', async () => {
    const authority = await createAuthority('Chain', NOW);
    const request = await createDeviceRequest();
    expect(keyFingerprint.parse(request.fingerprint)).toBe(await fingerprintOf(request.csrPem));
    const issued = await issueDeviceCertificate(authority, request.csrPem, 'till-1', NOW);
    const seen = new X509Certificate(issued.certPem);
    expect(seen.subject).toBe('CN=till-1');
    expect(seen.verify(new X509Certificate(authority.certPem).publicKey)).toBe(true);
    expect(seen.fingerprint256).toBe(issued.fingerprint);
    expect(seen.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(seen.ca).toBe(false);
    expect(Date.parse(seen.validTo)).toBe(issued.untilMs);
  });

  it('comes back from its two files, and not from those of another', async () => {
    const [a, b] = [await createAuthority('A', NOW), await createAuthority('B', NOW)];
    expect((await loadAuthority(a.certPem, a.keyPem)).certPem).toBe(a.certPem);
    await expect(loadAuthority(a.certPem, b.keyPem)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(loadAuthority('nothing', b.keyPem)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('names servers by host name and address, and the console by a name that no device gets', async () => {
    const authority = await createAuthority('Chain', NOW);
    const server = await issueServerCertificate(authority, ['fleet.example', '127.0.0.1', '::1'], NOW);
    const seen = new X509Certificate(server.certPem);
    expect(seen.checkHost('fleet.example')).toBe('fleet.example');
    expect(seen.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(seen.checkIP('10.0.0.1')).toBeUndefined();
    expect(new X509Certificate((await issueConsoleCertificate(authority, NOW)).certPem).subject).toBe('CN=edgewise-console');
    const { csrPem } = await createDeviceRequest();
    await expect(issueDeviceCertificate(authority, csrPem, 'edgewise-console', NOW)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('refuses a request that is none, and one whose key was exchanged', async () => {
    const authority = await createAuthority('Chain', NOW);
    const [mine, other] = [await createDeviceRequest(), await createDeviceRequest()];
    const der = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/gu, ''), 'base64');
    const forged = der(mine.csrPem);
    // The other's public point in the place of its own: the signature does not fit it.
    const point = (bytes: Buffer): number => bytes.indexOf(Buffer.from([0x03, 0x42, 0x00, 0x04])) + 4;
    der(other.csrPem).copy(forged, point(forged), point(der(other.csrPem)), point(der(other.csrPem)) + 64);
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${forged.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    for (const bad of ['', 'hello', pem]) await expect(issueDeviceCertificate(authority, bad, 'till-1', NOW)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('is due when a third of its life is left', async () => {
    const { certPem, untilMs } = await issueConsoleCertificate(await createAuthority('Chain', NOW), NOW);
    expect(isDue(certPem, NOW)).toBe(false);
    expect(isDue(certPem, untilMs - 30 * 86_400_000)).toBe(true);
  });
});
