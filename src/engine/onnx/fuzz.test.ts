/**
 * Seeded damage to good models: whatever the bytes, the answer is a model or a named error, in bounded time. A seed that fails is printed
 * with the case and can be run again.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EdgewiseError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import { buildModel, bytesSource, modelBytes } from '../../../test/support/build-model.ts';
import { damagedBytes } from '../../../test/support/damage.ts';
import { sharedData } from '../../../test/support/shared-data.ts';
import { checkModel, encodeModel, parseModel } from './index.ts';

const CASES = 4000;
const files = { open: () => bytesSource(new Uint8Array(256)) };

function seeds(): Uint8Array[] {
  const branch = buildModel({ inputs: {}, outputs: ['z'], nodes: [{ op: 'Relu', in: ['x'], out: ['z'] }] }).graph;
  const made = [
    buildModel({ inputs: { x: ['N', 4] }, outputs: ['y'], initializers: { w: { dims: [4, 2], values: [1, 2, 3, 4, 5, 6, 7, 8] } }, nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'], name: 'head' }] }),
    buildModel({ inputs: { x: [1, 1, 4, 4] }, outputs: ['y'], initializers: { w: { dims: [1, 1, 3, 3], values: [1, 0, 1, 0, 1, 0, 1, 0, 1] } }, nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['y'], attrs: { pads: [1, 1, 1, 1], strides: [1, 1], group: 1, auto_pad: 'NOTSET' } }] }),
    buildModel({ inputs: { x: { type: 'BOOL', shape: [] } }, outputs: ['y'], nodes: [{ op: 'If', in: ['x'], out: ['y'], attrs: { then_branch: { kind: 'graph', value: branch }, else_branch: { kind: 'graph', value: branch } } }] }),
  ].map(modelBytes);
  if (!sharedData) return made;
  const root = join(sharedData, 'models', 'onnx-backend-node');
  const real = readdirSync(root).filter((_, index) => index % 12 === 0).map((name) => join(root, name, 'model.onnx')).filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  return [...made, ...real.map((path) => new Uint8Array(readFileSync(path))).filter((bytes) => bytes.length < 20_000)];
}

it(`${CASES} damaged models are models or named errors`, () => {
  const originals = seeds();
  const codes = new Map<string, number>();
  for (let seed = 0; seed < CASES; seed++) {
    const random = seededRandom(seed);
    const pick = (): Uint8Array => originals[Math.floor(random() * originals.length)] as Uint8Array;
    const bytes = damagedBytes(pick(), pick(), random);
    let code = 'accepted';
    try {
      const model = parseModel(bytesSource(bytes), files);
      // What can be read can be written and read again.
      if (![...model.graph.initializers.values()].some((tensor) => tensor.payload.kind === 'external')) {
        parseModel(bytesSource(new Uint8Array(Buffer.concat([...encodeModel(model).chunks]))), files);
      }
      checkModel(model);
    } catch (error) {
      if (!(error instanceof EdgewiseError)) throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      expect(error.message, `seed ${seed}`).toMatch(/\w/);
      expect(error.hint ?? '', `seed ${seed}: ${error.code} ${error.message}`).toMatch(/\w/);
      code = error.code;
    }
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  // A fuzzer that reaches only one exit tests only one check.
  expect(codes.size).toBeGreaterThan(5);
  expect(codes.has('INTERNAL')).toBe(false);
});
