/**
 * How long a view of the savings of a large chain takes to compute, from tables in memory.
 *
 *     node bench/savings-speed.ts [--stores 1000] [--days 365] [--repeat 7]
 *
 * Three devices a store, one row a day; half of the stores were updated in waves of ten days. Prints medians with the least and the most, in ms of the
 * processor, so that other work on the machine does not count.
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import { DEFAULT_ASSUMPTIONS, figureTableBuilder, ledgerOf, prepareSavings, savingOf, savingsBy, scatterPoints, summaries, type SavingsQuery, type Update } from '../src/savings/index.ts';
import { noSums } from '../src/savings/rollup/sums.ts';

const DAY_MS = 86_400_000;
const FROM_MS = Date.UTC(2025, 10, 1);
const NOTHING = noSums();
const EVIDENCE = { tier: 'counter', source: 'rapl', simulated: false } as const;

const { values: flags } = parseArgs({ options: { stores: { type: 'string', default: '1000' }, days: { type: 'string', default: '365' }, repeat: { type: 'string', default: '7' } } });
const days = Number(flags.days);
const random = seededRandom(1);
const stores = Array.from({ length: Number(flags.stores) }, (_, at) => ({ id: `s${at}`, name: `Store ${at}`, region: `r${at % 30}`, timeZone: 'Asia/Shanghai', tariffCnyPerKwh: 0.6 + (at % 5) / 10 }));
const devices = stores.flatMap((store) => Array.from({ length: 3 }, (_, at) => ({ id: `${store.id}-d${at}`, storeId: store.id, class: 'edge-box', workload: 'customer-flow' })));
const updateDay = days - 40;
const updates: Update[] = [];

function median(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(0);
  return `${at(0.5)} (${at(0)} to ${at(1)})`;
}

function time<T>(name: string, work: () => T): T {
  const took: number[] = [];
  let result = work();
  for (let at = 0; at < Number(flags.repeat); at++) {
    const started = process.cpuUsage();
    result = work();
    const { user, system } = process.cpuUsage(started);
    took.push((user + system) / 1000);
  }
  console.log(`| ${name} | ${median(took)} |`);
  return result;
}

const built = performance.now();
const builder = figureTableBuilder('day', stores, devices, devices.length * days);
for (const [place, device] of devices.entries()) {
  const store = Math.floor(place / 3);
  const updatedAt = store % 2 === 0 ? updateDay + (store % 10) : days;
  if (updatedAt < days) updates.push({ deviceId: device.id, atMs: FROM_MS + updatedAt * DAY_MS, fromDigest: 'a', toDigest: 'b', rolloutId: 'r' });
  for (let day = 0; day < days; day++) {
    const inferences = Math.round(500_000 * (0.8 + 0.4 * random()));
    const aboveJ = inferences * (day >= updatedAt ? 0.6 : 1) * (0.95 + 0.1 * random());
    builder.add(device.id, FROM_MS + day * DAY_MS, day >= updatedAt ? 'b' : 'a', EVIDENCE, {
      ...NOTHING, rows: 1440, durationMs: DAY_MS, inferences, busyMs: inferences * 8, energyMs: DAY_MS, energyJ: 691_200 + aboveJ, energyInferences: inferences, aboveIdleMs: DAY_MS, aboveIdleJ: aboveJ,
      aboveIdleInferences: inferences, latencyP50Weighted: 8 * inferences, latencyP95Weighted: 11 * inferences, latencyInferences: inferences, accuracyRight: 90, accuracySamples: 100,
    });
  }
}
const table = builder.build();
console.log(`${table.count} rows of ${devices.length} devices in ${stores.length} stores; filled in ${(performance.now() - built).toFixed(0)} ms.\n`);

const toMs = FROM_MS + days * DAY_MS;
const query: SavingsQuery = { table, assumptions: DEFAULT_ASSUMPTIONS, updates, decisions: [], fromMs: toMs - 28 * DAY_MS, toMs, baselineMs: 28 * DAY_MS, settleMs: 0, method: 'auto', seed: 1, rounds: 1000 };

console.log('| | ms of the processor: median (least to most) |');
console.log('|---|---|');
const ledger = time('sums of the whole time by device', () => ledgerOf(table, DEFAULT_ASSUMPTIONS, FROM_MS, toMs));
time('costs of the chain, its regions and its stores from them', () => [summaries(ledger, 'chain', days * DAY_MS), summaries(ledger, 'region', days * DAY_MS), summaries(ledger, 'store', days * DAY_MS)]);
const panel = time('both sides of every device, 28 days, against stores held back', () => prepareSavings(query));
time('the chain with its interval (1000 draws)', () => savingOf(panel, { kind: 'chain' }));
time('every region with its interval', () => savingsBy(panel, 'region'));
time('every store with its interval', () => savingsBy(panel, 'store'));
const alone = time('both sides of every device, before and after', () => prepareSavings({ ...query, method: 'before_after' }));
time('the chain, before and after', () => savingOf(alone, { kind: 'chain' }));
time('every store, before and after', () => savingsBy(alone, 'store'));
time('scatter of stores, 28 days', () => scatterPoints(table, DEFAULT_ASSUMPTIONS, query.fromMs, toMs, 'store'));
