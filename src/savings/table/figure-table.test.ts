import { expect, test } from 'vitest';
import { shuffled, seededRandom } from '../../base/random.ts';
import { noSums } from '../rollup/sums.ts';
import { figureTableBuilder, type StorePlace } from './figure-table.ts';
import { weakest } from './tiers.ts';

const store: StorePlace = { id: 's', name: 'S', region: 'r', timeZone: 'UTC', tariffCnyPerKwh: null };
const devices = ['a', 'b', 'c'].map((id) => ({ id, storeId: 's', class: 'box', workload: 'flow' }));
const evidence = { tier: 'counter', source: 'rapl', simulated: false } as const;

test('rows stand in order of devices and time, however they came', () => {
  const rows = devices.flatMap(({ id }) => Array.from({ length: 40 }, (_, at) => ({ id, at, digest: at % 3 === 0 ? 'x' : 'y' })));
  const built = (list: typeof rows) => {
    const builder = figureTableBuilder('hour', [store], devices, 4);
    for (const { id, at, digest } of list) builder.add(id, at * 1000, digest, evidence, { ...noSums(), inferences: at, energyJ: at / 3 });
    const table = builder.build();
    return { times: [...table.atMs], energy: [...table.columns.energyJ], digests: [...table.digest].map((place) => table.digests[place]), first: [...table.first] };
  };
  const expected = built(rows);
  expect(expected.first).toEqual([0, 40, 80, 120]);
  for (let seed = 1; seed <= 5; seed++) expect(built(shuffled(rows, seededRandom(seed)))).toEqual(expected);
});

test('a device or a store that is not there is an error', () => {
  expect(() => figureTableBuilder('hour', [], devices)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  expect(() => figureTableBuilder('hour', [store], devices).add('z', 0, 'x', evidence, noSums())).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
});

test('the weakest tier counts, and no figure is no tier', () => {
  expect(weakest(['metered', 'modelled', 'counter'])).toBe('modelled');
  expect(weakest(['metered', null, 'counter'])).toBe('counter');
  expect(weakest([null])).toBeNull();
});
