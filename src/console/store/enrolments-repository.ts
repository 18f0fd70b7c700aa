/** Claims, requests to join and certificates. Of a claim's secret only the hash is kept. */
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { enrolmentRecord, fleetId, type EnrolmentRecord } from '../../contract/records/fleet.ts';
import { plainName } from '../../contract/records/artifact.ts';
import { parseColumn } from './row.ts';

const claimRecord = z.object({ deviceId: fleetId, storeId: fleetId, class: plainName, workload: plainName });
export type ClaimRecord = z.infer<typeof claimRecord>;

export interface StoredClaim {
  readonly claim: ClaimRecord;
  readonly expiresAtMs: number;
  /** The request that it was used for. */
  readonly enrolmentId: string | null;
}

export interface StoredEnrolment {
  readonly record: EnrolmentRecord;
  readonly secretSha256: string;
  readonly csrPem: string;
  readonly certificatePem: string | null;
}

export interface StoredCertificate {
  readonly fingerprint: string;
  readonly deviceId: string;
  readonly keyFingerprint: string;
  readonly untilMs: number;
  readonly revokedAtMs: number | null;
}

export interface EnrolmentsRepository {
  addClaim(secretSha256: string, claim: ClaimRecord, expiresAtMs: number): void;
  claim(secretSha256: string): StoredClaim | undefined;
  /** Uses the claim up. */
  addEnrolment(enrolment: StoredEnrolment): void;
  enrolment(id: string): StoredEnrolment | undefined;
  /** Newest first. */
  list(): EnrolmentRecord[];
  setState(record: EnrolmentRecord, certificatePem: string | null): void;
  addCertificate(certificate: Omit<StoredCertificate, 'revokedAtMs'>): void;
  certificates(): StoredCertificate[];
  revoke(deviceId: string, atMs: number): void;
}

export function createEnrolmentsRepository(database: DatabaseSync): EnrolmentsRepository {
  const addClaim = database.prepare('INSERT INTO claims (secret_sha256, device_id, record, expires_at_ms) VALUES (?, ?, ?, ?)');
  const claim = database.prepare('SELECT record, expires_at_ms AS expiresAtMs, enrolment_id AS enrolmentId FROM claims WHERE secret_sha256 = ?');
  const useClaim = database.prepare('UPDATE claims SET enrolment_id = ? WHERE secret_sha256 = ?');
  const add = database.prepare('INSERT INTO enrolments (id, secret_sha256, csr_pem, certificate_pem, record) VALUES (?, ?, ?, ?, ?)');
  const get = database.prepare('SELECT id, secret_sha256 AS secretSha256, csr_pem AS csrPem, certificate_pem AS certificatePem, record FROM enrolments WHERE id = ?');
  const list = database.prepare('SELECT id, record FROM enrolments ORDER BY sequence DESC LIMIT 1000');
  const set = database.prepare('UPDATE enrolments SET record = ?, certificate_pem = ? WHERE id = ?');
  const addCertificate = database.prepare('INSERT INTO certificates (fingerprint, device_id, key_fingerprint, until_ms) VALUES (?, ?, ?, ?)');
  const certificates = database.prepare('SELECT fingerprint, device_id AS deviceId, key_fingerprint AS keyFingerprint, until_ms AS untilMs, revoked_at_ms AS revokedAtMs FROM certificates');
  const revoke = database.prepare('UPDATE certificates SET revoked_at_ms = ? WHERE device_id = ? AND revoked_at_ms IS NULL');
  const certificate = z.object({ fingerprint: z.string(), deviceId: z.string(), keyFingerprint: z.string(), untilMs: z.number(), revokedAtMs: z.number().nullable() });
  const recordOf = (row: Record<string, unknown>): EnrolmentRecord => parseColumn(enrolmentRecord, row['record'], `enrolments ${String(row['id'])}`);
  return {
    addClaim: (secretSha256, record, expiresAtMs) => void addClaim.run(secretSha256, record.deviceId, JSON.stringify(record), expiresAtMs),
    claim(secretSha256) {
      const row = claim.get(secretSha256);
      if (row === undefined) return undefined;
      return { claim: parseColumn(claimRecord, row['record'], 'claims'), expiresAtMs: Number(row['expiresAtMs']), enrolmentId: row['enrolmentId'] === null ? null : String(row['enrolmentId']) };
    },
    addEnrolment({ record, secretSha256, csrPem, certificatePem }) {
      add.run(record.id, secretSha256, csrPem, certificatePem, JSON.stringify(record));
      useClaim.run(record.id, secretSha256);
    },
    enrolment(id) {
      const row = get.get(id);
      if (row === undefined) return undefined;
      return { record: recordOf(row), secretSha256: String(row['secretSha256']), csrPem: String(row['csrPem']), certificatePem: row['certificatePem'] === null ? null : String(row['certificatePem']) };
    },
    list: () => list.all().map(recordOf),
    setState: (record, certificatePem) => void set.run(JSON.stringify(record), certificatePem, record.id),
    addCertificate: ({ fingerprint, deviceId, keyFingerprint, untilMs }) => void addCertificate.run(fingerprint, deviceId, keyFingerprint, untilMs),
    certificates: () => certificates.all().map((row) => certificate.parse(row)),
    revoke: (deviceId, atMs) => void revoke.run(atMs, deviceId),
  };
}
