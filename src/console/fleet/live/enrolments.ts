/**
 * How devices join and are shut out. A claim is good for one request; the request waits until a person has compared the fingerprint and
 * accepts. What is stored of a secret is its hash.
 */
import { createHash, randomBytes } from 'node:crypto';
import { EdgewiseError } from '../../../base/errors.ts';
import type { EnrolmentRecord } from '../../../contract/records/fleet.ts';
import { formatClaimCode, type EnrolmentAnswer } from '../../../contract/wire/enrolment.ts';
import type { Enrolments } from '../../../fleet/link/http/ports.ts';
import { certificateSha256 } from '../../../fleet/link/http/pinned-tls.ts';
import { createDeviceRequest, fingerprintOf, issueDeviceCertificate, type Authority } from '../../../fleet/link/pki/authority.ts';
import type { ClaimRecord } from '../../store/enrolments-repository.ts';
import type { Store } from '../../store/open-store.ts';
import type { FleetRegistry } from '../registry/registry.ts';

/** What a device that was accepted has to know besides its certificate. */
export interface WayIn {
  readonly brokerUrl: string;
  readonly artifactsUrl: string;
  readonly brokerAuthorityPem: string | null;
}

export interface EnrolmentServiceOptions {
  readonly store: Store;
  readonly registry: FleetRegistry;
  readonly authority: Authority;
  readonly wayIn: () => WayIn;
  /** The signed root document that devices begin to trust with. */
  readonly firstTrust: () => Promise<Uint8Array>;
  readonly now: () => number;
  readonly newId: () => string;
  readonly onChange: () => void;
  /** Ends what the device has open. */
  readonly shutOut: (deviceId: string) => void;
}

export interface EnrolmentService extends Enrolments {
  /** @throws NOT_FOUND (the store), CONFLICT where the device has joined already */
  claim(claim: ClaimRecord, validForMs: number): { readonly code: string; readonly command: string; readonly expiresAtMs: number };
  list(): EnrolmentRecord[];
  waiting(): number;
  /** @throws NOT_FOUND, CONFLICT where it was decided before */
  accept(id: string): Promise<EnrolmentRecord>;
  refuse(id: string): EnrolmentRecord;
  /**
   * Certificates for simulated devices of this machine, without a claim: nobody stands before them who could compare a fingerprint. Older ones of theirs
   * count no more.
   * @throws CONFLICT for a device that is not registered as simulated
   */
  admit(deviceIds: readonly string[]): Promise<readonly { readonly deviceId: string; readonly keyPem: string; readonly certificatePem: string }[]>;
  /** What a device that was accepted is told of this console. */
  wayIn(): Promise<WayIn & { readonly authorityPem: string; readonly rootBase64: string }>;
  /** From now on no certificate of the device counts. */
  revoke(deviceId: string): void;
  /** @param fingerprint of the certificate, upper-case hex in pairs with colons */
  mayConnect(deviceId: string, fingerprint: string): boolean;
  certificateOf(deviceId: string): { readonly keyFingerprint: string; readonly untilMs: number } | null;
}

const POLL_MS = 2000;
/** Simulated devices whose certificates are stored together; other work gets its turn in between. */
const ADMIT_AT_ONCE = 25;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function createEnrolmentService(options: EnrolmentServiceOptions): EnrolmentService {
  const { store, registry, authority, now } = options;
  const { enrolments } = store;
  /** Certificates that count, by fingerprint. */
  const good = new Map<string, { readonly deviceId: string; readonly keyFingerprint: string; readonly untilMs: number }>();
  for (const { fingerprint, revokedAtMs, ...certificate } of enrolments.certificates()) if (revokedAtMs === null) good.set(fingerprint, certificate);

  const find = (id: string): NonNullable<ReturnType<typeof enrolments.enrolment>> => {
    const found = enrolments.enrolment(id);
    if (found === undefined) throw new EdgewiseError('NOT_FOUND', 'There is no such request to join.', { hint: 'Look at the list of requests again.' });
    return found;
  };
  const undecided = (id: string): ReturnType<typeof find> => {
    const found = find(id);
    if (found.record.state !== 'waiting') throw new EdgewiseError('CONFLICT', `The request of ${found.record.deviceId} was ${found.record.state} before.`, { hint: 'Look at the list of requests again.' });
    return found;
  };
  const answer = async ({ record, certificatePem }: ReturnType<typeof find>): Promise<EnrolmentAnswer> => {
    if (record.state === 'refused') return { state: 'refused', reason: 'An operator has refused it.' };
    if (record.state === 'waiting' || certificatePem === null) return { state: 'waiting', id: record.id, retryAfterMs: POLL_MS };
    return {
      state: 'accepted', deviceId: record.deviceId, storeId: record.storeId, class: record.class, workload: record.workload, certificatePem, authorityPem: authority.certPem, ...options.wayIn(),
      rootBase64: Buffer.from(await options.firstTrust()).toString('base64'),
    };
  };
  const forbidden = (what: string): EdgewiseError => new EdgewiseError('FORBIDDEN', `The claim code ${what}.`, { hint: 'Ask for a new claim code in the console: Fleet, Add a device.' });

  return {
    claim(claim, validForMs) {
      const row = registry.row(claim.deviceId);
      if (row?.credential === 'accepted') throw new EdgewiseError('CONFLICT', `${claim.deviceId} has joined already.`, { hint: 'Shut it out first if it is to join anew.' });
      registry.saveDevice({ id: claim.deviceId, storeId: claim.storeId, name: row?.name ?? '', class: claim.class, workload: claim.workload, tags: row?.tags ?? [] });
      const secret = randomBytes(32).toString('base64url');
      const expiresAtMs = now() + validForMs;
      enrolments.addClaim(sha256(secret), claim, expiresAtMs);
      const code = formatClaimCode({ v: 1, url: options.wayIn().artifactsUrl, ca: certificateSha256(authority.certPem), secret });
      return { code, command: `edgewise agent --dir ./${claim.deviceId} --claim ${code}`, expiresAtMs };
    },
    async request(input, from) {
      const secretSha256 = sha256(input.secret);
      const found = enrolments.claim(secretSha256);
      if (found === undefined) throw forbidden('is not known here');
      const fingerprint = await fingerprintOf(input.csrPem);
      if (fingerprint !== input.fingerprint) throw new EdgewiseError('BAD_REQUEST', 'The fingerprint is not that of the key in the request.', { hint: 'Let the device make a new key and ask again.' });
      if (found.enrolmentId !== null) {
        const before = find(found.enrolmentId);
        // The same device that asks again, since it did not hear the answer.
        if (before.record.fingerprint === fingerprint) return answer(before);
        throw forbidden('was used by another device');
      }
      if (found.expiresAtMs < now()) throw forbidden('is too old');
      const { claim } = found;
      if (registry.row(claim.deviceId) === undefined) throw forbidden('is for a device that was removed');
      const id = options.newId();
      const record: EnrolmentRecord = { id, ...claim, fingerprint, state: 'waiting', requestedAtMs: now(), from, hardware: input.inventory.hardware };
      store.transaction(() => enrolments.addEnrolment({ record, secretSha256, csrPem: input.csrPem, certificatePem: null }));
      registry.setCredential(claim.deviceId, 'pending');
      registry.addEvent(claim.deviceId, { atMs: now(), kind: 'asked', text: `asked to join from ${from}, key ${fingerprint}`, rolloutId: null });
      options.onChange();
      return { state: 'waiting', id, retryAfterMs: POLL_MS };
    },
    async poll(id, secret) {
      const found = enrolments.enrolment(id);
      if (found === undefined || found.secretSha256 !== sha256(secret)) throw new EdgewiseError('NOT_FOUND', 'There is no such request to join.', { hint: 'Begin again with a new claim code.' });
      return answer(found);
    },
    list: () => enrolments.list(),
    waiting: () => enrolments.list().filter(({ state }) => state === 'waiting').length,
    async accept(id) {
      const { record, csrPem } = undecided(id);
      const issued = await issueDeviceCertificate(authority, csrPem, record.deviceId, now());
      // Somebody else may have decided while the certificate was made.
      undecided(id);
      const accepted: EnrolmentRecord = { ...record, state: 'accepted' };
      const certificate = { fingerprint: issued.fingerprint, deviceId: record.deviceId, keyFingerprint: record.fingerprint, untilMs: issued.untilMs };
      store.transaction(() => {
        enrolments.revoke(record.deviceId, now());
        enrolments.addCertificate(certificate);
        enrolments.setState(accepted, issued.certPem);
      });
      for (const [fingerprint, { deviceId }] of good) if (deviceId === record.deviceId) good.delete(fingerprint);
      good.set(issued.fingerprint, certificate);
      registry.setCredential(record.deviceId, 'accepted');
      registry.addEvent(record.deviceId, { atMs: now(), kind: 'enrolled', text: `accepted, key ${record.fingerprint}`, rolloutId: null });
      options.onChange();
      return accepted;
    },
    refuse(id) {
      const { record } = undecided(id);
      const refused: EnrolmentRecord = { ...record, state: 'refused' };
      enrolments.setState(refused, null);
      if (registry.row(record.deviceId)) registry.setCredential(record.deviceId, 'none');
      registry.addEvent(record.deviceId, { atMs: now(), kind: 'refused', text: 'the request to join was refused', rolloutId: null });
      options.onChange();
      return refused;
    },
    async admit(deviceIds) {
      const made: { deviceId: string; keyPem: string; certificatePem: string }[] = [];
      for (let begin = 0; begin < deviceIds.length; begin += ADMIT_AT_ONCE) {
        const some = await Promise.all(
          deviceIds.slice(begin, begin + ADMIT_AT_ONCE).map(async (deviceId) => {
            const { keyPem, csrPem, fingerprint } = await createDeviceRequest();
            return { deviceId, keyPem, keyFingerprint: fingerprint, issued: await issueDeviceCertificate(authority, csrPem, deviceId, now()) };
          }),
        );
        for (const { deviceId } of some) {
          if (registry.row(deviceId)?.simulated !== true) throw new EdgewiseError('CONFLICT', `${deviceId} is not a simulated device.`, { hint: 'Let a real device join with a claim code.' });
        }
        store.transaction(() => {
          for (const { deviceId, keyFingerprint, issued } of some) {
            enrolments.revoke(deviceId, now());
            enrolments.addCertificate({ fingerprint: issued.fingerprint, deviceId, keyFingerprint, untilMs: issued.untilMs });
            registry.setCredential(deviceId, 'accepted');
          }
        });
        const ids = new Set(some.map(({ deviceId }) => deviceId));
        for (const [fingerprint, { deviceId }] of good) if (ids.has(deviceId)) good.delete(fingerprint);
        for (const { deviceId, keyPem, keyFingerprint, issued } of some) {
          good.set(issued.fingerprint, { deviceId, keyFingerprint, untilMs: issued.untilMs });
          made.push({ deviceId, keyPem, certificatePem: issued.certPem });
        }
      }
      return made;
    },
    wayIn: async () => ({ ...options.wayIn(), authorityPem: authority.certPem, rootBase64: Buffer.from(await options.firstTrust()).toString('base64') }),
    revoke(deviceId) {
      enrolments.revoke(deviceId, now());
      for (const [fingerprint, certificate] of good) if (certificate.deviceId === deviceId) good.delete(fingerprint);
      if (registry.row(deviceId)) {
        registry.setCredential(deviceId, 'revoked');
        registry.addEvent(deviceId, { atMs: now(), kind: 'revoked', text: 'its certificates count no more', rolloutId: null });
      }
      options.shutOut(deviceId);
      options.onChange();
    },
    mayConnect: (deviceId, fingerprint) => good.get(fingerprint)?.deviceId === deviceId && registry.row(deviceId) !== undefined,
    certificateOf: (deviceId) => [...good.values()].find((certificate) => certificate.deviceId === deviceId) ?? null,
  };
}
