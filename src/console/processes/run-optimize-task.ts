/** One optimization inside the job process. */
import { createInferenceRunner, hashFile, machineRecord, planData, createWorkspace } from '../../runtime/index.ts';
import { runRecipe } from '../../engine/recipe/index.ts';
import { openModelFile } from '../models/model-file.ts';
import type { FromJobProcess, JobTask } from './messages.ts';

export interface TaskContext {
  readonly send: (message: FromJobProcess) => void;
  readonly signal: AbortSignal;
}

/** @throws EdgewiseError what the recipe, the data or the runtime failed with */
export async function runOptimizeTask(task: JobTask, { send, signal }: TaskContext): Promise<Omit<Extract<FromJobProcess, { type: 'done' }>, 'type'>> {
  const file = openModelFile(task.modelPath);
  const runner = createInferenceRunner({ childEntry: task.inferenceChild, onChildren: (pids) => send({ type: 'children', pids: [...pids] }) });
  try {
    const data = await planData({});
    const { outputPath, report, gatesMet } = await runRecipe({
      recipe: task.recipe,
      modelName: task.modelName,
      modelPath: task.modelPath,
      model: file.model,
      inputBytes: file.bytes,
      inputSha256: await hashFile(task.modelPath),
      data,
      runner,
      workspace: createWorkspace(task.workspace),
      machine: machineRecord(task.version),
      seed: task.seed,
      verify: task.verify,
      threads: task.threads,
      clock: () => performance.now(),
      createdAt: task.createdAt,
      hashFile,
      log: (level, message) => send({ type: 'log', level, message }),
      progress: (update) => send({ type: 'progress', ...update }),
      signal,
    });
    return { outputPath, report, gatesMet };
  } finally {
    await runner.dispose();
  }
}
