/**
 * Models that pass every check of the file and do harm only when they are run: a few hundred bytes that ask for gigabytes, never end, or
 * make the processor trap. Made here, so that no such file lies in the repository.
 */
import { DataType, int64Tensor, makeTensor, type Tensor } from '../../src/engine/onnx/index.ts';
import { buildModel, type ModelSpec, type NodeSpec } from './build-model.ts';

const ints = (name: string, ...values: (number | bigint)[]): Tensor => int64Tensor(name, [values.length], values.map(BigInt));
const int = (name: string, value: number | bigint): Tensor => int64Tensor(name, [], [BigInt(value)]);
const yes = makeTensor('yes', DataType.BOOL, [], Uint8Array.of(1));

/** 8 GiB of floats; tensors of 2^31 elements are legal. */
const MANY = 2 ** 31;

/** A graph that makes `big` and sums it up, plus the input, so that the output stays small and depends on what is fed. */
function summed(nodes: readonly NodeSpec[], initializers: NonNullable<ModelSpec['initializers']> = {}, changes: Partial<ModelSpec> = {}): ModelSpec {
  return {
    inputs: { x: [1] },
    outputs: { y: { type: 'FLOAT', shape: null } },
    initializers,
    ...changes,
    nodes: [...nodes, { op: 'ReduceMax', in: ['big'], out: ['most'], attrs: { keepdims: 0 } }, { op: 'Add', in: ['most', 'x'], out: ['y'] }],
  };
}

/** Each asks for at least 4 GiB from a file of less than 2 kB. */
export const memoryBombs: Readonly<Record<string, () => ModelSpec>> = {
  'ConstantOfShape': () => summed([{ op: 'ConstantOfShape', in: ['shape'], out: ['big'] }], { shape: ints('shape', MANY) }),
  'Expand': () => summed([{ op: 'Expand', in: ['x', 'shape'], out: ['big'] }], { shape: ints('shape', MANY) }),
  'Tile': () => summed([{ op: 'Tile', in: ['x', 'times'], out: ['big'] }], { times: ints('times', MANY) }),
  'Pad': () => summed([{ op: 'Pad', in: ['x', 'pads'], out: ['big'] }], { pads: ints('pads', 0, MANY) }),
  'Range': () => summed([{ op: 'Range', in: ['from', 'to', 'step'], out: ['long'] }, { op: 'Cast', in: ['long'], out: ['big'], attrs: { to: 1 } }], { from: int('from', 0), to: int('to', MANY), step: int('step', 1) }),
  'OneHot': () =>
    summed([{ op: 'Cast', in: ['x'], out: ['at'], attrs: { to: 7 } }, { op: 'OneHot', in: ['at', 'depth', 'values'], out: ['big'] }], { depth: ints('depth', MANY), values: { dims: [2], values: [0, 1] } }),
  'Concat doubled 33 times': () =>
    summed([
      ...Array.from({ length: 33 }, (_, i): NodeSpec => ({ op: 'Concat', in: [i === 0 ? 'x' : `d${i}`, i === 0 ? 'x' : `d${i}`], out: [`d${i + 1}`], attrs: { axis: 0 } })),
      { op: 'Identity', in: ['d33'], out: ['big'] },
    ]),
  'an outer product': () =>
    summed(
      [
        { op: 'Expand', in: ['x', 'tall'], out: ['a'] }, { op: 'Expand', in: ['x', 'wide'], out: ['b'] },
        { op: 'Mul', in: ['a', 'b'], out: ['big'] },
      ],
      { tall: ints('tall', 50_000, 1), wide: ints('wide', 1, 50_000) },
    ),
  'Resize': () => summed([{ op: 'Resize', in: ['p', '', 'scales'], out: ['big'] }], { scales: { dims: [4], values: [1, 1, 40_000, 40_000] } }, { inputs: { x: [1], p: [1, 1, 1, 1] } }),
  'ConvTranspose': () =>
    summed([{ op: 'ConvTranspose', in: ['p', 'w'], out: ['big'], attrs: { strides: [40_000, 40_000] } }], { w: { dims: [1, 1, 1, 1], values: [1] } }, { inputs: { x: [1], p: [1, 1, 2, 2] } }),
  'Loop that collects': () => {
    const body = buildModel({
      inputs: { i: { type: 'INT64', shape: [] }, go: { type: 'BOOL', shape: [] } },
      outputs: { again: { type: 'BOOL', shape: [] }, piece: { type: 'FLOAT', shape: [1_000_000] } },
      initializers: { size: ints('size', 1_000_000) },
      nodes: [{ op: 'Identity', in: ['go'], out: ['again'] }, { op: 'Expand', in: ['x', 'size'], out: ['piece'] }],
    }).graph;
    return summed([{ op: 'Loop', in: ['times', 'yes'], out: ['big'], attrs: { body: { kind: 'graph', value: body } } }], { times: int('times', 10_000), yes });
  },
  'RandomNormal': () => summed([{ op: 'RandomNormal', in: [], out: ['big'], attrs: { shape: [MANY] } }]),
  'a text doubled 40 times': () => {
    const grow = Array.from({ length: 40 }, (_, i): NodeSpec => ({ op: 'StringConcat', in: [`s${i}`, `s${i}`], out: [`s${i + 1}`] }));
    return { opset: 20, ir: 9, inputs: { x: [1] }, outputs: { y: { type: 'STRING', shape: [1] } }, nodes: [{ op: 'Cast', in: ['x'], out: ['s0'], attrs: { to: 8 } }, ...grow, { op: 'Identity', in: ['s40'], out: ['y'] }] };
  },
};

/** What onnxruntime would compute while it loads the model, since it depends on constants only. */
export const foldingBombs: Readonly<Record<string, () => ModelSpec>> = {
  'folded at load: ConstantOfShape, added to itself': () =>
    summed([
      { op: 'ConstantOfShape', in: ['shape'], out: ['a'] },
      ...Array.from({ length: 6 }, (_, i): NodeSpec => ({ op: 'Add', in: [i === 0 ? 'a' : `a${i}`, 'one'], out: [`a${i + 1}`] })),
      { op: 'Exp', in: ['a6'], out: ['big'] },
    ], { shape: ints('shape', 2 ** 30), one: { dims: [], values: [1] } }),
  'folded at load: a weight tiled and multiplied': () =>
    summed([{ op: 'Tile', in: ['w', 'times'], out: ['a'] }, { op: 'Transpose', in: ['a'], out: ['b'], attrs: { perm: [1, 0] } }, { op: 'MatMul', in: ['a', 'b'], out: ['big'] }], {
      w: { dims: [1, 4], values: [1, 2, 3, 4] }, times: ints('times', 60_000, 1),
    }),
  'folded at load: ten weights, each expanded to 1 GB': () =>
    summed([
      ...Array.from({ length: 10 }, (_, i): NodeSpec => ({ op: 'Expand', in: ['w', `s${i}`], out: [`e${i}`] })),
      { op: 'Sum', in: Array.from({ length: 10 }, (_, i) => `e${i}`), out: ['big'] },
    ], { w: { dims: [1], values: [1] }, ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`s${i}`, ints(`s${i}`, 2 ** 28)])) }),
};

function loop(body: ModelSpec, initializers: NonNullable<ModelSpec['initializers']>, inputs: readonly string[] = ['times', 'yes', 'x']): ModelSpec {
  return {
    inputs: { x: { type: 'FLOAT', shape: [] } },
    outputs: { y: { type: 'FLOAT', shape: [] } },
    initializers,
    nodes: [{ op: 'Loop', in: inputs, out: ['y'], attrs: { body: { kind: 'graph', value: buildModel(body).graph } } }],
  };
}

const loopBody = (nodes: readonly NodeSpec[]): ModelSpec => ({
  inputs: { i: { type: 'INT64', shape: [] }, go: { type: 'BOOL', shape: [] }, v: { type: 'FLOAT', shape: [] } },
  outputs: { again: { type: 'BOOL', shape: [] }, next: { type: 'FLOAT', shape: [] } },
  initializers: { one: { dims: [], values: [1] } },
  nodes: [{ op: 'Identity', in: ['go'], out: ['again'] }, ...nodes],
});

/** Each takes years. */
export const timeBombs: Readonly<Record<string, () => ModelSpec>> = {
  'Loop to 2^63': () => loop(loopBody([{ op: 'Add', in: ['v', 'one'], out: ['next'] }]), { times: int('times', 2n ** 63n - 1n), yes }),
  'Loop without a bound': () => loop(loopBody([{ op: 'Sub', in: ['v', 'one'], out: ['next'] }]), { yes }, ['', 'yes', 'x']),
  'Loop in a Loop, a million times a million': () => {
    const inner = buildModel({
      inputs: { j: { type: 'INT64', shape: [] }, on: { type: 'BOOL', shape: [] }, u: { type: 'FLOAT', shape: [] } },
      outputs: { still: { type: 'BOOL', shape: [] }, more: { type: 'FLOAT', shape: [] } },
      nodes: [{ op: 'Identity', in: ['on'], out: ['still'] }, { op: 'Add', in: ['u', 'one'], out: ['more'] }],
    }).graph;
    return loop(loopBody([{ op: 'Loop', in: ['times', 'yes', 'v'], out: ['next'], attrs: { body: { kind: 'graph', value: inner } } }]), { times: int('times', 1_000_000), yes });
  },
};

const INT64_MIN = -(2n ** 63n);

function integers(op: string, a: bigint, b: bigint, attrs: Record<string, number> = {}): ModelSpec {
  return {
    inputs: { x: { type: 'INT64', shape: [1] } },
    outputs: { y: { type: 'INT64', shape: [1] } },
    initializers: { a: ints('a', a), b: ints('b', b) },
    // (a op b) + x, and once more behind an input, so that it traps whether folded or run.
    nodes: [{ op, in: ['a', 'b'], out: ['c'], attrs }, { op: 'Add', in: ['c', 'x'], out: ['y'] }],
  };
}

/** Integer arithmetic that x86 answers with a trap. */
export const traps: Readonly<Record<string, () => ModelSpec>> = {
  'INT64_MIN / -1': () => integers('Div', INT64_MIN, -1n),
  'INT64_MIN mod -1': () => integers('Mod', INT64_MIN, -1n),
  '7 / 0': () => integers('Div', 7n, 0n),
  '7 mod 0': () => integers('Mod', 7n, 0n),
  '7 / 0 of what is fed': () => ({
    inputs: { x: { type: 'INT64', shape: [1] } },
    outputs: { y: { type: 'INT64', shape: [1] } },
    initializers: { zero: ints('zero', 0) },
    nodes: [{ op: 'Mul', in: ['x', 'zero'], out: ['z'] }, { op: 'Div', in: ['x', 'z'], out: ['y'] }],
  }),
  'INT32_MIN / -1': () => ({
    inputs: { x: { type: 'INT32', shape: [1] } },
    outputs: { y: { type: 'INT32', shape: [1] } },
    initializers: {
      a: makeTensor('a', DataType.INT32, [1], new Uint8Array(Int32Array.of(-(2 ** 31)).buffer)),
      b: makeTensor('b', DataType.INT32, [1], new Uint8Array(Int32Array.of(-1).buffer)),
    },
    nodes: [{ op: 'Div', in: ['a', 'b'], out: ['c'] }, { op: 'Add', in: ['c', 'x'], out: ['y'] }],
  }),
};

/** Inputs that nobody can feed. */
export const inputBombs: Readonly<Record<string, () => ModelSpec>> = {
  'an input of 8 GiB': () => ({ inputs: { x: [MANY] }, outputs: ['y'], nodes: [{ op: 'Relu', in: ['x'], out: ['y'] }] }),
  'an input of 2^50 floats': () => ({ inputs: { x: [2 ** 25, 2 ** 25] }, outputs: ['y'], nodes: [{ op: 'Relu', in: ['x'], out: ['y'] }] }),
  'a thousand inputs of 64 MB': () => ({
    inputs: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`x${i}`, [4096, 4096]])),
    outputs: ['y'],
    nodes: [{ op: 'Sum', in: Array.from({ length: 1000 }, (_, i) => `x${i}`), out: ['y'] }],
  }),
};

/** The runtime logs a line for each, if it is let. */
export function manyInitializers(count: number): ModelSpec {
  const one = new Uint8Array(Float32Array.of(1).buffer);
  return {
    inputs: { x: [1] },
    outputs: ['y'],
    initializers: Object.fromEntries(Array.from({ length: count }, (_, i) => [`w${i}`, makeTensor(`w${i}`, DataType.FLOAT, [1], one)])),
    nodes: [{ op: 'Relu', in: ['x'], out: ['y'] }],
  };
}
