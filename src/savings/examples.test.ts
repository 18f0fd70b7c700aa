/** The worked examples of docs/savings.md, held against the code. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { SavingsAssumptions } from '../contract/records/savings.ts';
import { DEFAULT_ASSUMPTIONS, ledgerOf, prepareSavings, savingOf, summaries } from './index.ts';
import { DAY_MS, HOUR_MS, MONDAY_MS, queryOf, tableOf, update, type PlainRow } from './testing/small-fleet.ts';

const expected = z.record(z.string(), z.number());
const law = z.strictObject({ idleW: z.number(), perHour: z.number(), eachJ: z.number() });
const example = z.discriminatedUnion('example', [
  law.extend({
    example: z.literal('cost'), tier: z.enum(['metered', 'counter']), days: z.number(), expect: expected,
    assume: z.strictObject({
      pue: z.number().default(1), workloadShare: z.number().default(1), networkCnyPerGb: z.number().default(0), cloudCnyPer1000: z.number().default(0), bytesPerInference: z.number().default(0), cloudShare: z.number().default(0),
      otherwise: z.number().default(0.8), peak: z.strictObject({ from: z.string(), to: z.string(), cny: z.number() }).optional(),
    }),
  }),
  z.strictObject({ example: z.literal('saving'), before: law, after: law, expect: expected }),
  z.strictObject({ example: z.literal('held back'), before: z.number(), heldBack: z.number(), updated: z.number(), expect: expected }),
]);

const page = readFileSync(new URL('../../docs/savings.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => example.parse(JSON.parse(json ?? '')));
const said = (value: number): number => ((value: string) => (value.includes('.') ? (value.split('.')[1]?.length ?? 0) : 0))(String(value));

/** As many digits as the page gives. */
function agree(found: Readonly<Record<string, number | null | undefined>>, page: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(page)) expect(Number((found[name] ?? Number.NaN).toFixed(said(value))), name).toBe(value);
}

const hours = (device: string, from: number, count: number, { idleW, perHour, eachJ }: z.infer<typeof law>, digest: string, more: Partial<PlainRow> = {}): PlainRow[] =>
  Array.from({ length: count }, (_, at) => ({ device, atMs: MONDAY_MS + (from + at) * HOUR_MS, digest, idleJ: idleW * 3600, aboveJ: perHour * eachJ, inferences: perHour, ...more }));

test('the page has its five examples', () => {
  expect(examples.map((each) => each.example)).toEqual(['cost', 'cost', 'cost', 'saving', 'held back']);
});

for (const [at, each] of examples.entries()) {
  test(`example ${at + 1}`, () => {
    if (each.example === 'cost') {
      const { assume } = each;
      const value = (number: number) => ({ value: number, source: 'the page' });
      const assumptions: SavingsAssumptions = {
        ...DEFAULT_ASSUMPTIONS, pue: value(assume.pue), workloadShare: value(assume.workloadShare), networkCnyPerGb: value(assume.networkCnyPerGb), cloudCnyPer1000: value(assume.cloudCnyPer1000),
        optimizedUse: { bytesPerInference: assume.bytesPerInference, cloudShare: assume.cloudShare },
        tariff: { otherwiseCnyPerKwh: assume.otherwise, source: 'the page', periods: assume.peak ? [{ name: 'peak', cnyPerKwh: assume.peak.cny, span: { days: [1, 2, 3, 4, 5, 6, 7], from: assume.peak.from, to: assume.peak.to } }] : [] },
      };
      const table = tableOf([{ id: 'd', store: 's' }], hours('d', 0, each.days * 24, each, 'old', { evidence: { tier: each.tier, source: 'meter', simulated: false } }));
      const [summary] = summaries(ledgerOf(table, assumptions, MONDAY_MS, MONDAY_MS + each.days * DAY_MS), 'device', each.days * DAY_MS);
      agree({ ...summary?.cost, kwh: summary?.kwh, cnyPer1000: summary?.cnyPer1000, gramsPer1000: summary?.gramsPer1000 }, each.expect);
    } else if (each.example === 'saving') {
      const table = tableOf([{ id: 'd', store: 's' }], [...hours('d', 0, 168, each.before, 'old'), ...hours('d', 168, 168, each.after, 'new')]);
      const atMs = MONDAY_MS + 7 * DAY_MS;
      const decision = { id: 'c', kind: 'devices_removed', storeId: 's', deviceClass: 'edge-box', count: 1, camerasPerDevice: null, fromDay: '2026-03-01', toDay: null, by: 'the page', note: '' } as const;
      const result = (decisions: readonly (typeof decision)[]) => savingOf(prepareSavings(queryOf(table, [update('d', atMs)], { toMs: atMs + 7 * DAY_MS, decisions })), { kind: 'store', id: 's' });
      const { energy, cashEnergyCny, totalShare } = result([]);
      agree({ baselineJ: energy.baselineJ, optimizedJ: energy.optimizedJ, share: energy.share?.value, cashEnergyCny: cashEnergyCny?.value, totalShare: totalShare?.value, totalShareWithOneBoxLess: result([decision]).totalShare?.value }, each.expect);
    } else {
      const devices = Array.from({ length: 20 }, (_, store) => ({ id: `d${store}`, store: `s${store}` }));
      const week = (device: string, side: number, joules: number, digest: string): PlainRow[] => hours(device, side * 168, 168, { idleW: 0, perHour: 1000, eachJ: joules / 168_000 }, digest);
      const rows = devices.flatMap(({ id }, store) => [...week(id, 0, each.before, 'old'), ...(store < 10 ? week(id, 1, each.heldBack, 'old') : week(id, 1, each.updated, 'new'))]);
      const atMs = MONDAY_MS + 7 * DAY_MS;
      const ask = (method: 'held_back' | 'before_after') =>
        savingOf(prepareSavings(queryOf(tableOf(devices, rows), devices.slice(10).map(({ id }) => update(id, atMs)), { toMs: atMs + 7 * DAY_MS, method })), { kind: 'chain' }).energy;
      agree({ beforeAfter: ask('before_after').share?.value, share: ask('held_back').share?.value, controlRatio: ask('held_back').controlRatio }, each.expect);
    }
  });
}
