import { describe, expect, it } from 'vitest';
import type { PresenceRecord } from '../../contract/records/fleet.ts';
import { NEVER, OFFLINE_MS, presenceAfter, STALE_MS, type PresenceInput } from './presence.ts';

const after = (...inputs: PresenceInput[]): PresenceRecord => inputs.reduce(presenceAfter, NEVER);
const birth = (number: number, atMs = 0): PresenceInput => ({ type: 'birth', birth: number, atMs });
const death = (number: number, atMs = 0): PresenceInput => ({ type: 'death', birth: number, atMs });

const CASES: readonly (readonly [string, readonly PresenceInput[], PresenceRecord['state']])[] = [
  ['never spoke', [], 'never'],
  ['time alone makes nothing of it', [{ type: 'time', atMs: 1e9 }], 'never'],
  ['a birth', [birth(1)], 'online'],
  ['its death', [birth(1), death(1)], 'offline'],
  ['a death before any birth', [death(1)], 'never'],
  ['a late will of the session before', [birth(1), birth(2), death(1)], 'online'],
  ['a will that comes before the birth that it belongs to is followed by the next', [birth(1), death(1), birth(2)], 'online'],
  ['an old birth, played again after a death', [birth(3), death(3), birth(2)], 'offline'],
  ['the same birth said again', [birth(3), birth(3)], 'online'],
  ['silent for a while', [birth(1), { type: 'time', atMs: STALE_MS }], 'stale'],
  ['silent and heard again', [birth(1), { type: 'time', atMs: STALE_MS }, { type: 'heard', atMs: STALE_MS + 1 }], 'online'],
  ['silent for long', [birth(1), { type: 'time', atMs: OFFLINE_MS }], 'offline'],
  ['stale, then offline', [birth(1), { type: 'time', atMs: STALE_MS }, { type: 'time', atMs: OFFLINE_MS }], 'offline'],
  ['speaking keeps it', [birth(1), { type: 'heard', atMs: OFFLINE_MS }, { type: 'time', atMs: OFFLINE_MS + 1 }], 'online'],
  ['a message that was on its way when it died', [birth(1), death(1), { type: 'heard', atMs: 5 }], 'offline'],
  ['the console was blind', [birth(1), { type: 'blind' }], 'offline'],
  ['the console was blind and is told again', [birth(1), { type: 'blind' }, birth(1)], 'online'],
  ['the console was blind to a stranger', [{ type: 'blind' }], 'never'],
];

describe('presence', () => {
  it.each(CASES)('%s: %#', (_name, inputs, state) => {
    expect(after(...inputs).state).toBe(state);
  });

  it('never forgets the latest moment, nor the newest session', () => {
    const seen = after(birth(2, 100), { type: 'heard', atMs: 50 }, death(1, 70));
    expect(seen).toEqual({ state: 'online', birth: 2, lastHeardMs: 100 });
  });
});
