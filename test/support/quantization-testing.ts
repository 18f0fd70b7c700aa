/** What the tests of quantization share: a small network with weights that mean something, a workspace, and the runtime's own view of a model. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import type { InferenceRunner, Workspace } from '../../src/base/ports.ts';
import { noProgress } from '../../src/base/progress.ts';
import { seededRandom } from '../../src/base/random.ts';
import { parseModel, type Model } from '../../src/engine/onnx/index.ts';
import type { CalibrationContext } from '../../src/engine/quantize/probe-model.ts';
import { reducers } from '../../src/engine/recipe/reducers.ts';
import { buildModel, bytesSource, modelBytes, noExternalFiles, type NodeSpec } from './build-model.ts';
import { createInProcessRunner } from './in-process-runner.ts';

/** Seeded, roughly normal numbers. */
export function normals(seed: number, length: number, deviation = 1): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => (random() + random() + random() + random() - 2) * 1.73 * deviation);
}

export function temporaryWorkspace(): Workspace & { dispose(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-test-'));
  return {
    folder,
    write: (name, chunks) => {
      const path = join(folder, name);
      writeFileSync(path, Buffer.concat([...chunks]));
      return Promise.resolve(path);
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function calibrationContext(workspace: Workspace, runner: InferenceRunner = createInProcessRunner({ reducers }), count = 8): CalibrationContext {
  return { runner, workspace, source: { kind: 'generated', seed: 7, count }, progress: noProgress, signal: new AbortController().signal };
}

/** Signal to noise of the candidate's outputs on generated samples, in decibels; null where they are identical. */
export async function signalToNoise(reference: Model, candidate: Model, workspace: Workspace, seed = 99): Promise<number | null> {
  const runner = createInProcessRunner({ reducers });
  const paths = await Promise.all([reference, candidate].map((model, index) => workspace.write(`compare${index}.onnx`, [modelBytes(model)])));
  const [first, second] = [await runner.open(paths[0] as string), await runner.open(paths[1] as string)];
  const { sqnrDb } = await runner.compare(first, second, { kind: 'generated', seed, count: 4 });
  await runner.dispose();
  return sqnrDb;
}

/** Operators by count in the graph that the runtime makes of the model. */
export async function optimizedOperators(model: Model | Uint8Array, workspace: Workspace): Promise<Record<string, number>> {
  const path = join(workspace.folder, 'optimized.onnx');
  const session = await InferenceSession.create(model instanceof Uint8Array ? model : modelBytes(model), { intraOpNumThreads: 1, optimizedModelFilePath: path, logSeverityLevel: 4 });
  await session.release();
  const counts: Record<string, number> = {};
  for (const node of parseModel(bytesSource(readFileSync(path)), noExternalFiles).graph.nodes) counts[node.opType] = (counts[node.opType] ?? 0) + 1;
  return counts;
}

/** Convolution, Relu, depthwise, Relu, residual, pools, concatenation, Gemm: what a small vision network is made of. 3 x 16 x 16 -> 10. */
export function smallNetwork(): Model {
  const conv = (name: string, dims: readonly number[], seed: number): Record<string, { dims: readonly number[]; values: Float32Array }> => {
    const fan = dims.slice(1).reduce((a, b) => a * b, 1);
    return { [`${name}w`]: { dims, values: normals(seed, fan * (dims[0] as number), Math.sqrt(2 / fan)) }, [`${name}b`]: { dims: [dims[0] as number], values: normals(seed + 1, dims[0] as number, 0.1) } };
  };
  const node = (op: string, inputs: readonly string[], output: string, attrs: NodeSpec['attrs'] = {}): NodeSpec => ({ op, in: inputs, out: [output], name: `n_${output}`, attrs });
  return buildModel({
    inputs: { x: [1, 3, 16, 16] },
    outputs: { y: [1, 10] },
    initializers: {
      ...conv('a', [16, 3, 3, 3], 1), ...conv('b', [16, 1, 3, 3], 3), ...conv('c', [16, 16, 1, 1], 5), ...conv('d', [8, 16, 1, 1], 7), ...conv('e', [8, 16, 3, 3], 9),
      gw: { dims: [10, 16], values: normals(11, 160, 0.3) }, gb: { dims: [10], values: normals(12, 10, 0.1) },
    },
    nodes: [
      node('Conv', ['x', 'aw', 'ab'], 'a', { pads: [1, 1, 1, 1] }),
      node('Relu', ['a'], 'ar'),
      node('Conv', ['ar', 'bw', 'bb'], 'b', { pads: [1, 1, 1, 1], group: 16 }),
      node('Relu', ['b'], 'br'),
      node('Conv', ['br', 'cw', 'cb'], 'c'),
      node('Add', ['c', 'ar'], 'sum'),
      node('MaxPool', ['sum'], 'pool', { kernel_shape: [2, 2], strides: [2, 2] }),
      node('Conv', ['pool', 'dw', 'db'], 'd'),
      node('Relu', ['d'], 'dr'),
      node('Conv', ['pool', 'ew', 'eb'], 'e', { pads: [1, 1, 1, 1] }),
      node('Relu', ['e'], 'er'),
      node('Concat', ['dr', 'er'], 'cat', { axis: 1 }),
      node('GlobalAveragePool', ['cat'], 'gap'),
      node('Flatten', ['gap'], 'flat'),
      node('Gemm', ['flat', 'gw', 'gb'], 'y', { transB: 1 }),
    ],
  });
}
