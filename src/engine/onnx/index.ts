/** The front door of the model engine's ground: what the rest of the house may use of it. */
export * from './types.ts';
export * from './attributes.ts';
export * from './tensor.ts';
export { checkModel, type ModelCheck } from './check.ts';
export { parseModel } from './reader.ts';
export { encodeModel } from './writer.ts';
export { dataFileName, modelByteLength, modelFiles, saveModel, type ModelFilesOptions, type NamedFile } from './save-model.ts';
export { inferShapes, type ShapeMap } from './shapes/infer.ts';
export { modelFacts } from './facts.ts';
