/** The runtime's front door: running a model, feeding it, measuring it. */
export { createInferenceRunner, type BenchRunner } from './inference/runner.ts';
export { serveInference } from './inference/serve.ts';
export type { InferenceChild } from './inference/channel.ts';
export { matchDataset, planData, type DataRequest } from './data/plan.ts';
export { hashFile } from './files/hash-file.ts';
export { machineRecord } from './machine.ts';
export { createCheckpoints } from './checkpoints.ts';
export { createWorkspace } from './workspace.ts';
export { findMeters, openBestMeter, whyNone } from './energy/find-meters.ts';
export type { EnergyMeter } from './energy/types.ts';
