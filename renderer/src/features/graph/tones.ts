/** What a box's colour says: the class of its operator, its share of the work, its error, or the numbers it computes with. */
import type { GraphPrecision, ModelGraph } from '../../../../src/contract/records/graph.ts';
import { costOf, totalMacs, type LayerError } from './measures.ts';
import type { Picture } from './picture.ts';

export type Tint = 'operator' | 'cost' | 'error' | 'precision';

/** By tint: the tokens of its classes and, for scales, where each class begins; words come from the page's. */
export const TONES = {
  operator: ['layer', 'product', 'norm', 'activation', 'pool', 'arithmetic', 'shape', 'other'],
  cost: ['none', 'below01', 'below1', 'below3', 'below10', 'most'],
  error: ['unknown', 'above40', 'above30', 'above20', 'above10', 'below10'],
  precision: ['float32', 'float16', 'int8', 'int4', 'other'],
} as const satisfies Record<Tint, readonly string[]>;

const TOKENS: Readonly<Record<Tint, readonly string[]>> = {
  operator: ['--series-1', '--series-2', '--series-3', '--series-4', '--series-5', '--series-6', '--series-7', '--mark-none'],
  cost: ['--mark-none', '--heat-1', '--heat-2', '--heat-3', '--heat-4', '--heat-5'],
  error: ['--mark-none', '--heat-1', '--heat-2', '--heat-3', '--heat-4', '--heat-5'],
  precision: ['--series-5', '--series-3', '--series-1', '--series-2', '--mark-none'],
};

export function toneToken(tint: Tint, tone: number): string {
  return TOKENS[tint][tone] ?? '--mark-none';
}

const CLASSES: readonly (readonly [RegExp, (typeof TONES)['operator'][number]])[] = [
  [/Conv|^LSTM$|^GRU$|^RNN$/, 'layer'],
  [/Gemm|MatMul|Einsum|Attention/, 'product'],
  [/Normalization|^LRN$|^LN$|^BN$|^IN$/, 'norm'],
  [/Relu|^Clip$|Sigmoid|Tanh|Swish|Gelu|Elu|Softmax|Softplus|Mish|Erf/, 'activation'],
  [/Pool|^Reduce|^Resize$|^Upsample$|^TopK$/, 'pool'],
  [/^(Add|Sub|Mul|Div|Pow|Sqrt|Exp|Log|Neg|Abs|Min|Max|Sum|Mean|Where|Equal|Greater|Less|And|Or|Not)/, 'arithmetic'],
  [/Reshape|Transpose|Concat|Split|Slice|Gather|Flatten|queeze|Expand|Tile|Pad|Shape|Cast|Identity|Dropout|Constant|DepthToSpace|SpaceToDepth|Range|NonZero/, 'shape'],
];

export function operatorTone(op: string): number {
  const found = CLASSES.find(([pattern]) => pattern.test(op))?.[1] ?? 'other';
  return TONES.operator.indexOf(found);
}

export function costTone(share: number): number {
  if (share <= 0) return 0;
  return [0.001, 0.01, 0.03, 0.1].filter((limit) => share >= limit).length + 1;
}

/** @param sqnrDb undefined: not measured; null: no error */
export function errorTone(sqnrDb: number | null | undefined): number {
  if (sqnrDb === undefined) return 0;
  return sqnrDb === null ? 1 : [40, 30, 20, 10].filter((limit) => sqnrDb < limit).length + 1;
}

export function precisionTone(precision: GraphPrecision): number {
  return TONES.precision.indexOf(precision);
}

/** A tone for each box; inputs and outputs have 255. */
export function tonesOf(picture: Picture, graph: ModelGraph, tint: Tint, layers: readonly LayerError[], layerOf: ReadonlyMap<number, number>): Uint8Array {
  const total = totalMacs(graph);
  return Uint8Array.from(picture.boxes, (box) => {
    if (box.unit === null) return 255;
    switch (tint) {
      case 'operator':
        return operatorTone(graph.nodes[box.nodes.length === 1 ? (box.nodes[0] ?? 0) : (graph.units[box.unit]?.core ?? 0)]?.op ?? '');
      case 'cost':
        return total > 0 ? costTone((costOf(graph, box.nodes).macs ?? 0) / total) : 0;
      case 'error': {
        const layer = layers[layerOf.get(box.unit) ?? -1];
        return errorTone(layer && layer.sqnrDb);
      }
      case 'precision':
        return precisionTone(graph.units[box.unit]?.precision ?? 'other');
    }
  });
}
