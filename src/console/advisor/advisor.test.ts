/** The advisor through the router: what a person asks, with the library, the recipes and the reports of a real console. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hardwareProfiles } from '../../contract/hardware/profiles.ts';
import { advisorInput } from '../../contract/records/advisor.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../contract/rpc/routes.ts';
import { createConsole, type Console } from '../create-console.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import { findEntries } from '../processes/entries.ts';
import { listRecipes } from '../recipes.ts';
import type { StoredReport } from '../store/reports-repository.ts';
import { sampleReport } from '../testing/sample-report.ts';
import { writePictures, writeSmallModel } from '../testing/small-model.ts';
import { measuredInReports, profileLike } from './measured.ts';

let root: string;
let console: Console;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-advisor-'));
  console = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', checkOutputs: true });
});
afterEach(async () => {
  await console.close();
  rmSync(root, { recursive: true, force: true });
});

async function call<N extends RouteName>(route: N, input: unknown): Promise<RouteOutput<N>> {
  const answer = await console.router.call({ id: 1, route, input: input as RouteInput<N> }, { trusted: true });
  if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.data as RouteOutput<N>;
}

async function smallModel(): Promise<string> {
  const path = join(root, 'small.onnx');
  writeSmallModel(path);
  return (await call('models.import', { path })).id;
}

describe('advisor.rank', () => {
  test('ranks every profile for a model of the library, with what was asked and left to the defaults', async () => {
    const modelId = await smallModel();
    const answer = await call('advisor.rank', { modelId, framesPerS: 10 });
    expect(answer.model).toMatchObject({ name: 'small', quantized: false });
    expect(answer.asked).toMatchObject({ framesPerS: 10, hoursPerDay: 24, lifeYears: 4, pue: 1, stores: 1, calibration: [] });
    expect(new Set([...answer.options, ...answer.refused].map(({ profileId }) => profileId)).size).toBe(hardwareProfiles.length);
    expect(answer.options.every(({ estimate }) => estimate)).toBe(true);
    expect(answer.notes).toEqual([{ code: 'not-calibrated', values: { times: 0 } }]);
  });

  test('a time that was measured on a device narrows the estimate for it and moves it there', async () => {
    const modelId = await smallModel();
    const ask = { modelId, framesPerS: 10 };
    const find = (answer: RouteOutput<'advisor.rank'>) => answer.options.find(({ profileId, recipe }) => profileId === 'raspberry-pi-5' && recipe === 'simplify');
    const before = find(await call('advisor.rank', ask));
    const ms = (before?.latencyMs.value ?? 0) * 2;
    const times = { profileId: 'raspberry-pi-5', modelId, unit: 'cpu', computes: 'fp32', ms };
    const answer = await call('advisor.rank', { ...ask, calibration: [times, times, times] });
    const after = find(answer);
    expect(answer.notes).toEqual([{ code: 'calibrated', values: { times: 3 } }]);
    expect(after?.calibration).toMatchObject({ from: 'itself', times: 3 });
    expect((after?.latencyMs.high ?? 0) / (after?.latencyMs.low ?? 1)).toBeLessThan((before?.latencyMs.high ?? 0) / (before?.latencyMs.low ?? 1) / 2);
    expect(Math.abs((after?.latencyMs.value ?? 0) / ms - 1)).toBeLessThan(0.15);
  });

  test('what an optimization measured here is evidence for the machine that it is said to be, and its accuracy is shown', async () => {
    const modelId = await smallModel();
    await writePictures(join(root, 'pictures'), 12);
    const { id } = await call('optimize.start', { modelId, recipe: 'simplify', dataPath: join(root, 'pictures') });
    await expect.poll(async () => (await call('jobs.get', { id })).state, { timeout: 60_000, interval: 50 }).toBe('succeeded');
    const answer = await call('advisor.rank', { modelId, framesPerS: 10, thisMachine: 'x86-n100' });
    expect(answer.notes).toEqual([{ code: 'calibrated', values: { times: 2, profile: 'x86-n100' } }]);
    const float = answer.options.find(({ profileId, recipe }) => profileId === 'x86-n100' && recipe === 'simplify');
    expect(float?.calibration).toMatchObject({ from: 'itself', times: 2 });
    const [entry] = await call('reports.forModel', { modelId });
    expect(float?.accuracy).toEqual({ before: entry?.report.accuracy?.before.top1, after: entry?.report.accuracy?.after.top1, samples: entry?.report.accuracy?.after.samples, reportId: entry?.id });
    // Left out where the reports are for no profile.
    expect((await call('advisor.rank', { modelId, framesPerS: 10, thisMachine: null })).notes[0]?.code).toBe('not-calibrated');
  }, 90_000);

  test('what is not known is named', async () => {
    const modelId = await smallModel();
    await expect(call('advisor.rank', { modelId: 'gone', framesPerS: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(call('advisor.rank', { modelId, framesPerS: 0 })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(call('advisor.rank', { modelId, framesPerS: 1, thisMachine: 'abacus' })).rejects.toMatchObject({ code: 'BAD_REQUEST', message: 'There is no hardware profile "abacus".' });
    const time = { profileId: 'rk3588', modelId, unit: 'dsp', computes: 'int8', ms: 1 };
    await expect(call('advisor.rank', { modelId, framesPerS: 1, calibration: [time] })).rejects.toMatchObject({ message: 'The profile "rk3588" has no unit "dsp".' });
  });

  test('hardware.list gives the profiles with their sources', async () => {
    const profiles = await call('hardware.list', {});
    expect(profiles.map(({ id }) => id)).toEqual(hardwareProfiles.map(({ id }) => id));
    expect(profiles.every(({ sources }) => sources.length > 0)).toBe(true);
  });
});

describe('times in reports', () => {
  const report = (recipeName: string, cpu: string): StoredReport => {
    const recipe = listRecipes().find((listed) => listed.recipe.name === recipeName)?.recipe;
    if (recipe === undefined) throw new Error(recipeName);
    const full = sampleReport({ modelName: 'm', createdAt: '2026-01-01T00:00:00.000Z', seed: 1, recipe });
    return { id: 'r', jobId: 'j', fromModelId: 'a', toModelId: 'b', createdAt: full.createdAt, report: { ...full, machine: { ...full.machine, cpu } } };
  };
  const library = (id: string): boolean | undefined => ({ a: false, b: true })[id];

  test('are two, in the types that the recipe computes with, for the profile that the processor is like', () => {
    expect(measuredInReports([report('int8', 'AMD EPYC 9R45')], undefined, library)).toEqual([
      { profileId: 'epyc-9115', modelId: 'a', unit: 'cpu', computes: 'fp32', ms: 2, threads: 1 },
      { profileId: 'epyc-9115', modelId: 'b', unit: 'cpu', computes: 'int8', ms: 1, threads: 1, of: 'a' },
    ]);
  });

  test('say nothing where part of the model is int8 and part is not, or a model is gone', () => {
    expect(measuredInReports([report('matmul-int8', 'Intel(R) N100')], undefined, library).map(({ computes }) => computes)).toEqual(['fp32']);
    expect(measuredInReports([report('int8', 'Intel(R) N100')], undefined, (id) => (id === 'a' ? undefined : true))).toEqual([]);
  });

  test('are left out for a processor that is like none, unless a person says which', () => {
    expect(profileLike({ cpu: 'Elbrus 8C' })).toBeNull();
    expect(profileLike({ cpu: '11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz' })).toBe('x86-1135g7');
    expect(profileLike({ cpu: 'Intel(R) Core(TM) i5-8500T CPU @ 2.10GHz' })).toBe('x86-8500t');
    expect(measuredInReports([report('int8', 'Elbrus 8C')], undefined, library)).toEqual([]);
    expect(measuredInReports([report('int8', 'Elbrus 8C')], 'x86-n100', library)).toHaveLength(2);
    expect(measuredInReports([report('int8', 'AMD EPYC')], null, library)).toEqual([]);
  });
});

test('an input is whole with a model and a rate alone', () => {
  expect(advisorInput.parse({ modelId: 'a', framesPerS: 1 })).toMatchObject({ headroom: 0.7, tariffCnyPerKWh: 0.8 });
});
