import { describe, expect, it } from 'vitest';
import type { DeviceRow } from '../../../../src/contract/records/fleet.ts';
import { countDevices, isBehind, newestVersions } from './counts.ts';

const row = (more: Partial<DeviceRow>): DeviceRow => ({
  id: 'a', storeId: 's', name: '', class: 'edge-box', workload: 'flow', tags: [], simulated: false, version: null, digest: null, presence: 'online', lastHeardMs: 1, credential: 'accepted',
  artifact: null, hardware: null, latencyP95Ms: null, throughputPerS: null, temperatureC: null, rollout: null, ...more,
});

describe('a fleet in figures', () => {
  it('counts a device in trouble once, however much is wrong with it', () => {
    const counts = countDevices([row({ presence: 'offline', rollout: { id: 'r', state: 'failed' }, credential: 'revoked' }), row({}), row({ presence: 'never' })], new Map());
    expect(counts).toMatchObject({ devices: 3, online: 1, offline: 1, never: 1, failed: 1, revoked: 1, trouble: 1 });
  });

  it('measures who is behind by the newest version that still counts', () => {
    const newest = newestVersions([{ artifact: 'flow', version: 2, withdrawn: false }, { artifact: 'flow', version: 3, withdrawn: true }, { artifact: 'faces', version: 9, withdrawn: false }]);
    expect(isBehind(row({ artifact: 'flow', version: 2 }), newest)).toBe(false);
    expect(isBehind(row({ artifact: 'flow', version: 1 }), newest)).toBe(true);
    expect(isBehind(row({ artifact: 'unknown', version: 1 }), newest)).toBe(false);
    expect(isBehind(row({}), newest)).toBe(false);
  });
});
