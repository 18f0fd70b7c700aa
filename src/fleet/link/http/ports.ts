/** What the artifact server needs from whoever runs it. */
import type { EnrolmentAnswer, EnrolmentRequest } from '../../../contract/wire/enrolment.ts';

/** A published blob, open for reading. */
export interface OpenBlob {
  readonly length: number;
  /** Exactly so many bytes; the range lies within the blob. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What is served. Only what is published and not withdrawn is ever answered; null: there is no such thing. */
export interface ArtifactSource {
  blob(sha256: string): Promise<OpenBlob | null>;
  /** Signed root document of this version. */
  root(version: number): Promise<Uint8Array | null>;
  /** The signed list of current manifests; signed anew where the last one has little time left. null: nothing was ever published. */
  freshness(): Promise<Uint8Array | null>;
  /** Signed manifest by the SHA-256 that the list names it by. */
  manifest(sha256: string): Promise<Uint8Array | null>;
  /** The time, signed for this question of 32 hex digits. null: there are no keys yet. */
  time(nonce: string): Promise<Uint8Array | null>;
}

/** Requests of devices to join. */
export interface Enrolments {
  /** @param from address of the device. @throws FORBIDDEN for a claim that is unknown, used or too old; BAD_REQUEST for a request that does not fit it */
  request(input: EnrolmentRequest, from: string): Promise<EnrolmentAnswer>;
  /** @throws NOT_FOUND where there is no such request or the secret is not its own: one cannot be told from the other */
  poll(id: string, secret: string): Promise<EnrolmentAnswer>;
}

/** The store that a device is in, for its share of the line. */
export interface DeviceStore {
  readonly id: string;
  /** Bytes a second that all its devices together may take; null: no limit of its own. */
  readonly bytesPerS: number | null;
}
