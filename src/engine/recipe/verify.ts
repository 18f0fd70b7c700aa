/**
 * Proof that a rewrite changed nothing: every output of every sample is compared, element by element, with what the original gives.
 * The reference is always the original, not the step before, so that small differences of many steps cannot add up unseen. Where the model
 * leaves dimensions open it is compared at two sizes: a rewrite that takes the size it saw for the only one fails at the other.
 */
import { EdgewiseError, toEdgewiseError } from '../../base/errors.ts';
import type { InferenceRunner, SampleSource, Workspace } from '../../base/ports.ts';
import { saveModel } from '../onnx/index.ts';
import type { GraphData, Model } from '../onnx/types.ts';
import type { VerifyPass, VerifyResult } from '../passes/pipeline.ts';
import { collectedOutputs, type CollectedOutputs } from './collect-outputs.ts';

export interface VerifyContext {
  readonly runner: InferenceRunner;
  readonly workspace: Workspace;
  readonly source: SampleSource;
  /** The rewrite rounds to float16 on purpose: float32 outputs are held to what that costs. */
  readonly halves?: boolean;
  readonly signal: AbortSignal;
}

interface Tolerance {
  /** |a - b| <= relative * |a| + toMaximum * max|a| of the tensor + floor. */
  readonly relative: number;
  readonly toMaximum: number;
  readonly floor: number;
}

const SINGLE: Tolerance = { relative: 1e-3, toMaximum: 2e-4, floor: 1e-6 };
/** Weights or values rounded to 11 bits on purpose: that adds up from layer to layer, to 1 % of the largest output in a network of 53. */
const ROUNDED: Tolerance = { relative: 1e-2, toMaximum: 2e-2, floor: 1e-4 };
/** By type of the output; integers of more than 8 bits, booleans and strings must be equal. */
const TOLERANCES: Readonly<Record<string, Tolerance>> = {
  float32: SINGLE,
  // It crosses as float32, so nothing finer can be seen.
  float64: SINGLE,
  // 11 bits: one unit in the last place is 1e-3.
  float16: { relative: 1e-2, toMaximum: 4e-3, floor: 1e-4 },
  // A quantized value may fall on the other side of a tie.
  int8: { relative: 0, toMaximum: 0, floor: 1 },
  uint8: { relative: 0, toMaximum: 0, floor: 1 },
};

const FATAL: ReadonlySet<string> = new Set(['CANCELLED', 'RESOURCE_LIMIT', 'RUNTIME_CRASHED']);
/** No size that a shape would have by chance, and small. */
const OTHER_SIZE = 3;

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
  const unable = (why: string): Verifier => ({ unable: why, verify: () => Promise.resolve({ ok: true, maxAbsError: 0, detail: 'not compared' }) });
  if (drawsNumbers(original.graph)) return unable('it draws random numbers, other ones whenever the graph changes.');
  const other: SampleSource = { kind: 'generated', seed: 7, count: 1, openSize: OTHER_SIZE };
  const sources = hasOpenDimensions(original) ? [context.source, other] : [context.source];
  let references: readonly CollectedOutputs[];
  try {
    // Many models say that a size is open and take one only.
    references = await outputsOf(original, 'reference', sources, context, { firstOnly: true });
  } catch (thrown) {
    const error = toEdgewiseError(thrown);
    // A model that crashes or overfills the runtime as it came does so in every later stage too; once is enough.
    if (FATAL.has(error.code)) throw error;
    return unable(error.message);
  }
  return {
    unable: null,
    verify: async (_before, after) => {
      try {
        const outputs = await outputsOf(after, 'candidate', sources.slice(0, references.length), context);
        const results = references.map((reference, index) => compareOutputs(reference, outputs[index] ?? {}, context.halves));
        const maxAbsError = Math.max(...results.map((result) => result.maxAbsError));
        return results.find((result) => !result.ok) ?? { ok: true, maxAbsError, detail: '' };
      } catch (thrown) {
        const error = toEdgewiseError(thrown);
        if (error.code === 'CANCELLED') throw error;
        return { ok: false, maxAbsError: Number.POSITIVE_INFINITY, detail: `the rewritten model does not run: ${error.message}` };
      }
    },
  };
}

const RANDOM: ReadonlySet<string> = new Set(['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Multinomial', 'Bernoulli']);

/** Without a seed of its own a node takes one from its place in the graph. */
function drawsNumbers(graph: GraphData): boolean {
  return graph.nodes.some((node) => {
    if (node.domain === '' && RANDOM.has(node.opType) && !node.attributes.has('seed')) return true;
    return [...node.attributes.values()].some((attribute) => attribute.kind === 'graph' && drawsNumbers(attribute.value));
  });
}

function hasOpenDimensions({ graph }: Model): boolean {
  return graph.inputs.some((input) => !graph.initializers.has(input.name) && input.shape?.some((dim) => typeof dim !== 'number'));
}

/** @param firstOnly sources after the first that the model does not take are left out */
async function outputsOf(model: Model, name: string, sources: readonly SampleSource[], { runner, workspace, signal }: VerifyContext, { firstOnly = false } = {}): Promise<CollectedOutputs[]> {
  const { path } = await saveModel(workspace, `${name}.onnx`, model, { scratch: true });
  // Without the runtime's own rewrites: what is compared is what the file says.
  const session = await runner.open(path, { optimization: 'disabled', signal });
  try {
    const collected: CollectedOutputs[] = [];
    for (const source of sources) {
      let outputs: CollectedOutputs;
      try {
        outputs = collectedOutputs.parse(await runner.reduce(session, source, { name: 'collect' }, [], { signal }));
      } catch (thrown) {
        if (!firstOnly || collected.length === 0 || toEdgewiseError(thrown).code === 'CANCELLED') throw thrown;
        break;
      }
      if (Object.keys(outputs).length === 0) throw new EdgewiseError('RUNTIME_ERROR', 'The model gives no output that can be compared.');
      collected.push(outputs);
    }
    return collected;
  } finally {
    await runner.close(session);
  }
}

/** Exported for tests. */
export function compareOutputs(reference: CollectedOutputs, candidate: CollectedOutputs, halves = false): VerifyResult {
  let maxAbsError = 0;
  let worst: { excess: number; detail: string } | null = null;
  const different = (detail: string): VerifyResult => ({ ok: false, maxAbsError: Number.POSITIVE_INFINITY, detail });
  for (const [name, samples] of Object.entries(reference)) {
    const others = candidate[name];
    if (!others || others.length !== samples.length) return different(`the output "${name}" is missing`);
    for (const [index, sample] of samples.entries()) {
      const other = others[index];
      if (!other || sample.dims.join() !== other.dims.join()) return different(`the output "${name}" has shape [${other?.dims.join()}], not [${sample.dims.join()}]`);
      if (sample.type !== other.type) return different(`the output "${name}" is of type ${other.type}, not ${sample.type}`);
      const at = sample.exact?.findIndex((text, i) => text !== other.exact?.[i]) ?? -1;
      if (at >= 0) return different(`the output "${name}" changed: ${sample.exact?.[at]} became ${other.exact?.[at]} (sample ${index}, element ${at})`);
      const tolerance = TOLERANCES[sample.type] ?? SINGLE;
      const { relative, toMaximum, floor } = halves && (tolerance === SINGLE || sample.type === 'float16') ? ROUNDED : tolerance;
      const least = toMaximum * sample.magnitude + floor;
      for (let i = 0; i < sample.values.length; i++) {
        const [a, b] = [sample.values[i] as number, other.values[i] as number];
        if (Object.is(a, b) || a === b) continue;
        const error = Math.abs(a - b);
        const allowed = relative * Math.abs(a) + least;
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
