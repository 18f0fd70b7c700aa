/** A report with plausible figures, for tests that only carry it. */
import type { OptimizeReport } from '../../contract/records/report.ts';
import type { JobTask } from '../processes/messages.ts';

export function sampleReport(task: Pick<JobTask, 'modelName' | 'createdAt' | 'seed' | 'recipe'>): OptimizeReport {
  const side = { bytes: 4000, nodes: 10, macs: 1000, parameters: 900, sha256: '0'.repeat(64) };
  const accuracy = { samples: 40, top1: 0.9, top5: 1 };
  return {
    version: 1,
    model: task.modelName,
    createdAt: task.createdAt,
    seed: task.seed,
    recipe: task.recipe,
    input: side,
    output: { ...side, bytes: 1000 },
    steps: [{ pass: 'fold-batch-norm', changed: true, stats: { folded: 2 }, notes: [], ms: 3, nodesAfter: 8, bytesAfter: 3900, verified: { maxAbsError: 0, ok: true } }],
    data: null,
    fidelity: { samples: 40, cosine: 0.999, cosineMin: 0.99, sqnrDb: 30, top1Agreement: 0.97, maxAbsError: 0.1 },
    accuracy: { before: accuracy, after: accuracy, topOneDrop: { mean: 0, ci95: [0, 0] } },
    latency: { threads: 1, pairs: 20, beforeMs: { median: 2, p95: 3 }, afterMs: { median: 1, p95: 1.5 }, ratio: 2, ci95: [1.9, 2.1] },
    gates: [],
    warnings: [],
    machine: { cpu: 'test', cores: 1, memoryBytes: 1, os: 'test', node: 'test', onnxruntime: 'test', edgewise: 'test' },
    seconds: 1,
    peakRssBytes: 1,
  };
}
