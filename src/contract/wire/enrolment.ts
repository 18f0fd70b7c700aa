/**
 * How a device joins, over HTTPS before it has a certificate. The claim code holds the address, the fingerprint of the console's certificate authority
 * and a one-time secret: the device trusts that authority and no other, and the console keeps only the secret's hash.
 *
 *   POST /v1/enrolments        { secret, csrPem, fingerprint, ... }  -> 202 { id }         the request waits for an operator
 *   GET  /v1/enrolments/ID     header `authorization: Bearer SECRET` -> 202 waiting | 200 accepted | 410 refused
 */
import { z } from 'zod';
import { fleetId } from '../records/fleet.ts';
import { inventory } from './messages.ts';

/** SHA-256 of the public key (SPKI, DER), in pairs of upper-case hex with colons: shown on both sides. */
export const keyFingerprint = z.string().regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);

/** What `ew1.` + base64url(JSON) holds. */
export const claimCode = z.object({
  v: z.literal(1),
  /** Base of the artifact server. */
  url: z.url().max(500),
  /** SHA-256 of the authority's certificate (DER), hex. */
  ca: z.string().regex(/^[0-9a-f]{64}$/),
  /** 32 random bytes, base64url. */
  secret: z.string().min(40).max(64),
});

export const enrolmentRequest = z.object({
  secret: z.string().min(40).max(64),
  /** PKCS #10, with the proof that the device has the key. Its subject is not believed. */
  csrPem: z.string().max(8192),
  /** Of the key in the request; must fit it. */
  fingerprint: keyFingerprint,
  /** What it wants to be called; the claim's own id goes first. */
  deviceId: fleetId.nullable(),
  inventory,
});

export const enrolmentAnswer = z.discriminatedUnion('state', [
  z.object({ state: z.literal('waiting'), id: z.string(), retryAfterMs: z.number().int().min(100) }),
  z.object({
    state: z.literal('accepted'),
    deviceId: fleetId,
    storeId: fleetId,
    class: z.string(),
    workload: z.string(),
    /** The device's certificate, CN = device id. */
    certificatePem: z.string(),
    authorityPem: z.string(),
    /** `mqtts://host:port`. */
    brokerUrl: z.string(),
    /** Authority of the broker where it is not the console's own. */
    brokerAuthorityPem: z.string().nullable(),
    artifactsUrl: z.string(),
    /** The root document that the device starts to trust with, base64. */
    rootBase64: z.string(),
  }),
  z.object({ state: z.literal('refused'), reason: z.string() }),
]);

export type ClaimCode = z.infer<typeof claimCode>;
export type EnrolmentRequest = z.infer<typeof enrolmentRequest>;
export type EnrolmentAnswer = z.infer<typeof enrolmentAnswer>;

export function formatClaimCode(claim: ClaimCode): string {
  return `ew1.${btoa(JSON.stringify(claim)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** @returns null when it is not a claim code */
export function parseClaimCode(text: string): ClaimCode | null {
  const body = /^ew1\.([A-Za-z0-9_-]{20,2000})$/.exec(text.trim())?.[1];
  if (body === undefined) return null;
  try {
    return claimCode.parse(JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/'))));
  } catch {
    return null;
  }
}
