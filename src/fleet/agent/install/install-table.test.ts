/** The install table as a whole: no order of events leads out of it, around the check of a slot, or into a dead end. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../base/random.ts';
import { INSTALL_EVENTS, INSTALL_STATES, INSTALL_TABLE, type InstallEvent, type InstallState } from './install-table.ts';

const next = (state: InstallState, event: InstallEvent): InstallState => INSTALL_TABLE[state][event] ?? state;

describe('install table', () => {
  it('decides every pair of state and event', () => {
    for (const state of INSTALL_STATES) {
      expect(Object.keys(INSTALL_TABLE[state]).sort()).toEqual([...INSTALL_EVENTS].sort());
      for (const event of INSTALL_EVENTS) expect([null, ...INSTALL_STATES]).toContain(INSTALL_TABLE[state][event]);
    }
  });

  it('random orders of events: a swap only after a check and a benchmark, a success only after a swap, both of this candidate', () => {
    const random = seededRandom(3);
    const seen = new Set<InstallState>();
    for (let round = 0; round < 2000; round++) {
      let state: InstallState = 'idle';
      let past = new Set<InstallEvent>();
      for (let step = 0; step < 40; step++) {
        const event = INSTALL_EVENTS[Math.floor(random() * INSTALL_EVENTS.length)] ?? 'failed';
        if (INSTALL_TABLE[state][event] === null) continue;
        past = event === 'offered' ? new Set() : new Set([...past, event]);
        state = next(state, event);
        seen.add(state);
        if (state === 'swapping') expect([past.has('verified'), past.has('passed')]).toEqual([true, true]);
        if (state === 'succeeded') expect([past.has('swapped'), past.has('healthy')]).toEqual([true, true]);
      }
    }
    expect([...INSTALL_STATES].filter((state) => !seen.has(state))).toEqual([]);
  });

  it('from every state a new offer can be reached', () => {
    for (const start of INSTALL_STATES) {
      const reached = new Set<InstallState>([start]);
      for (const state of reached) for (const event of INSTALL_EVENTS) if (event !== 'offered') reached.add(next(state, event));
      expect([...reached].some((state) => INSTALL_TABLE[state].offered !== null)).toBe(true);
    }
  });
});
