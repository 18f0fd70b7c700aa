/**
 * Whether a device is there. Births and deaths carry the number of the session: a late will of an older one changes nothing. A session that
 * stands and is silent is stale, and offline after that, since a broker that has lost its power tells no wills.
 */
import type { PresenceRecord } from '../../contract/records/fleet.ts';

export type PresenceInput =
  | { readonly type: 'birth' | 'death'; readonly birth: number; readonly atMs: number }
  /** Anything else that it said. */
  | { readonly type: 'heard'; readonly atMs: number }
  | { readonly type: 'time'; readonly atMs: number }
  /** The console has lost its own connection, or was not there: nobody knows until the device says so itself. */
  | { readonly type: 'blind' };

export const STALE_MS = 90_000;
export const OFFLINE_MS = 300_000;
export const NEVER: PresenceRecord = { state: 'never', birth: 0, lastHeardMs: null };

export function presenceAfter(before: PresenceRecord, input: PresenceInput): PresenceRecord {
  switch (input.type) {
    case 'birth':
      return input.birth < before.birth ? before : { state: 'online', birth: input.birth, lastHeardMs: later(before, input.atMs) };
    case 'death':
      return input.birth < before.birth || before.state === 'never' ? before : { ...before, state: 'offline', lastHeardMs: later(before, input.atMs) };
    case 'heard':
      // What comes after a death was on its way before it; only a birth says that it is back.
      return { ...before, state: before.state === 'stale' ? 'online' : before.state, lastHeardMs: later(before, input.atMs) };
    case 'time':
      return before.state !== 'online' && before.state !== 'stale' ? before : silent(before, input.atMs);
    case 'blind':
      return before.state === 'never' ? before : { ...before, state: 'offline' };
  }
}

function silent(before: PresenceRecord, nowMs: number): PresenceRecord {
  const silence = nowMs - (before.lastHeardMs ?? nowMs);
  const state = silence >= OFFLINE_MS ? 'offline' : silence >= STALE_MS ? 'stale' : 'online';
  return state === before.state ? before : { ...before, state };
}

function later({ lastHeardMs }: PresenceRecord, atMs: number): number {
  return lastHeardMs === null ? atMs : Math.max(lastHeardMs, atMs);
}
