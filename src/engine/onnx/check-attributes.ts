/** Attributes that divide, step or size: a zero in one of them ends a runtime with a trap instead of an error. */
import { AttributeField, SparseTensorField } from './fields.ts';
import { badAttribute } from './read-graph.ts';
import { checkTypeDepth, readTensor, type ReadContext } from './read-tensor.ts';
import type { Attribute, NodeData } from './types.ts';
import { WireReader } from './wire.ts';

interface Rule {
  readonly kind: Attribute['kind'];
  /** Smallest allowed value, of each element in lists. */
  readonly min?: bigint;
}

const positive: Rule = { kind: 'int', min: 1n };
const positives: Rule = { kind: 'ints', min: 1n };
const int: Rule = { kind: 'int' };
const ints: Rule = { kind: 'ints' };
const real: Rule = { kind: 'float' };
const text: Rule = { kind: 'string' };
const graph: Rule = { kind: 'graph' };

const window: Readonly<Record<string, Rule>> = { strides: positives, kernel_shape: positives, dilations: positives, pads: ints, auto_pad: text };
const convolution: Readonly<Record<string, Rule>> = { ...window, group: positive };
const recurrent: Readonly<Record<string, Rule>> = { hidden_size: positive, direction: text, clip: real };
const reduction: Readonly<Record<string, Rule>> = { axes: ints, keepdims: int };
const axis: Readonly<Record<string, Rule>> = { axis: int };

/** Attributes of the standard operators that are looked at; maps, as the names that are looked up come from the file. */
const RULES: ReadonlyMap<string, ReadonlyMap<string, Rule>> = new Map(
  Object.entries({
    Conv: convolution, ConvInteger: convolution, QLinearConv: convolution, DeformConv: { ...convolution, offset_group: positive },
    ConvTranspose: { ...convolution, output_padding: ints, output_shape: ints },
    MaxPool: { ...window, ceil_mode: int, storage_order: int }, AveragePool: { ...window, ceil_mode: int, count_include_pad: int }, LpPool: { ...window, p: int },
    MaxUnpool: window, Col2Im: { strides: positives, dilations: positives, pads: ints },
    DepthToSpace: { blocksize: positive, mode: text }, SpaceToDepth: { blocksize: positive },
    GroupNormalization: { num_groups: positive, epsilon: real }, LRN: { size: positive, alpha: real, beta: real, bias: real },
    BatchNormalization: { epsilon: real, momentum: real }, InstanceNormalization: { epsilon: real }, LayerNormalization: { axis: int, epsilon: real },
    LSTM: recurrent, GRU: recurrent, RNN: recurrent,
    Gemm: { alpha: real, beta: real, transA: int, transB: int },
    Concat: axis, Gather: axis, GatherElements: axis, Softmax: axis, LogSoftmax: axis, Hardmax: axis, Flatten: axis, Split: { axis: int, split: ints, num_outputs: positive },
    ArgMax: { axis: int, keepdims: int }, ArgMin: { axis: int, keepdims: int }, TopK: { axis: int, k: int },
    Transpose: { perm: ints }, Squeeze: { axes: ints }, Unsqueeze: { axes: ints }, Cast: { to: int }, LeakyRelu: { alpha: real }, Elu: { alpha: real },
    Selu: { alpha: real, gamma: real }, HardSigmoid: { alpha: real, beta: real }, Clip: { min: real, max: real }, Reshape: { allowzero: int, shape: ints },
    ReduceMean: reduction, ReduceSum: reduction, ReduceMax: reduction, ReduceMin: reduction, ReduceProd: reduction, ReduceL1: reduction, ReduceL2: reduction,
    ReduceLogSum: reduction, ReduceLogSumExp: reduction, ReduceSumSquare: reduction,
    Pad: { mode: text, pads: ints, value: real }, Resize: { mode: text, coordinate_transformation_mode: text, nearest_mode: text },
    QuantizeLinear: { axis: int, block_size: { kind: 'int', min: 0n } }, DequantizeLinear: { axis: int, block_size: { kind: 'int', min: 0n } },
    ConstantOfShape: { value: { kind: 'tensor' } }, Constant: { value: { kind: 'tensor' }, value_int: int, value_float: real, value_ints: ints },
    If: { then_branch: graph, else_branch: graph }, Loop: { body: graph }, Scan: { body: graph, num_scan_inputs: positive },
  } satisfies Record<string, Readonly<Record<string, Rule>>>).map(([op, rules]) => [op, new Map(Object.entries(rules))]),
);

/** Without these, an operator has no meaning. */
const REQUIRED: ReadonlyMap<string, readonly string[]> = new Map([
  ['If', ['then_branch', 'else_branch']], ['Loop', ['body']], ['Scan', ['body', 'num_scan_inputs']],
]);

/** @throws BAD_ATTRIBUTE, EXTERNAL_FORBIDDEN */
export function checkAttributes(node: NodeData, context: ReadContext): void {
  const rules = node.domain === '' ? RULES.get(node.opType) : undefined;
  for (const [name, attribute] of node.attributes) {
    if (name === '') throw badAttribute(node, name, 'has no name');
    if (attribute.kind === 'opaque') {
      checkOpaque(attribute.encoded, context);
      continue;
    }
    const rule = rules?.get(name);
    if (!rule) continue;
    if (attribute.kind !== rule.kind && !(emptyList(attribute) && rule.kind.endsWith('s'))) {
      throw badAttribute(node, name, `should be ${KIND_NAMES[rule.kind]} but is ${KIND_NAMES[attribute.kind]}`);
    }
    if (rule.min === undefined) continue;
    const values = attribute.kind === 'int' ? [attribute.value] : attribute.kind === 'ints' ? attribute.value : [];
    const low = values.find((value) => value < (rule.min as bigint));
    if (low !== undefined) throw badAttribute(node, name, `is ${low}; it must be at least ${rule.min}`);
  }
  if (node.domain === '') {
    for (const name of REQUIRED.get(node.opType) ?? []) if (!node.attributes.has(name)) throw badAttribute(node, name, 'is missing');
  }
}

function emptyList(attribute: Exclude<Attribute, { kind: 'opaque' }>): boolean {
  return Array.isArray(attribute.value) && attribute.value.length === 0;
}

const KIND_NAMES: Readonly<Record<Attribute['kind'], string>> = {
  float: 'a float', int: 'an integer', string: 'a string', tensor: 'a tensor', graph: 'a graph', floats: 'a list of floats', ints: 'a list of integers',
  strings: 'a list of strings', tensors: 'a list of tensors', graphs: 'a list of graphs', opaque: 'something else',
};

/** What is kept as bytes is bounded like the rest: other programs will read it. */
function checkOpaque(encoded: Uint8Array, context: ReadContext): void {
  const reader = new WireReader(encoded);
  while (reader.next()) {
    if (reader.field === AttributeField.TP || reader.field === AttributeField.TYPE_PROTOS) checkTypeDepth(reader.message('a type'), 1);
    else if (reader.field === AttributeField.SPARSE_TENSOR || reader.field === AttributeField.SPARSE_TENSORS) {
      const sparse = reader.message('a sparse tensor');
      while (sparse.next()) {
        if (sparse.field === SparseTensorField.VALUES || sparse.field === SparseTensorField.INDICES) {
          const { payload } = readTensor(sparse.message('a tensor'), context);
          if (payload.kind === 'external') payload.open();
        } else sparse.skip();
      }
    } else reader.skip();
  }
}
