import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildModel, modelBytes } from '../../../test/support/build-model.ts';
import { readNetwork } from './read-network.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-network-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(input: (number | string)[]): string {
  const path = join(folder, `${input.join('-')}.onnx`);
  const model = buildModel({
    opset: 13,
    inputs: { x: input },
    outputs: { y: ['batch', 4, 'rows', 'columns'] },
    initializers: { w: { dims: [4, 3, 3, 3], values: new Float32Array(108).fill(0.1) } },
    nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['y'], name: 'conv', attrs: { pads: [1, 1, 1, 1] } }],
  });
  writeFileSync(path, modelBytes(model));
  return path;
}

test('sizes that a model leaves open are assumed, counted with, and told', async () => {
  const { network, assumed } = await readNetwork(write(['n', 3, 'rows', 'columns']), 'open');
  expect(network).toMatchObject({ macs: 224 * 224 * 4 * 27, dynamic: true, unknown: 0 });
  expect(assumed).toBe('x 1 x 3 x 224 x 224');
});

test('an open batch alone is one sample, and nothing is assumed', async () => {
  const { network, assumed } = await readNetwork(write(['n', 3, 10, 20]), 'fixed');
  expect(network).toMatchObject({ macs: 200 * 4 * 27, dynamic: false });
  expect(assumed).toBe('');
});

test('a model in which nothing can be counted is refused with what to do', async () => {
  const path = join(folder, 'nothing.onnx');
  writeFileSync(path, modelBytes(buildModel({ opset: 13, inputs: { x: [1, 4] }, outputs: { y: [1, 4] }, initializers: {}, nodes: [{ op: 'Identity', in: ['x'], out: ['y'], name: 'same' }] })));
  await expect(readNetwork(path, 'nothing')).rejects.toMatchObject({ code: 'BAD_GRAPH', message: expect.stringContaining('nothing to estimate') });
});
