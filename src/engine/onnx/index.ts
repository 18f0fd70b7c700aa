/** The front door of the model engine's ground: what the rest of the house may use of it. */
export * from './types.ts';
export * from './attributes.ts';
export * from './tensor.ts';
export { Graph, capturedNames, type NewNode, type Node, type Use } from './graph.ts';
export { DEFAULT_LIMITS, type ModelLimits } from './limits.ts';
export { checkModel, type ModelCheck } from './check.ts';
export { parseModel } from './reader.ts';
export { encodeModel, type EncodeOptions, type FileEncoding, type ModelEncoding } from './writer.ts';
export { inferShapes, type InferShapesOptions, type ShapeMap, type ValueShape } from './shapes/infer.ts';
export { modelCost, type ModelCost } from './cost.ts';
export { elementTypeName, isQuantized, modelFacts } from './facts.ts';
