/**
 * Proof that a rewrite changed nothing: every output of every sample is compared, element by element, with what the original gives.
 * The reference is always the original, not the step before, so that small differences of many steps cannot add up unseen.
 */
import { toEdgewiseError } from '../../base/errors.ts';
import type { InferenceRunner, SampleSource, Workspace } from '../../base/ports.ts';
import { saveModel } from '../onnx/index.ts';
import type { Model } from '../onnx/types.ts';
import type { VerifyPass, VerifyResult } from '../passes/pipeline.ts';
import { collectedOutputs, type CollectedOutputs } from './collect-outputs.ts';

export interface VerifyContext {
  readonly runner: InferenceRunner;
  readonly workspace: Workspace;
  readonly source: SampleSource;
  readonly signal: AbortSignal;
}

/** |a - b| <= relative * |a| + toMaximum * max|a| of the tensor. */
const RELATIVE = 1e-3;
const TO_MAXIMUM = 2e-4;
const FLOOR = 1e-6;

const FATAL: ReadonlySet<string> = new Set(['CANCELLED', 'RESOURCE_LIMIT', 'RUNTIME_CRASHED']);

export interface Verifier {
  readonly verify: VerifyPass;
  /** Why nothing can be compared; null where it can. */
  readonly unable: string | null;
}

/**
 * Runs the original once; then each call of `verify` runs one candidate.
 * @throws CANCELLED; RESOURCE_LIMIT, RUNTIME_CRASHED where the original ends the runtime
 */
export async function createVerifier(original: Model, context: VerifyContext): Promise<Verifier> {
  let reference: CollectedOutputs;
  try {
    reference = await outputsOf(original, 'reference', context);
  } catch (thrown) {
    const error = toEdgewiseError(thrown);
    // A model that crashes or overfills the runtime as it came does so in every later stage too; once is enough.
    if (FATAL.has(error.code)) throw error;
    return { unable: error.message, verify: () => Promise.resolve({ ok: true, maxAbsError: 0, detail: 'not compared' }) };
  }
  return {
    unable: null,
    verify: async (_before, after) => {
      try {
        return compareOutputs(reference, await outputsOf(after, 'candidate', context));
      } catch (thrown) {
        const error = toEdgewiseError(thrown);
        if (error.code === 'CANCELLED') throw error;
        return { ok: false, maxAbsError: Number.POSITIVE_INFINITY, detail: `the rewritten model does not run: ${error.message}` };
      }
    },
  };
}

async function outputsOf(model: Model, name: string, { runner, workspace, source, signal }: VerifyContext): Promise<CollectedOutputs> {
  const { path } = await saveModel(workspace, `${name}.onnx`, model);
  // Without the runtime's own rewrites: what is compared is what the file says.
  const session = await runner.open(path, { optimization: 'disabled', signal });
  try {
    return collectedOutputs.parse(await runner.reduce(session, source, { name: 'collect' }, [], { signal }));
  } finally {
    await runner.close(session);
  }
}

/** Exported for tests. */
export function compareOutputs(reference: CollectedOutputs, candidate: CollectedOutputs): VerifyResult {
  let maxAbsError = 0;
  let worst: { excess: number; detail: string } | null = null;
  for (const [name, samples] of Object.entries(reference)) {
    const others = candidate[name];
    if (!others || others.length !== samples.length) return { ok: false, maxAbsError: Number.POSITIVE_INFINITY, detail: `the output "${name}" is missing` };
    for (const [index, sample] of samples.entries()) {
      const other = others[index];
      if (!other || sample.dims.join() !== other.dims.join()) {
        return { ok: false, maxAbsError: Number.POSITIVE_INFINITY, detail: `the output "${name}" has shape [${other?.dims.join()}], not [${sample.dims.join()}]` };
      }
      const floor = TO_MAXIMUM * sample.magnitude + FLOOR;
      for (let i = 0; i < sample.values.length; i++) {
        const [a, b] = [sample.values[i] as number, other.values[i] as number];
        if (Object.is(a, b) || a === b) continue;
        const error = Math.abs(a - b);
        const allowed = RELATIVE * Math.abs(a) + floor;
        if (!(error <= allowed)) {
          const excess = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / allowed;
          if (!worst || excess > worst.excess) worst = { excess, detail: `the output "${name}" changed: ${a} became ${b} (sample ${index}, element ${i})` };
        }
        maxAbsError = Math.max(maxAbsError, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
      }
    }
  }
  return worst ? { ok: false, maxAbsError, detail: worst.detail } : { ok: true, maxAbsError, detail: '' };
}
