/** `edgewise advise` as a person and as a program use it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeSmallModel } from '../console/testing/small-model.ts';
import { advisorAnswer } from '../contract/records/advisor.ts';
import { hardwareProfiles } from '../contract/hardware/profiles.ts';
import { run } from './program.ts';

let folder: string;
let model: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-advise-'));
  model = join(folder, 'small.onnx');
  writeSmallModel(model);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function edgewise(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const code = await run(args, { stdout: { write: (text) => (out += text) }, stderr: { write: (text) => (err += text) }, signal: new AbortController().signal });
  return { code, out, err };
}

describe('edgewise advise', () => {
  test('prints one object with the whole answer', async () => {
    const { code, out } = await edgewise('advise', model, '--fps', '10', '--tariff', '1.2', '--stores', '20', '--json');
    expect(code).toBe(0);
    const answer = advisorAnswer.parse(JSON.parse(out));
    expect(answer.asked).toMatchObject({ framesPerS: 10, tariffCnyPerKWh: 1.2, stores: 20, lifeYears: 4 });
    expect(answer.model.name).toBe('small');
    expect(new Set([...answer.options, ...answer.refused].map(({ profileId }) => profileId)).size).toBe(hardwareProfiles.length);
  });

  test('prints a line for each profile, the cheapest first, and says that it estimates', async () => {
    const { out } = await edgewise('advise', model, '--fps', '10');
    expect(out).toContain('Estimates, all of them');
    const lines = out.split('\n').slice(5, 5 + hardwareProfiles.length);
    expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(hardwareProfiles.length);
    expect(out).toContain('Nothing was measured here');
    expect((await edgewise('advise', model, '--fps', '10', '--all')).out.split('\n').length).toBeGreaterThan(out.split('\n').length);
  });

  test('calibrates with this machine where it is asked to', async () => {
    const { out } = await edgewise('advise', model, '--fps', '10', '--measure', '--this-machine', 'x86-n100', '--json');
    const answer = advisorAnswer.parse(JSON.parse(out));
    expect(answer.notes).toEqual([{ code: 'calibrated', values: { times: 1, profile: 'x86-n100' } }]);
    expect(answer.options.find(({ profileId, recipe }) => profileId === 'x86-n100' && recipe === 'simplify')?.calibration).toMatchObject({ from: 'itself', times: 1 });
  }, 60_000);

  test.each([
    [['--fps', '0'], 2, 'USAGE'],
    [['--fps', 'many'], 2, 'USAGE'],
    [[], 2, 'USAGE'],
    [['--fps', '1', '--headroom', '2'], 2, 'USAGE'],
    [['--fps', '1', '--this-machine', 'abacus'], 3, 'BAD_REQUEST'],
  ])('refuses %j', async (flags, exit, code) => {
    const ended = await edgewise('advise', model, ...flags, '--json');
    expect(ended.code).toBe(exit);
    expect(JSON.parse(ended.out)).toMatchObject({ error: { code } });
  });
});
