import { describe, expect, it } from 'vitest';
import { DEVICE_EVENTS } from '../../../../../src/fleet/rollout/device-table.ts';
import { ROLLOUT_EVENTS } from '../../../../../src/fleet/rollout/rollout-table.ts';
import { WAVE_EVENTS } from '../../../../../src/fleet/rollout/wave-table.ts';
import { enRollouts } from '../../../locales/en-rollouts.ts';
import { zhCNRollouts } from '../../../locales/zh-CN-rollouts.ts';

describe('the words of the audit', () => {
  it.each([['English', enRollouts], ['Chinese', zhCNRollouts]] as const)('name every event of the tables in %s', (_language, { event }) => {
    const words: Readonly<Record<string, string>> = event;
    expect([...ROLLOUT_EVENTS, ...WAVE_EVENTS, ...DEVICE_EVENTS, 'joined'].filter((name) => (words[name] ?? '') === '')).toEqual([]);
  });
});
