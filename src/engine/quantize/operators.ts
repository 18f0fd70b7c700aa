/**
 * What int8 means for each operator, as onnxruntime's CPU kernels have it. An operator that is not listed stays float, and so do the
 * values around it.
 */
import { floatAttribute, intAttribute } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { tensorFloats } from '../onnx/tensor.ts';
import { constantOf } from '../passes/constant-nodes-to-initializers.ts';
import { DataType, type Tensor } from '../onnx/types.ts';

/**
 * - `compute`: multiplies by constant weights; int8 pays here, and everything else follows from it.
 * - `quantized`: has a kernel on 8-bit numbers with its own output scale.
 * - `between`: no such kernel, but cheap and common between two that have one: runs in float between DequantizeLinear and QuantizeLinear.
 * - `activation`: between, and absorbed by the QuantizeLinear of what produces its input where that saturates at the same values.
 * - `movement`: moves or picks elements, so that its output has the scale of its input.
 */
export type OperatorKind = 'compute' | 'quantized' | 'between' | 'activation' | 'movement';

const KINDS: Readonly<Record<string, OperatorKind>> = {
  Conv: 'compute', Gemm: 'compute', MatMul: 'compute',
  Add: 'quantized', Mul: 'quantized', Concat: 'quantized', AveragePool: 'quantized', GlobalAveragePool: 'quantized', Sigmoid: 'quantized', LeakyRelu: 'quantized',
  HardSigmoid: 'between', HardSwish: 'between', Tanh: 'between', Elu: 'between', PRelu: 'between', Softplus: 'between', Mish: 'between', Gelu: 'between',
  ConvTranspose: 'between', ReduceMean: 'between', GlobalMaxPool: 'between', Sub: 'between', Div: 'between',
  Relu: 'activation', Clip: 'activation',
  MaxPool: 'movement', Reshape: 'movement', Transpose: 'movement', Flatten: 'movement', Squeeze: 'movement', Unsqueeze: 'movement', Slice: 'movement',
  Split: 'movement', Resize: 'movement', Gather: 'movement', DepthToSpace: 'movement', SpaceToDepth: 'movement', Pad: 'movement', Expand: 'movement', Identity: 'movement',
};

/** Undefined for an operator that stays float. */
export function operatorKind(graph: Graph, node: Node): OperatorKind | undefined {
  if (node.domain !== '') return undefined;
  const kind = KINDS[node.opType];
  if (node.opType === 'Resize' && resizeMode(node) === 'cubic') return 'between';
  // Padding with anything but 0 may lie outside of the input's range.
  if (node.opType === 'Pad' && !padsWithZero(graph, node)) return undefined;
  // The Indices output is not of the kind of its input, and a second output keeps the kernel on floats.
  if (node.opType === 'MaxPool' && (node.outputs[1] ?? '') !== '') return undefined;
  return kind;
}

function padsWithZero(graph: Graph, node: Node): boolean {
  const value = node.inputs[2];
  if (!value) return floatAttribute(node, 'value', 0) === 0;
  const tensor = constantTensor(graph, value);
  return tensor?.dataType === DataType.FLOAT && tensorFloats(tensor)[0] === 0;
}

function resizeMode(node: Node): string {
  const mode = node.attributes.get('mode');
  return mode?.kind === 'string' ? new TextDecoder().decode(mode.value) : 'nearest';
}

/** Positions of the inputs that carry activations. */
export function activationInputs(node: Node): number[] {
  switch (node.opType) {
    case 'Add':
    case 'Mul':
    case 'Sub':
    case 'Div':
      return [0, 1];
    case 'Concat':
      return node.inputs.map((_, index) => index);
    default:
      return [0];
  }
}

/** The constant behind a value: an initializer or a Constant node. */
export function constantTensor(graph: Graph, value: string | undefined): Tensor | undefined {
  if (!value) return undefined;
  const tensor = graph.constant(value);
  if (tensor) return tensor;
  const producer = graph.producer(value);
  return producer?.opType === 'Constant' && producer.domain === '' ? (constantOf(producer, value) ?? undefined) : undefined;
}

/** Float weights of a compute operator and where they are. */
export interface Weights {
  readonly tensor: Tensor;
  /** Axis of the output channels; null: one scale for the whole tensor. */
  readonly axis: number | null;
  /** Output channels; the length of a bias. */
  readonly channels: number;
  readonly bias: Tensor | null;
  /** What products are multiplied by, to be folded into the weights; 1 but for Gemm. */
  readonly alpha: number;
  readonly beta: number;
}

/** Weights of a Conv, Gemm or MatMul; a sentence where it cannot run in int8. */
export function weightsOf(graph: Graph, node: Node): Weights | string {
  const tensor = constantTensor(graph, node.inputs[1]);
  if (!tensor) return 'its weights are not constant';
  if (tensor.dataType !== DataType.FLOAT) return 'its weights are not float32';
  if (tensor.dims.length < 2) return 'its weights have fewer than two dimensions';
  const biasName = node.opType === 'MatMul' ? undefined : node.inputs[2];
  const bias = constantTensor(graph, biasName) ?? null;
  if (biasName && !bias) return 'its bias is not constant';
  if (bias && bias.dataType !== DataType.FLOAT) return 'its bias is not float32';
  if (!finite(tensor) || (bias && !finite(bias))) return 'its weights hold values that are not finite';
  switch (node.opType) {
    case 'Conv': {
      const channels = tensor.dims[0] ?? 0;
      if (bias && bias.dims.length !== 1) return 'its bias is not one value a channel';
      return { tensor, axis: 0, channels, bias, alpha: 1, beta: 1 };
    }
    case 'Gemm': {
      if (intAttribute(node, 'transA', 0) !== 0) return 'its first input is transposed';
      const axis = intAttribute(node, 'transB', 0) !== 0 ? 0 : 1;
      const channels = tensor.dims[axis] ?? 0;
      if (bias && !isPerChannel(bias, channels)) return 'its bias is not one value a channel';
      return { tensor, axis, channels, bias, alpha: floatAttribute(node, 'alpha', 1), beta: floatAttribute(node, 'beta', 1) };
    }
    default:
      return { tensor, axis: tensor.dims.length === 2 ? 1 : null, channels: tensor.dims[tensor.dims.length - 1] ?? 0, bias: null, alpha: 1, beta: 1 };
  }
}

function finite(tensor: Tensor): boolean {
  const values = tensorFloats(tensor);
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** [], [1], [N], [1, N]: what Gemm spreads over rows. */
function isPerChannel(bias: Tensor, channels: number): boolean {
  const size = bias.dims.reduce((a, b) => a * b, 1);
  const last = bias.dims[bias.dims.length - 1] ?? 1;
  return size === 1 || (size === channels && last === channels);
}

/** What an activation lets through, and whether it is known; null where it cannot be known (bounds that are computed). */
export function activationBounds(graph: Graph, node: Node): { readonly min: number; readonly max: number } | null {
  if (node.opType === 'Relu') return { min: 0, max: Number.POSITIVE_INFINITY };
  if (node.opType !== 'Clip') return null;
  const bound = (index: number, attribute: string, fallback: number): number | null => {
    const value = node.inputs[index];
    if (!value) return floatAttribute(node, attribute, fallback);
    const tensor = constantTensor(graph, value);
    return tensor?.dataType === DataType.FLOAT ? (tensorFloats(tensor)[0] ?? fallback) : null;
  };
  const min = bound(1, 'min', Number.NEGATIVE_INFINITY);
  const max = bound(2, 'max', Number.POSITIVE_INFINITY);
  return min === null || max === null ? null : { min, max };
}
