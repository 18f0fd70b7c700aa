/** One optimization inside the job process: the runtime's ports wired into the engine's recipe runner. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { saveModel, type Model } from '../../engine/onnx/index.ts';
import { runRecipe, type DataPlan } from '../../engine/recipe/index.ts';
import { createCheckpoints, createInferenceRunner, createWorkspace, hashFile, machineRecord, planData, type InferenceChild } from '../../runtime/index.ts';
import { dataRequest } from '../measure/data-request.ts';
import { withModelFile, type ModelFile } from '../models/model-file.ts';
import type { FromJobProcess, JobTask } from './messages.ts';
import { runtimeLimits } from './runtime-limits.ts';

export interface TaskContext {
  readonly send: (message: FromJobProcess) => void;
  readonly forkInference: () => InferenceChild;
  readonly signal: AbortSignal;
}

export type TaskResult = Omit<Extract<FromJobProcess, { type: 'done' }>, 'type'>;

/** @throws EdgewiseError what the model, the recipe, the data or the runtime failed with; CANCELLED */
export function runOptimizeTask(task: JobTask, context: TaskContext): Promise<TaskResult> {
  return withModelFile(task.modelPath, (file) => run(file, task, context));
}

async function run(file: ModelFile, task: JobTask, { send, forkInference, signal }: TaskContext): Promise<TaskResult> {
  const runner = createInferenceRunner({ fork: forkInference, limits: runtimeLimits([file.facts]), energy: task.energy ?? {}, onChildren: (pids) => send({ type: 'children', pids: [...pids] }) });
  try {
    const { outputPath, report, gatesMet } = await runRecipe({
      recipe: task.recipe,
      modelName: task.modelName,
      modelPath: task.modelPath,
      model: file.model,
      inputBytes: file.bytes,
      inputSha256: await hashFile(file.paths),
      data: await plan(file, task),
      runner,
      workspace: createWorkspace(task.workspace),
      ...(task.checkpoints === undefined ? {} : { checkpoints: createCheckpoints(task.checkpoints) }),
      machine: machineRecord(task.version),
      seed: task.seed,
      verify: task.verify,
      threads: task.threads,
      clock: () => performance.now(),
      createdAt: task.createdAt,
      hashFile,
      externalData: task.externalData ?? false,
      ...(task.failures === undefined ? {} : { keepFailure: keepFailureAt(task.failures) }),
      log: (level, message) => send({ type: 'log', level, message }),
      progress: ({ stage, fraction, detail }) => send({ type: 'progress', stage, fraction, ...(detail === undefined ? {} : { detail }) }),
      signal,
    });
    return { outputPath, report, gatesMet };
  } finally {
    await runner.dispose();
  }
}

function keepFailureAt(path: string): (name: string, model: Model) => Promise<string> {
  return async (name, model) => {
    await mkdir(dirname(path), { recursive: true });
    return (await saveModel(createWorkspace(dirname(path)), `${basename(path)}.${name}`, model)).path;
  };
}

async function plan(file: ModelFile, { data, modelName, samples, evaluationSamples, seed }: JobTask): Promise<DataPlan | null> {
  if (data === null) return null;
  return planData(dataRequest(data, file.facts, modelName), { calibration: samples, evaluation: evaluationSamples, seed });
}
