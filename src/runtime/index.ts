/** The runtime's front door: running a model, feeding it, measuring it. */
export { createInferenceRunner, defaultInferenceLimits, type BenchRunner, type InferenceLimits, type InferenceRunnerOptions } from './inference/runner.ts';
export { serveInference, type ServeOptions } from './inference/serve.ts';
export type { InferenceChild, ParentLine } from './inference/channel.ts';
export { inspectDataset, openDataset, type Dataset } from './data/dataset.ts';
export { guessPreprocess, type Guess } from './data/guess.ts';
export { matchDataset, planData, type DataRequest, type PlannedData } from './data/plan.ts';
export { externalFilesIn, type ModelFolder } from './files/external-files.ts';
export { openFileSource, type FileSource } from './files/file-source.ts';
export { hashFile } from './files/hash-file.ts';
export { writeFileAtomically } from './files/write-file.ts';
export { machineRecord } from './machine.ts';
export { createWorkspace } from './workspace.ts';
