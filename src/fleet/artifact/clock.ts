/**
 * The time that expiry is judged by. A device's clock is a claim: without a battery it says 1970, and anybody may set it.
 *
 * The rule: signed moments are a floor that time never goes below. A clock that is behind the floor, or behind the issue of a document
 * that is signed, is wrong, and nothing is installed by it. A clock that is ahead makes everything look expired, and nothing is
 * installed either. Both recover by asking for the time with a nonce: the answer is signed for that one question and counts instead of
 * the clock, whichever way that is off.
 */
import { EdgewiseError } from '../../base/errors.ts';
import type { TrustState } from '../../contract/records/artifact.ts';
import { parseDocument } from './documents.ts';
import { openDocument } from './envelope.ts';

/** How far a server's clock may be ahead of a device's. */
export const CLOCK_TOLERANCE_MS = 3_600_000;

export interface SignedTime {
  readonly document: Uint8Array;
  /** What this device asked with: 32 hex digits, random, used once. */
  readonly nonce: string;
}

/**
 * @param clockMs the device's own clock, milliseconds since 1970
 * @returns milliseconds since 1970
 * @throws CLOCK_WRONG, UNTRUSTED_SIGNATURE, BAD_DOCUMENT, ENDLESS_DATA
 */
export function trustedNow(state: TrustState, clockMs: number, time?: SignedTime): number {
  const floor = Date.parse(state.timeFloor);
  if (time === undefined) {
    if (!Number.isFinite(clockMs) || clockMs < floor - CLOCK_TOLERANCE_MS) throw clockBehind(clockMs, floor);
    return Math.max(clockMs, floor);
  }
  const signed = parseDocument('time', openDocument('time', time.document, state.root, 'freshness'));
  if (signed.nonce !== time.nonce) throw refusedTime('it answers another question');
  const at = Date.parse(signed.at);
  if (at < floor - CLOCK_TOLERANCE_MS) throw refusedTime(`it says ${signed.at}, which is before ${state.timeFloor}, a moment known to be past`);
  return Math.max(at, floor);
}

/** @throws CLOCK_WRONG when something was signed in what the clock calls the future */
export function refuseIssuedLater(issuedAt: string, now: number): void {
  const issued = Date.parse(issuedAt);
  if (issued > now + CLOCK_TOLERANCE_MS) throw clockBehind(now, issued);
}

function clockBehind(clockMs: number, past: number): EdgewiseError {
  return new EdgewiseError('CLOCK_WRONG', `The clock says ${shown(clockMs)}, but ${shown(past)} is known to be past.`, {
    hint: 'Ask the server for the signed time, or set the clock of the device.',
    details: { clock: shown(clockMs), past: shown(past) },
  });
}

function refusedTime(what: string): EdgewiseError {
  return new EdgewiseError('CLOCK_WRONG', `The signed time is refused: ${what}.`, { hint: 'Ask again with a new nonce.' });
}

function shown(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
