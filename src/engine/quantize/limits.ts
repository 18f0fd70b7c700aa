/**
 * What is known of a value's range before anything is measured: from the formula of the operator that makes it, and from what its readers
 * make of it. Steps spent on numbers that make no difference are lost to those that do.
 */
import type { Graph, Node } from '../onnx/graph.ts';
import { activationBounds } from './operators.ts';
import type { Range } from './quant-params.ts';

export interface Limits {
  /** No range goes beyond them. */
  readonly bounds: Range;
  /** Where the range ends whatever the data are, so that nothing has to be measured: [0, 1] after a Sigmoid, [0, ?] after Relu. */
  readonly known: { readonly min: boolean; readonly max: boolean };
}

const UNBOUNDED: Range = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
const NOTHING = { min: false, max: false };
/** x * sigmoid(x) at -8 is -0.0027: less than half a step of any range it could have with a maximum above 1.4. */
const SILU_FLOOR = -8;
/** x * clip(x / 6 + 1/2, 0, 1) is 0 up to here. */
const HARD_SWISH_FLOOR = -3;

/** @param maker the node that makes the value, or the activation that it absorbs */
export function limitsOf(graph: Graph, value: string, maker: Node | undefined): Limits {
  switch (maker?.opType) {
    case 'Sigmoid':
    case 'HardSigmoid':
    case 'Softmax':
      return { bounds: { min: 0, max: 1 }, known: { min: true, max: true } };
    case 'Tanh':
      return { bounds: { min: -1, max: 1 }, known: { min: true, max: true } };
    case 'Relu':
    case 'Clip': {
      const bounds = activationBounds(graph, maker) ?? UNBOUNDED;
      // A Clip's upper end is measured all the same, since the data may stay far below it.
      return { bounds, known: { min: Number.isFinite(bounds.min), max: false } };
    }
    default:
      return { bounds: { min: floorOfReaders(graph, value), max: Number.POSITIVE_INFINITY }, known: NOTHING };
  }
}

/** Below what number the readers of a value give nothing, where all of them together are one gated activation. */
function floorOfReaders(graph: Graph, value: string): number {
  const uses = graph.uses(value);
  if (graph.isOutput(value) || uses.some((use) => use.index < 0)) return Number.NEGATIVE_INFINITY;
  if (uses.length === 1 && uses[0]?.node.opType === 'HardSwish') return HARD_SWISH_FLOOR;
  if (uses.length !== 2) return Number.NEGATIVE_INFINITY;
  const product = uses.find((use) => use.node.opType === 'Mul')?.node;
  const gate = uses.find((use) => use.node !== product)?.node;
  if (!product || !gate || !product.inputs.includes(gate.outputs[0] ?? '')) return Number.NEGATIVE_INFINITY;
  if (gate.opType === 'Sigmoid') return SILU_FLOOR;
  // HardSigmoid reaches 0 at -beta / alpha; the product is 0 from there on down.
  if (gate.opType !== 'HardSigmoid') return Number.NEGATIVE_INFINITY;
  const attribute = (name: string, fallback: number): number => {
    const found = gate.attributes.get(name);
    return found?.kind === 'float' ? found.value : fallback;
  };
  return -attribute('beta', 0.5) / attribute('alpha', 0.2);
}
