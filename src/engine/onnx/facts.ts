/** The facts of a model file as the console and the command line show them. */
import type { ModelFacts, ValueRecord } from '../../contract/records/model.ts';
import { modelCost } from './cost.ts';
import { inferShapes } from './shapes/infer.ts';
import { dataTypeName } from './tensor.ts';
import { DataType, opsetOf, type GraphData, type Model, type ValueInfo } from './types.ts';

/**
 * Never throws on a model that could be read.
 * @param bytes size of the file with its external data
 * @param warnings what reading the file has already found
 */
export function modelFacts(model: Model, bytes: number, warnings: readonly string[]): ModelFacts {
  const { graph } = model;
  const shapes = inferShapes(model, { assumeDefaults: true });
  const cost = modelCost(model, shapes);
  const described = (value: ValueInfo): ValueRecord => {
    const inferred = shapes.get(value.name);
    return {
      name: value.name,
      type: elementTypeName(value.elemType || (inferred?.elemType ?? 0)),
      shape: (value.shape ?? inferred?.shape)?.slice() ?? null,
    };
  };
  const unknown = shapes.unknownOperators;
  return {
    nodes: graph.nodes.length,
    parameters: cost.parameters,
    macs: cost.macs,
    bytes,
    opset: opsetOf(model),
    ir: model.irVersion,
    producer: [model.producerName, model.producerVersion].filter((part) => part !== '').join(' '),
    quantized: isQuantized(graph),
    inputs: graph.inputs.filter((input) => !graph.initializers.has(input.name)).map(described),
    outputs: graph.outputs.map(described),
    layers: [...cost.layers],
    warnings: [
      ...warnings,
      ...shapes.notes,
      ...(unknown.length > 0 ? [`Shapes behind ${unknown.join(', ')} are taken from the file, if it declares them.`] : []),
      ...cost.warnings,
    ],
  };
}

/** `float32`, `int64`, ... as the ports name element types; `unknown` for what is not a tensor. */
export function elementTypeName(elemType: number): string {
  if (elemType === DataType.FLOAT) return 'float32';
  if (elemType === DataType.DOUBLE) return 'float64';
  return elemType === DataType.UNDEFINED ? 'unknown' : dataTypeName(elemType);
}

const QUANTIZED = /^(QuantizeLinear|DequantizeLinear|DynamicQuantize\w*|QLinear\w+|QGemm|QAttention|ConvInteger|MatMulInteger\w*|MatMulNBits|GatherBlockQuantized)$/;

/** True where quantization operators are in the graph or in a subgraph. */
export function isQuantized(graph: GraphData): boolean {
  return graph.nodes.some((node) => {
    if (QUANTIZED.test(node.opType)) return true;
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'graph' && isQuantized(attribute.value)) return true;
      if (attribute.kind === 'graphs' && attribute.value.some(isQuantized)) return true;
    }
    return false;
  });
}
