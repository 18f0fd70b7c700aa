/**
 * How often the savings arithmetic is wrong, on simulated stores with a known truth.
 *
 *     node bench/savings-placebo.ts [--runs 200] [--setting NAME]... [--all] [--seed 1]
 *
 * For each kind of noise (`middling` where none is named): so many rollouts of the same model again (a placebo: the true saving is 0) and, under the very same noise, of one that takes
 * 10 % less. Printed: how many placebos claim a saving (at most 5 %), how many of the true savings are proven (at least 90 %), and how often the 95 %
 * interval covers the truth (92 to 98 %), against stores held back and before against after alone. `one store` and `one device` are the first updated ones.
 * An interval is of stores such as these: where an update brings more to one store than to another, it is wider than these very stores would need.
 */
import { parseArgs } from 'node:util';
import type { SavingMethod, SavingScope } from '../src/contract/records/savings.ts';
import { DEFAULT_ASSUMPTIONS, prepareSavings, savingOf } from '../src/savings/index.ts';
import { NOISE_SETTINGS, type NoiseSetting } from '../src/savings/testing/noise-settings.ts';
import { simulateFigures, type SimulatedFigures } from '../src/savings/testing/simulated-figures.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: '200' }, setting: { type: 'string', multiple: true }, all: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } },
});
const runs = Number(flags.runs);
const firstSeed = Number(flags.seed);

interface Tally {
  asked: number;
  claimed: number;
  proven: number;
  placeboCovered: number;
  /** Of the stores that were updated, and of stores such as these. */
  trueCovered: number;
  readonly intervals: (readonly [number, number])[];
  readonly widths: number[];
  readonly errors: number[];
}

const tally = (): Tally => ({ asked: 0, claimed: 0, proven: 0, placeboCovered: 0, trueCovered: 0, intervals: [], widths: [], errors: [] });

function answers(figures: SimulatedFigures, days: number, method: SavingMethod): readonly { readonly share: { readonly value: number; readonly ci95: readonly [number, number] | null } | null; readonly proven: boolean }[] {
  const panel = prepareSavings({
    table: figures.table, assumptions: DEFAULT_ASSUMPTIONS, updates: figures.updates, decisions: [], fromMs: figures.fromMs, toMs: figures.toMs, baselineMs: days * DAY_MS, settleMs: HOUR_MS,
    method, seed: 1, rounds: 600,
  });
  const device = figures.updates[0]?.deviceId ?? '';
  const scopes: readonly SavingScope[] = [{ kind: 'chain' }, { kind: 'store', id: device.replace(/-d.*/, '') }, { kind: 'device', id: device }];
  return scopes.map((scope) => {
    const { share, verdict } = savingOf(panel, scope).energy;
    return { share, proven: verdict === 'proven' };
  });
}

const QUESTIONS = ['chain', 'one store', 'one device'] as const;
const percent = (count: number, of: number): string => `${((100 * count) / of).toFixed(1)} %`;
const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function run({ name, chain }: NoiseSetting): void {
  const methods = ['held_back', 'before_after'] as const;
  const tallies = methods.map(() => QUESTIONS.map(tally));
  let withUpdateJ = 0;
  let withoutJ = 0;
  for (let at = 0; at < runs; at++) {
    const seed = firstSeed * 100_003 + at;
    for (const saving of [0, 0.1]) {
      const figures = simulateFigures({ ...chain, saving, seed });
      if (saving > 0) {
        withUpdateJ += figures.withUpdateJ;
        withoutJ += figures.withoutJ;
      }
      for (const [method, ofMethod] of tallies.entries()) {
        for (const [question, answer] of answers(figures, chain.daysBefore, methods[method] ?? 'held_back').entries()) {
          const count = ofMethod[question];
          if (!count || !answer.share?.ci95) continue;
          // What is true of one store or device is not told by the simulation; for a placebo it is 0.
          const truth = saving === 0 ? 0 : figures.truth;
          const [low, high] = answer.share.ci95;
          const covered = low <= truth && truth <= high ? 1 : 0;
          if (saving === 0) {
            count.asked++;
            count.claimed += answer.proven ? 1 : 0;
            count.placeboCovered += covered;
            count.widths.push(high - low);
            count.errors.push(Math.abs(answer.share.value));
          } else {
            count.proven += answer.proven ? 1 : 0;
            count.trueCovered += covered;
            count.intervals.push(answer.share.ci95);
          }
        }
      }
    }
  }
  // Stores differ in what the update brings them. The interval is of stores such as these, which all runs together show.
  const ofSuch = 1 - withUpdateJ / withoutJ;
  for (const [method, ofMethod] of tallies.entries()) {
    for (const [question, { asked, claimed, proven, placeboCovered, trueCovered, intervals, widths, errors }] of ofMethod.entries()) {
      const cells = [name, methods[method], QUESTIONS[question], asked, percent(claimed, asked), percent(proven, asked), percent(placeboCovered, asked), ...(question === 0 ? [percent(intervals.filter(([low, high]) => low <= ofSuch && ofSuch <= high).length, asked), percent(trueCovered, asked)] : ['-', '-']), `${(50 * middle(widths)).toFixed(2)}`, `${(100 * middle(errors)).toFixed(2)}`];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
}

const started = performance.now();
console.log('| noise | method | of | placebos | claim a saving | 10 % proven | 0 covered | 10 % covered: such stores | these stores | half width, points | error, points (medians) |');
console.log('|---|---|---|---|---|---|---|---|---|---|---|');
const names = flags.all ? NOISE_SETTINGS.map((setting) => setting.name) : (flags.setting ?? ['middling']);
for (const setting of NOISE_SETTINGS) if (names.includes(setting.name)) run(setting);
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s`);
