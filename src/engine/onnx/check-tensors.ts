/** Whether the numbers of a model are numbers, and whether the files that hold them are there. */
import { EdgewiseError } from '../../base/errors.ts';
import type { ByteSource } from '../../base/ports.ts';
import { badTensor } from './read-tensor.ts';
import { shorten } from './shown.ts';
import { tensorPieces } from './tensor.ts';
import { DataType, type GraphData, type NodeData, type Tensor } from './types.ts';

/** Which inputs of an operator are weights that every output depends on: an infinity there makes all outputs useless. */
const WEIGHT_INPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['Conv', [1, 2]], ['ConvTranspose', [1, 2]], ['Gemm', [1, 2]], ['MatMul', [0, 1]], ['BatchNormalization', [1, 2, 3, 4]], ['InstanceNormalization', [1, 2]],
  ['LayerNormalization', [1, 2]], ['LSTM', [1, 2, 3]], ['GRU', [1, 2, 3]], ['RNN', [1, 2, 3]], ['PRelu', [1]],
]);

/**
 * Reads every floating-point tensor of a graph once. NaN is refused; infinity is refused in weights, and worth a warning elsewhere
 * (attention masks and bounds of Clip hold it on purpose).
 * @throws BAD_TENSOR, EXTERNAL_FORBIDDEN, EXTERNAL_BAD
 */
export function checkTensors(graph: GraphData, warnings: string[]): void {
  const weights = weightNames(graph);
  const infinite: string[] = [];
  const check = (name: string, tensor: Tensor, isWeight: boolean): void => {
    const found = scan(tensor);
    if (found === 'nan') throw badTensor(name, 'holds NaN, which is not a number: every output that it touches would be NaN');
    if (found !== 'infinite') return;
    if (isWeight) throw badTensor(name, 'is a weight and holds infinity: every output that it touches would be infinite or NaN');
    infinite.push(`"${shorten(name)}"`);
  };
  for (const [name, tensor] of graph.initializers) {
    checkExternal(tensor);
    check(name, tensor, weights.has(name));
  }
  for (const node of graph.nodes) {
    const output = node.outputs[0] ?? '';
    for (const attribute of node.attributes.values()) {
      const tensors = attribute.kind === 'tensor' ? [attribute.value] : attribute.kind === 'tensors' ? attribute.value : [];
      for (const tensor of tensors) {
        checkExternal(tensor);
        // Tree ensembles and other operators outside of the standard set use NaN as a value of its own.
        if (node.domain === '') check(tensor.name || output, tensor, node.opType === 'Constant' && weights.has(output));
      }
    }
  }
  if (infinite.length > 0) {
    const more = infinite.length > 3 ? ` and ${infinite.length - 3} more` : '';
    warnings.push(`Infinity is in the constants ${infinite.slice(0, 3).join(', ')}${more}; masks and bounds hold it on purpose, weights do not.`);
  }
}

function weightNames(graph: GraphData): Set<string> {
  const names = new Set<string>();
  for (const node of graph.nodes as readonly NodeData[]) {
    if (node.domain !== '') continue;
    for (const index of WEIGHT_INPUTS.get(node.opType) ?? []) {
      const name = node.inputs[index];
      if (name) names.add(name);
    }
  }
  return names;
}

function checkExternal(tensor: Tensor): void {
  const { payload } = tensor;
  if (payload.kind !== 'external') return;
  const source: ByteSource = payload.open();
  if (payload.offset + payload.length <= source.size) return;
  throw new EdgewiseError(
    'EXTERNAL_BAD',
    `Tensor "${shorten(tensor.name)}" needs bytes ${payload.offset} to ${payload.offset + payload.length} of the data file "${shorten(payload.location)}", which has ${source.size}.`,
    {
      hint: 'Copy or download the data file again; it was cut off or belongs to another model.',
      details: { tensor: shorten(tensor.name), location: shorten(payload.location), offset: payload.offset, length: payload.length, size: source.size },
    },
  );
}

type Found = 'finite' | 'infinite' | 'nan';

/** Exponent bits all set mean infinity, or NaN where a bit of the fraction is set too. */
function scan(tensor: Tensor): Found {
  const look = SCANS[tensor.dataType];
  if (look === undefined) return 'finite';
  let found: Found = 'finite';
  for (const piece of tensorPieces(tensor)) {
    for (const block of alignedBlocks(piece)) {
      const inBlock = look(block);
      if (inBlock === 'nan') return 'nan';
      if (inBlock === 'infinite') found = 'infinite';
    }
  }
  return found;
}

const singles = (bytes: Uint8Array): Found => scanWords(words32(bytes), 0x7f800000, 0x7fffffff);
const doubles = (bytes: Uint8Array): Found => scanDoubles(words32(bytes));

const SCANS: Readonly<Record<number, (bytes: Uint8Array) => Found>> = {
  [DataType.FLOAT]: singles,
  [DataType.COMPLEX64]: singles,
  [DataType.FLOAT16]: (bytes) => scanWords(words16(bytes), 0x7c00, 0x7fff),
  [DataType.BFLOAT16]: (bytes) => scanWords(words16(bytes), 0x7f80, 0x7fff),
  [DataType.DOUBLE]: doubles,
  [DataType.COMPLEX128]: doubles,
};

function scanWords(words: Uint32Array | Uint16Array, exponent: number, magnitude: number): Found {
  let found: Found = 'finite';
  for (let i = 0; i < words.length; i++) {
    const bits = (words[i] as number) & magnitude;
    if (bits < exponent) continue;
    if (bits > exponent) return 'nan';
    found = 'infinite';
  }
  return found;
}

function scanDoubles(words: Uint32Array): Found {
  let found: Found = 'finite';
  for (let i = 0; i + 1 < words.length; i += 2) {
    const high = (words[i + 1] as number) & 0x7fffffff;
    if (high < 0x7ff00000) continue;
    if (high > 0x7ff00000 || words[i] !== 0) return 'nan';
    found = 'infinite';
  }
  return found;
}

const ALIGNMENT = 8;
/** Fits the processor's cache, so that looking at a copy costs little more than looking at the original. */
const BLOCK = 1 << 16;

/** The same bytes where arrays of any element type may start: as they are, or block by block through one small copy. */
function* alignedBlocks(bytes: Uint8Array): Generator<Uint8Array> {
  if (bytes.byteOffset % ALIGNMENT === 0) {
    yield bytes;
    return;
  }
  const copy = new Uint8Array(Math.min(bytes.length, BLOCK));
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK);
    copy.set(block);
    yield copy.subarray(0, block.length);
  }
}

function words32(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

function words16(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
}
