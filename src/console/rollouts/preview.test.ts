/** Risks that are computed from what devices and stores have told. */
import { describe, expect, it } from 'vitest';
import type { ManifestDocument } from '../../contract/records/artifact.ts';
import { policyOf } from '../../fleet/rollout/testing/simulated-fleet.ts';
import { previewRollout } from './preview.ts';

const MB = 2 ** 20;
const NEW = 'b'.repeat(64);
const OLD = 'a'.repeat(64);

function manifest(hardware = 'linux-x64'): ManifestDocument {
  const file = (name: string): unknown => ({ name, length: 30 * MB, sha256: NEW, sources: [{ form: 'zstd', blob: { sha256: OLD, length: 10 * MB, chunks: [] } }, { form: 'zstd-delta', base: OLD, blob: { sha256: OLD, length: 1, chunks: [] } }] });
  return { workload: 'flow', expiresAt: '2099-01-01T00:00:00Z', variants: [{ hardware, deviceClasses: ['camera'], files: [file('a'), file('b')] }, { hardware, deviceClasses: ['box'], files: [file('a')] }] } as unknown as ManifestDocument;
}

interface Facts { readonly freeMb?: number; readonly linkKbitPerS?: number | null; readonly digest?: string | null; readonly latencyP95Ms?: number | null }

/** One box that would download 10 MB and make a slot of 30 MB. */
function risksOf({ freeMb = 1000, linkKbitPerS = null, digest = OLD, latencyP95Ms = 12 }: Facts): { codes: string[]; downloadBytes: number } {
  const row = { id: 'd1', storeId: 's1', presence: 'online', workload: 'flow', hardware: 'linux-x64', class: 'box', digest, latencyP95Ms };
  const store = { id: 's1', timeZone: 'UTC', openingHours: [], devices: 3, linkKbitPerS };
  const { risks, downloadBytes } = previewRollout({ name: 'x', artifact: 'flow', version: 2, filter: '', policy: policyOf() }, { digest: NEW, manifest: manifest() }, {
    registry: { row: () => row, store: () => store, inventory: () => ({ freeDiskBytes: freeMb * MB }) } as never,
    rollouts: { targets: () => ({ targets: [{ deviceId: 'd1', storeId: 's1', class: 'box', online: true, digest }], stores: [store] }), busy: () => new Set() }, now: 0, random: () => 0.5,
  });
  return { codes: risks.map(({ code }) => code), downloadBytes };
}

describe('risks of a rollout', () => {
  it('disk: the download and the new slot of the variant for its class must fit beside each other', () => {
    expect(risksOf({}).downloadBytes).toBe(10 * MB);
    expect(risksOf({ freeMb: 39 }).codes).toContain('disk');
    expect(risksOf({ freeMb: 40 }).codes).not.toContain('disk');
    expect(risksOf({ freeMb: 1, digest: NEW }).codes).not.toContain('disk');
  });

  it('no_baseline: nothing runs, or nothing was measured of what runs', () => {
    expect(risksOf({ digest: null }).codes).toContain('no_baseline');
    expect(risksOf({ latencyP95Ms: null }).codes).toContain('no_baseline');
    expect(risksOf({}).codes).not.toContain('no_baseline');
  });

  it('slow_link: over two hours on the line of the store', () => {
    // 83 886 080 bits in 7200 s are 11.65 kbit/s.
    expect(risksOf({ linkKbitPerS: 11 }).codes).toContain('slow_link');
    expect(risksOf({ linkKbitPerS: 12 }).codes).not.toContain('slow_link');
    expect(risksOf({ linkKbitPerS: 1, digest: NEW }).codes).not.toContain('slow_link');
  });
});
