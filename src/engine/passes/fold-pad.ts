/**
 * fold-pad
 *
 * before: y = Conv(Pad(x)) or AveragePool(Pad(x)), the padding constant zeros on spatial axes
 * after:  y = Conv(x) or AveragePool(x) with the pads added to its own
 * when:   the padded value is read here only and is no graph output; mode constant, value 0, no negative pads, none on batch or
 *         channels; the layer has explicit pads. AveragePool only without ceil_mode, and where its average counts padding
 *         (count_include_pad = 1), or has no padding of its own: then it counts it from now on. MaxPool never: its own padding is
 *         -infinity, not 0.
 * why it is exact: Conv pads with zeros; an average that counts padding is the average over the padded picture.
 */
import { intAttribute, intsAttribute, floatAttribute, makeInt, makeInts, stringAttribute } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { counted, definePass, noOptions, type PassContext } from './define-pass.ts';
import { constantIntegers, constantScalar, isOp } from './support/match.ts';

export const foldPad = definePass({
  name: 'fold-pad',
  family: 'folding',
  summary: 'Makes a Pad with zeros the padding of the Conv or AveragePool after it.',
  options: noOptions,
  run(graph, context) {
    let count = 0;
    for (const layer of graph.sorted()) {
      if (!isOp(layer, 'Conv', 'AveragePool')) continue;
      const value = layer.inputs[0] ?? '';
      const pad = graph.producer(value);
      if (!isOp(pad, 'Pad') || graph.soleConsumer(value) !== layer || stringAttribute(layer, 'auto_pad', 'NOTSET') !== 'NOTSET') continue;
      const added = spatialPads(graph, pad, context);
      if (!added) continue;
      const own = intsAttribute(layer, 'pads') ?? added.map(() => 0);
      if (own.length !== added.length) continue;
      if (isOp(layer, 'AveragePool')) {
        const counts = context.opset >= 7 && intAttribute(layer, 'count_include_pad', 0) === 1;
        if (intAttribute(layer, 'ceil_mode', 0) !== 0 || context.opset < 7 || !(counts || own.every((size) => size === 0))) continue;
        // The runtime wants the window larger than the padding.
        const kernel = intsAttribute(layer, 'kernel_shape') ?? [];
        if (added.some((size, i) => size + (own[i] ?? 0) >= (kernel[i % kernel.length] ?? 0))) continue;
        graph.setAttribute(layer, 'count_include_pad', makeInt(1));
      }
      graph.setAttribute(layer, 'pads', makeInts(own.map((size, i) => size + (added[i] ?? 0))));
      graph.setInput(layer, 0, pad.inputs[0] ?? '');
      graph.removeNode(pad);
      graph.removeValueInfo(value);
      count++;
    }
    return counted('folded', count);
  },
});

/** Begins, then ends, of the spatial axes; null where the padding is anything but constant zeros there. */
function spatialPads(graph: Graph, pad: Node, context: PassContext): number[] | null {
  if (stringAttribute(pad, 'mode', 'constant') !== 'constant' || (pad.inputs[3] ?? '') !== '') return null;
  const attributes = context.opset < 11;
  const pads = attributes ? intsAttribute(pad, 'pads') : constantIntegers(graph, pad.inputs[1]);
  const value = attributes ? floatAttribute(pad, 'value', 0) : (pad.inputs[2] ?? '') === '' ? 0 : constantScalar(graph, pad.inputs[2]);
  if (!pads || value !== 0 || pads.length < 6 || pads.length % 2 !== 0 || pads.some((size) => size < 0)) return null;
  const rank = pads.length / 2;
  const [begins, ends] = [pads.slice(0, rank), pads.slice(rank)];
  if ([begins[0], begins[1], ends[0], ends[1]].some((size) => size !== 0)) return null;
  return [...begins.slice(2), ...ends.slice(2)];
}
