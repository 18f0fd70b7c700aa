/**
 * constant-nodes-to-initializers
 *
 * before: y = Constant(value = t), also value_int, value_ints, value_float, value_floats
 * after:  initializer y
 * when:   y is no graph output (some runtimes want a node there); strings and sparse tensors stay
 * why it is exact: an initializer that is no graph input is the same constant.
 */
import type { Node } from '../onnx/graph.ts';
import { floatTensor, int64Tensor, renameTensor } from '../onnx/tensor.ts';
import type { Tensor } from '../onnx/types.ts';
import { counted, definePass, noOptions } from './define-pass.ts';
import { isOp } from './support/match.ts';

export const constantNodesToInitializers = definePass({
  name: 'constant-nodes-to-initializers',
  family: 'cleanup',
  summary: 'Turns Constant nodes into initializers.',
  options: noOptions,
  run(graph) {
    let count = 0;
    for (const node of graph.nodes) {
      const output = node.outputs[0] ?? '';
      if (!isOp(node, 'Constant') || output === '' || graph.isOutput(output)) continue;
      const tensor = constantOf(node, output);
      if (!tensor) continue;
      graph.removeNode(node);
      graph.setInitializer(tensor);
      count++;
    }
    return counted('constants', count);
  },
});

/** The tensor that a Constant node makes, under `name`; null for forms that stay nodes. */
export function constantOf(node: Node, name: string): Tensor | null {
  const [entry] = node.attributes;
  if (!entry || node.attributes.size !== 1) return null;
  const [key, attribute] = entry;
  if (key === 'value' && attribute.kind === 'tensor') return renameTensor(attribute.value, name);
  if (key === 'value_int' && attribute.kind === 'int') return int64Tensor(name, [], [attribute.value]);
  if (key === 'value_ints' && attribute.kind === 'ints') return int64Tensor(name, [attribute.value.length], attribute.value);
  if (key === 'value_float' && attribute.kind === 'float') return floatTensor(name, [], Float32Array.of(attribute.value));
  if (key === 'value_floats' && attribute.kind === 'floats') return floatTensor(name, [attribute.value.length], Float32Array.from(attribute.value));
  return null;
}
