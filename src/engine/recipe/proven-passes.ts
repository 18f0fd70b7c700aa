/**
 * Passes with proof. The result is compared with what went in, once: that is all the work where nothing is wrong. Where outputs differ the
 * passes run again with a comparison after each change, the one that altered them is undone, and the smallest model on which it still
 * goes wrong is kept for a person to look at.
 */
import { toEdgewiseError } from '../../base/errors.ts';
import type { Model, NodeData } from '../onnx/types.ts';
import { passByName } from '../passes/index.ts';
import { copyModel, runPasses, type PassStep, type RunPassesOptions, type RunPassesResult } from '../passes/pipeline.ts';
import { smallestFailure } from '../passes/smallest-failure.ts';
import { createVerifier, type Verifier, type VerifyContext } from './verify.ts';

export interface ProvenPassesOptions extends Omit<RunPassesOptions, 'verify' | 'signal'>, VerifyContext {
  /** Keeps the smallest failing model; returns where it is. */
  readonly keepFailure: (pass: string, model: Model) => Promise<string>;
}

export interface PassFailure {
  readonly pass: string;
  /** Where the model is on which the pass alone changes the outputs. */
  readonly path: string;
  /** Nodes of that model, as "Conv "a"", in order. */
  readonly nodes: readonly string[];
}

export interface ProvenResult extends RunPassesResult {
  /** One for each pass that was undone. */
  readonly failures: readonly PassFailure[];
  /** Why nothing was compared; null where it was, or where nothing changed. */
  readonly unable: string | null;
}

/** Longest search for a small failing model; without one the whole model is kept. */
const SEARCH_MS = 20_000;
const SEARCH_RUNS = 100;

/**
 * @throws CANCELLED, BAD_RECIPE; RESOURCE_LIMIT, RUNTIME_CRASHED where the model that went in ends the runtime
 */
export async function provenPasses(model: Model, names: readonly string[], given: ProvenPassesOptions): Promise<ProvenResult> {
  const options = { ...given, halves: names.some((name) => passByName(name)?.family === 'precision') };
  const quick = await runPasses(model, names, options);
  if (quick.steps.every((step) => !step.changed)) return { ...quick, failures: [], unable: null };
  const verifier = await createVerifier(model, options);
  if (verifier.unable !== null) return { ...quick, failures: [], unable: verifier.unable };
  const verified = await verifier.verify(model, quick.model, 'all');
  if (verified.ok) return { ...quick, steps: quick.steps.map((step) => (step.changed ? { ...step, verified } : step)), failures: [], unable: null };
  const again = await verifier.verify(model, model, 'none');
  if (!again.ok) return { ...quick, failures: [], unable: `it gives other outputs each time that it runs: ${again.detail}.` };
  options.log?.(`The outputs changed: ${verified.detail}. Looking for the step that did it.`);
  return bisect(model, names, verifier, options);
}

async function bisect(model: Model, names: readonly string[], verifier: Verifier, options: ProvenPassesOptions): Promise<ProvenResult> {
  const failing = new Map<string, Model>();
  const result = await runPasses(model, names, {
    ...options,
    verify: async (before, after, pass) => {
      const verdict = await verifier.verify(before, after, pass);
      // A copy: what comes back is worked on.
      if (!verdict.ok) failing.set(pass, copyModel(before));
      return verdict;
    },
  });
  const failures: PassFailure[] = [];
  for (const [pass, before] of failing) failures.push(await keepSmallest(pass, before, options));
  return { ...result, failures, unable: null };
}

async function keepSmallest(pass: string, before: Model, options: ProvenPassesOptions): Promise<PassFailure> {
  const deadline = options.clock() + SEARCH_MS;
  const { clock, evaluate, signal, options: passOptions } = options;
  const found = await smallestFailure(before, pass, (piece, after) => (clock() > deadline ? Promise.resolve(false) : differs(piece, after, options)), {
    clock, signal, maxRuns: SEARCH_RUNS, ...(evaluate ? { evaluate } : {}), ...(passOptions ? { options: passOptions } : {}),
  });
  const smallest = found?.before ?? before;
  return { pass, path: await options.keepFailure(pass, smallest), nodes: smallest.graph.nodes.map(nodeText) };
}

/** On generated numbers; where the piece does not run on its own it shows nothing. */
async function differs(piece: Model, after: Model, { runner, workspace, signal, halves = false }: VerifyContext): Promise<boolean> {
  try {
    const verifier = await createVerifier(piece, { runner, workspace, signal, halves, source: { kind: 'generated', seed: 1, count: 1 } });
    return verifier.unable === null && !(await verifier.verify(piece, after, 'piece')).ok;
  } catch (thrown) {
    if (toEdgewiseError(thrown).code === 'CANCELLED') throw thrown;
    return false;
  }
}

function nodeText({ opType, name, outputs }: NodeData): string {
  return `${opType} "${name || (outputs[0] ?? '')}"`;
}

const SHOWN_NODES = 5;

/** What a person is told of a step that was undone. */
export function failureText({ pass, undone }: PassStep, failure: PassFailure | undefined): string {
  const sentence = `The step "${pass}" was undone, since the outputs changed: ${undone}.`;
  if (!failure) return sentence;
  const { nodes, path } = failure;
  const shown = [...nodes.slice(0, SHOWN_NODES), ...(nodes.length > SHOWN_NODES ? ['...'] : [])].join(', ');
  return `${sentence} The smallest model that shows it has ${nodes.length} node${nodes.length === 1 ? '' : 's'} (${shown}): ${path}`;
}
