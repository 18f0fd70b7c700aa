/** The states of a wave. `failed` is left only by a person who takes the responsibility by name. */
import type { WaveStateName } from '../../contract/records/rollout.ts';
import { go, ignore, refuse, type Table } from './table.ts';

export const WAVE_EVENTS = ['begin', 'enough_succeeded', 'nothing_to_do', 'soaked', 'gate_missed', 'accept'] as const;

export type WaveEventName = (typeof WAVE_EVENTS)[number];

export const WAVE_TABLE: Table<WaveStateName, WaveEventName> = {
  pending: {
    begin: go('running'), enough_succeeded: ignore('it has not begun'), nothing_to_do: ignore('it has not begun'), soaked: ignore('it has not begun'),
    gate_missed: ignore('it has not begun'), accept: refuse('NOT_BEGUN'),
  },
  running: {
    begin: ignore('it has begun'), enough_succeeded: go('soaking'), nothing_to_do: go('passed'), soaked: ignore('it does not soak yet'),
    gate_missed: go('failed'), accept: go('soaking'),
  },
  soaking: {
    begin: ignore('it has begun'), enough_succeeded: ignore('it soaks'), nothing_to_do: go('passed'), soaked: go('passed'),
    gate_missed: go('failed'), accept: go('passed'),
  },
  passed: {
    begin: ignore('it has passed'), enough_succeeded: ignore('it has passed'), nothing_to_do: ignore('it has passed'), soaked: ignore('it has passed'),
    gate_missed: ignore('it has passed'), accept: ignore('it has passed'),
  },
  failed: {
    begin: ignore('it has failed'), enough_succeeded: ignore('it has failed'), nothing_to_do: ignore('it has failed'), soaked: ignore('it has failed'),
    gate_missed: ignore('it has failed'), accept: go('passed'),
  },
};
