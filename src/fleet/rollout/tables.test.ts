/** Every (state, event) pair is decided, and the tables say what the rules say. */
import { describe, expect, it } from 'vitest';
import { deviceRolloutState, rolloutState, waveState } from '../../contract/records/rollout.ts';
import { DEVICE_EVENTS, DEVICE_TABLE, DEVICE_TRAITS, FINAL_DEVICE_STATES } from './device-table.ts';
import { ROLLOUT_EVENTS, ROLLOUT_TABLE } from './rollout-table.ts';
import type { Decision, Table } from './table.ts';
import { WAVE_EVENTS, WAVE_TABLE } from './wave-table.ts';

function cell(table: Table<string, string>, state: string, event: string): Decision<string> | undefined {
  return table[state]?.[event];
}

/** Where each state can be left to, over all events. */
function exits(table: Table<string, string>, state: string): string[] {
  return [...new Set(Object.values(table[state] ?? {}).flatMap((decision) => ('to' in decision && decision.to !== state ? [decision.to] : [])))].sort();
}

const TABLES: readonly (readonly [string, Table<string, string>, readonly string[], readonly string[]])[] = [
  ['rollout', ROLLOUT_TABLE, rolloutState.options, ROLLOUT_EVENTS],
  ['wave', WAVE_TABLE, waveState.options, WAVE_EVENTS],
  ['device', DEVICE_TABLE, deviceRolloutState.options, DEVICE_EVENTS],
];

describe.each(TABLES)('%s table', (_name, table, states, events) => {
  const pairs = states.flatMap((state) => events.map((event) => [state, event] as const));

  it('has a row for each state, a cell for each event, and no other', () => {
    expect(Object.keys(table).sort()).toEqual([...states].sort());
    for (const state of states) expect(Object.keys(table[state] ?? {}).sort(), state).toEqual([...events].sort());
  });

  it.each(pairs)('%s, %s is decided in exactly one way', (state, event) => {
    const decision = cell(table, state, event);
    expect(decision).toBeDefined();
    expect(Object.keys(decision ?? {})).toHaveLength(1);
    if (decision !== undefined && 'to' in decision) expect(states).toContain(decision.to);
    if (decision !== undefined && 'refuse' in decision) expect(decision.refuse).toMatch(/^[A-Z_]+$/);
    if (decision !== undefined && 'ignore' in decision) expect(decision.ignore.length).toBeGreaterThan(5);
  });

  it('reaches every state from the first one', () => {
    const seen = new Set([states[0] ?? '']);
    for (const state of seen) for (const next of exits(table, state)) seen.add(next);
    expect([...seen].sort()).toEqual([...states].sort());
  });
});

describe('what the tables promise', () => {
  it.each(FINAL_DEVICE_STATES)('a %s device stays so', (state) => {
    expect(exits(DEVICE_TABLE, state)).toEqual([]);
  });

  it('a settled device is left by a rollback, a removal and its own word only', () => {
    expect(exits(DEVICE_TABLE, 'succeeded')).toEqual(['failed', 'removed', 'rolled_back', 'rolling_back']);
    expect(exits(DEVICE_TABLE, 'timed_out')).toEqual(['removed', 'rolled_back', 'rolling_back', 'succeeded']);
    expect(exits(DEVICE_TABLE, 'rejected')).toEqual(['removed']);
    expect(exits(DEVICE_TABLE, 'rolled_back')).toEqual(['failed', 'removed']);
  });

  it('only the word of the new slot makes a success', () => {
    for (const state of deviceRolloutState.options.filter((name) => name !== 'succeeded')) {
      for (const event of DEVICE_EVENTS) {
        const decision = DEVICE_TABLE[state][event];
        if ('to' in decision && decision.to === 'succeeded') expect(event).toBe('runs_target');
      }
    }
  });

  it('a swap follows a benchmark that was met, and nothing else', () => {
    const ways = deviceRolloutState.options.flatMap((state) => DEVICE_EVENTS.filter((event) => (DEVICE_TABLE[state][event] as { to?: string }).to === 'swapping').map((event) => [state, event]));
    expect(ways).toEqual([['benchmarking', 'benchmark_met']]);
  });

  it('every working state has a way out at its deadline, no other state has one', () => {
    for (const state of deviceRolloutState.options) {
      expect('to' in DEVICE_TABLE[state].deadline_final, state).toBe(DEVICE_TRAITS[state].phase === 'working');
    }
  });

  it('shed is not failed: it leads back to the queue', () => {
    expect(DEVICE_TABLE.downloading.shed).toEqual({ to: 'queued' });
  });

  it('a device that swaps is not cancelled halfway', () => {
    expect(DEVICE_TABLE.swapping.cancel).toHaveProperty('ignore');
    expect(DEVICE_TABLE.confirming.cancel).toHaveProperty('ignore');
  });

  it.each([
    ['draft', 'submit_for_approval', { to: 'awaiting_approval' }],
    ['awaiting_approval', 'approve_by_author', { refuse: 'SAME_PERSON' }],
    ['awaiting_approval', 'submit', { refuse: 'NEEDS_APPROVAL' }],
    ['awaiting_approval', 'start_due', { ignore: 'nobody has approved it' }],
    ['running', 'edit', { refuse: 'ALREADY_SUBMITTED' }],
    ['stopped', 'resume', { refuse: 'ALREADY_ENDED' }],
    ['finished', 'roll_back', { to: 'rolling_back' }],
    ['rolled_back', 'roll_back', { refuse: 'ALREADY_ENDED' }],
  ] as const)('a rollout that is %s answers %s so', (state, event, decision) => {
    expect(ROLLOUT_TABLE[state][event]).toEqual(decision);
  });
});
