/**
 * Merging sibling layers where that measures faster. A wide layer reads its input once, but the Split behind it copies, and an activation
 * behind a sibling can no longer run in the layer's own kernel: which of the two wins depends on sizes and machine. So each group is merged
 * alone and timed against the model as it is, on the same inputs, in turns.
 */
import { throwIfAborted } from '../../base/errors.ts';
import type { Clock, InferenceRunner, LatencyComparison, SampleSource, Workspace } from '../../base/ports.ts';
import { Graph } from '../onnx/graph.ts';
import { saveModel } from '../onnx/index.ts';
import type { Model } from '../onnx/types.ts';
import { siblingGroups } from '../passes/merge-sibling-layers.ts';
import { copyModel, runPasses } from '../passes/pipeline.ts';

export const MERGE_SIBLINGS = 'merge-sibling-layers';

export interface MeasureSiblingsOptions {
  readonly runner: InferenceRunner;
  readonly workspace: Workspace;
  readonly source: SampleSource;
  readonly threads: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly minSiblings: number;
  /** Names of layers; with any, only their groups are tried. */
  readonly only: readonly string[];
}

export interface MeasuredSiblings {
  /** One layer of each group that is faster merged. */
  readonly faster: readonly string[];
  /** A sentence for each group: its layers, what was measured, and what follows. */
  readonly notes: readonly string[];
}

/** Measuring more than this many groups takes longer than it can be worth. */
const MOST_GROUPS = 16;
const SECONDS = 3;
const PAIRS = 20;
const SHOWN = 4;

/** @throws whatever the runner throws, for the model as it is */
export async function measureSiblings(model: Model, options: MeasureSiblingsOptions): Promise<MeasuredSiblings> {
  const { only, minSiblings, workspace, runner, threads, signal } = options;
  const all = siblingGroups(new Graph(copyModel(model).graph), minSiblings).filter((group) => only.length === 0 || group.some((layer) => only.includes(layer)));
  const faster: string[] = [];
  const notes: string[] = [];
  if (all.length === 0) return { faster, notes };
  const before = await runner.open((await saveModel(workspace, 'siblings-before.onnx', model)).path, { threads, signal });
  try {
    for (const group of all.slice(0, MOST_GROUPS)) {
      throwIfAborted(signal);
      const first = group[0] as string;
      const { model: merged } = await runPasses(model, [MERGE_SIBLINGS], { clock: options.clock, signal, options: { [MERGE_SIBLINGS]: { minSiblings, only: [first] } } });
      const after = await runner.open((await saveModel(workspace, 'siblings-after.onnx', merged)).path, { threads, signal });
      try {
        const measured = await runner.latency(before, after, options.source, { signal, minPairs: PAIRS, maxSeconds: SECONDS });
        const keeps = measured.ci95[0] > 1;
        if (keeps) faster.push(first);
        notes.push(sentence(group, measured, keeps));
      } finally {
        await runner.close(after);
      }
    }
  } finally {
    await runner.close(before);
  }
  if (all.length > MOST_GROUPS) notes.push(`${all.length - MOST_GROUPS} more groups of siblings were not measured and stay as they were.`);
  return { faster, notes };
}

function sentence(group: readonly string[], { ratio, ci95, beforeMs, afterMs }: LatencyComparison, keeps: boolean): string {
  const names = [...group.slice(0, SHOWN), ...(group.length > SHOWN ? [`and ${group.length - SHOWN} more`] : [])].join(', ');
  const interval = `95 % interval ${ci95[0].toFixed(2)} to ${ci95[1].toFixed(2)}`;
  return `${names}: ${ratio.toFixed(2)}x when merged (${interval}; ${beforeMs.median.toFixed(3)} to ${afterMs.median.toFixed(3)} ms for the model), so they ${keeps ? 'were merged' : 'stay apart'}.`;
}
