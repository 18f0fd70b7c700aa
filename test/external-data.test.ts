/** A model with its weights beside it through the command line: in, out, compared, and never over its own weights. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelFiles } from '../src/engine/onnx/index.ts';
import { buildModel } from './support/build-model.ts';

const CLI = join(import.meta.dirname, '../src/cli/index.ts');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-external-data-'));
  const values = Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i));
  const model = buildModel({
    inputs: { x: [1, 64] },
    outputs: ['y'],
    initializers: { w: { dims: [64, 64], values }, b: { dims: [64], values: values.subarray(0, 64) } },
    nodes: [{ op: 'Identity', in: ['x'], out: ['i'] }, { op: 'Gemm', in: ['i', 'w', 'b'], out: ['g'] }, { op: 'Relu', in: ['g'], out: ['y'] }],
  });
  for (const file of modelFiles(model, 'in.onnx', { externalData: true })) writeFileSync(join(folder, file.name), Buffer.concat([...file.chunks]));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function edgewise(...args: readonly string[]): Promise<{ readonly code: number; readonly shown: Record<string, unknown> }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args, '--json'], { cwd: folder }, (_error, stdout) => {
      resolve({ code: child.exitCode ?? -1, shown: JSON.parse(stdout) as Record<string, unknown> });
    });
  });
}

const size = (name: string): number => readFileSync(join(folder, name)).length;

it('is inspected with the bytes of both files', async () => {
  expect((await edgewise('inspect', 'in.onnx')).shown).toMatchObject({ bytes: size('in.onnx') + size('in.onnx.data'), parameters: 4160 });
});

it('comes out as one file, or as two that say the same', async () => {
  const one = await edgewise('optimize', 'in.onnx', '-o', 'one.onnx', '--recipe', 'simplify');
  const two = await edgewise('optimize', 'in.onnx', '-o', 'two.onnx', '--recipe', 'simplify', '--external-data');
  expect([one.code, two.code]).toEqual([0, 0]);
  expect(readdirSync(folder).filter((name) => /^(one|two)/.test(name)).sort()).toEqual(['one.onnx', 'two.onnx', 'two.onnx.data']);
  expect(two.shown).toMatchObject({ output: { nodes: 2 } });
  expect((await edgewise('compare', 'one.onnx', 'two.onnx')).shown).toMatchObject({ fidelity: { maxAbsError: 0 } });
}, 60_000);

it('is never written over its own weights', async () => {
  const before = readFileSync(join(folder, 'in.onnx.data'));
  writeFileSync(join(folder, 'other.onnx'), readFileSync(join(folder, 'in.onnx')));
  rmSync(join(folder, 'in.onnx'));
  const { code, shown } = await edgewise('optimize', 'other.onnx', '-o', 'in.onnx', '--recipe', 'simplify', '--external-data');
  expect([code, shown['error']]).toEqual([2, expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('in.onnx.data') })]);
  expect(readFileSync(join(folder, 'in.onnx.data')).equals(before)).toBe(true);
  expect(existsSync(join(folder, 'in.onnx'))).toBe(false);
});
