/**
 * What has to change in a node when the standard operator set it is read by goes from one version to the next. Source: the version
 * histories in the ONNX operator changelog (docs/Changelog.md of onnx 1.18). An operator without an entry reads the same in both.
 */
import type { Graph, Node } from '../../onnx/graph.ts';
import { floatAttribute, intAttribute, intsAttribute, makeInt, makeString, stringAttribute } from '../../onnx/attributes.ts';
import { floatTensor, int64Tensor } from '../../onnx/tensor.ts';
import type { Attribute, Shape } from '../../onnx/types.ts';

export interface AdapterContext {
  readonly graph: Graph;
  /** Shape of a value where it is known. */
  readonly shape: (value: string) => Shape | null;
  /** Element type of a value; 0 where it is not known. */
  readonly elemType: (value: string) => number;
}

/** Changes the node, or says in a few words why it cannot be. */
export type Adapter = (node: Node, context: AdapterContext) => string | void;

/** An integer list that was an attribute becomes input `index`. */
function intsToInput(attribute: string, index: number): Adapter {
  return (node, { graph }) => {
    const values = intsAttribute(node, attribute);
    if (values === null) return;
    graph.setInput(node, index, graph.addInitializer(int64Tensor(`${node.outputs[0] ?? node.name}_${attribute}`, [values.length], values)));
    graph.setAttribute(node, attribute, undefined);
  };
}

const batchNormTo9: Adapter = (node, { graph }) => {
  if (intAttribute(node, 'spatial', 1) !== 1) return 'it keeps statistics for each activation (spatial = 0)';
  graph.setAttribute(node, 'spatial', undefined);
};

const upsampleTo9: Adapter = (node, { graph }) => {
  const scales = node.attributes.get('scales');
  if (scales?.kind !== 'floats') return 'it has no scales';
  graph.setInput(node, 1, graph.addInitializer(floatTensor(`${node.outputs[0] ?? ''}_scales`, [scales.value.length], Float32Array.from(scales.value))));
  graph.setAttribute(node, 'scales', undefined);
};

const sliceTo10: Adapter = (node, { graph }) => {
  const starts = intsAttribute(node, 'starts');
  const ends = intsAttribute(node, 'ends');
  if (starts === null || ends === null) return 'it has no starts or ends';
  const axes = intsAttribute(node, 'axes') ?? starts.map((_, i) => i);
  const name = node.outputs[0] ?? '';
  // The attribute's integers are exact; as numbers only the "to the end" values lose digits, and clamp alike.
  const list = (kind: string, attribute: Attribute | undefined, fallback: readonly number[]): string =>
    graph.addInitializer(int64Tensor(`${name}_${kind}`, [fallback.length], attribute?.kind === 'ints' ? attribute.value : fallback));
  const inputs = [node.inputs[0] ?? '', list('starts', node.attributes.get('starts'), starts), list('ends', node.attributes.get('ends'), ends), list('axes', node.attributes.get('axes'), axes)];
  for (const attribute of ['starts', 'ends', 'axes']) graph.setAttribute(node, attribute, undefined);
  graph.setInputs(node, inputs);
};

const topKTo10: Adapter = (node, { graph }) => {
  graph.setInput(node, 1, graph.addInitializer(int64Tensor(`${node.outputs[0] ?? ''}_k`, [1], [intAttribute(node, 'k', 1)])));
  graph.setAttribute(node, 'k', undefined);
};

const upsampleTo10: Adapter = (node, { graph }) => graph.setOpType(node, 'Resize');

const clipTo11: Adapter = (node, { graph, elemType }) => {
  if (elemType(node.inputs[0] ?? '') > 1) return 'its bounds are not float32';
  const name = node.outputs[0] ?? '';
  const bounds = (['min', 'max'] as const).map((bound) => {
    const value = floatAttribute(node, bound, bound === 'min' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
    graph.setAttribute(node, bound, undefined);
    return Math.abs(value) >= 3.4028234e38 ? '' : graph.addInitializer(floatTensor(`${name}_${bound}`, [], Float32Array.of(value)));
  });
  const inputs = [node.inputs[0] ?? '', ...bounds];
  while (inputs.at(-1) === '') inputs.pop();
  graph.setInputs(node, inputs);
};

const padTo11: Adapter = (node, context) => {
  const { graph } = context;
  const value = floatAttribute(node, 'value', 0);
  if (value !== 0 && context.elemType(node.inputs[0] ?? '') > 1) return 'its fill value is not float32';
  intsToInput('pads', 1)(node, context);
  if (value !== 0) graph.setInput(node, 2, graph.addInitializer(floatTensor(`${node.outputs[0] ?? ''}_value`, [], Float32Array.of(value))));
  graph.setAttribute(node, 'value', undefined);
};

/** Resize of opset 10 maps an output pixel x to the input pixel floor(x / scale): asymmetric, nearest by floor. */
const resizeTo11: Adapter = (node, { graph }) => {
  graph.setInputs(node, [node.inputs[0] ?? '', '', node.inputs[1] ?? '']);
  graph.setAttribute(node, 'coordinate_transformation_mode', makeString('asymmetric'));
  graph.setAttribute(node, 'nearest_mode', makeString('floor'));
};

const scatterTo11: Adapter = (node, { graph }) => graph.setOpType(node, 'ScatterElements');

/** The mask of a Dropout that drops nothing was undefined, and is all true from opset 12 on: onnxruntime gives false before. */
const dropoutTo12: Adapter = (node, { graph }) => {
  const mask = node.outputs[1] ?? '';
  if (mask !== '' && (graph.isOutput(mask) || graph.uses(mask).length > 0)) return 'its mask is read, which opset 12 defines in another way';
  const ratio = floatAttribute(node, 'ratio', 0.5);
  graph.setAttribute(node, 'ratio', undefined);
  graph.setInput(node, 1, graph.addInitializer(floatTensor(`${node.outputs[0] ?? ''}_ratio`, [], Float32Array.of(ratio))));
};

/**
 * Before opset 13 Softmax flattens the input to two dimensions at `axis` (default 1) and normalizes over the second. Where `axis` is the
 * last dimension that is the same as normalizing over it alone; elsewhere the flattening is written out.
 */
const softmaxTo13: Adapter = (node, { graph, shape }) => {
  const input = node.inputs[0] ?? '';
  const axis = intAttribute(node, 'axis', 1);
  const rank = shape(input)?.length;
  if (axis === -1 || (rank !== undefined && (axis === rank - 1 || trailingOnes(shape(input), axis)))) {
    graph.setAttribute(node, 'axis', makeInt(axis));
    return;
  }
  const name = node.outputs[0] ?? '';
  const dims = graph.uniqueName(`${name}_shape`);
  const flat = graph.uniqueName(`${name}_flat`);
  const result = graph.uniqueName(`${name}_normalized`);
  graph.addNode({ opType: 'Shape', inputs: [input], outputs: [dims] });
  graph.addNode({ opType: 'Flatten', inputs: [input], outputs: [flat], attributes: { axis: makeInt(axis) } });
  graph.setInputs(node, [flat]);
  graph.setOutput(node, 0, result);
  graph.setAttribute(node, 'axis', makeInt(1));
  graph.addNode({ opType: 'Reshape', inputs: [result, dims], outputs: [name] });
};

/** All dimensions behind `axis` are 1: flattening there changes nothing. */
function trailingOnes(shape: Shape | null, axis: number): boolean {
  const from = shape === null || axis >= 0 ? axis : axis + shape.length;
  return shape !== null && shape.slice(from + 1).every((dim) => dim === 1);
}

const resizeTo13: Adapter = (node) => {
  if (stringAttribute(node, 'coordinate_transformation_mode', '') === 'tf_half_pixel_for_nn') return 'its coordinate mode tf_half_pixel_for_nn is gone in opset 13';
};

const batchNormTo14: Adapter = (node) => {
  if (node.outputs.slice(1).some((output) => output !== '')) return 'it is exported for training (it has more than one output)';
};

const roiAlignTo16: Adapter = (node, { graph }) => graph.setAttribute(node, 'coordinate_transformation_mode', makeString('output_half_pixel'));

const splitTo18: Adapter = (node, { graph }) => {
  if ((node.inputs[1] ?? '') === '') graph.setAttribute(node, 'num_outputs', makeInt(node.outputs.length));
};

const gridSampleTo20: Adapter = (node, { graph }) => {
  const mode = stringAttribute(node, 'mode', 'bilinear');
  const names: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' };
  graph.setAttribute(node, 'mode', makeString(names[mode] ?? mode));
};

const otherMeaning = (version: string): Adapter => () => `it means something else from opset ${version} on`;

const notYetStandard: Adapter = () => 'it is a runtime\'s own operator there, not the standard one';

/** The DFT's axis becomes an input, and its default changes from 1 to -2. */
const dftTo20: Adapter = (node, { graph }) => {
  const axis = intAttribute(node, 'axis', 1);
  graph.setAttribute(node, 'axis', undefined);
  graph.setInput(node, 2, graph.addInitializer(int64Tensor(`${node.outputs[0] ?? ''}_axis`, [], [axis])));
};

const axesToInput = intsToInput('axes', 1);
const REDUCTIONS = ['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceSumSquare'];

/** By version that is reached, then by operator. */
export const adapters: Readonly<Record<number, Readonly<Record<string, Adapter>>>> = {
  9: { BatchNormalization: batchNormTo9, Upsample: upsampleTo9, Scan: otherMeaning('9') },
  10: { Slice: sliceTo10, TopK: topKTo10, Upsample: upsampleTo10 },
  11: { Clip: clipTo11, Pad: padTo11, Resize: resizeTo11, Scatter: scatterTo11 },
  12: { Dropout: dropoutTo12 },
  13: {
    Softmax: softmaxTo13, LogSoftmax: softmaxTo13, Hardmax: softmaxTo13, Resize: resizeTo13,
    Squeeze: axesToInput, Unsqueeze: axesToInput, ReduceSum: axesToInput, Split: intsToInput('split', 1),
  },
  14: { BatchNormalization: batchNormTo14 },
  16: { RoiAlign: roiAlignTo16 },
  // Runtimes knew operators of these names before the standard did, with looser types.
  17: { LayerNormalization: notYetStandard, SimplifiedLayerNormalization: notYetStandard },
  18: { ...Object.fromEntries(REDUCTIONS.map((name) => [name, axesToInput])), Split: splitTo18 },
  20: { GridSample: gridSampleTo20, DFT: dftTo20 },
  21: { GroupNormalization: otherMeaning('21') },
};
