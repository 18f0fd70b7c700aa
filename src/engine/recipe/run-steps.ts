/** Runs the steps of a recipe on a model and keeps the account of each. */
import type { z } from 'zod';
import { throwIfAborted } from '../../base/errors.ts';
import type { SampleSource, TensorValue } from '../../base/ports.ts';
import type { RecipeStep } from '../../contract/records/recipe.ts';
import type { OptimizeReport, ReportStep } from '../../contract/records/report.ts';
import { describeNode } from '../onnx/attributes.ts';
import { Graph } from '../onnx/graph.ts';
import { encodeModel, modelByteLength, saveModel } from '../onnx/index.ts';
import { opsetOf, type Model } from '../onnx/types.ts';
import { findUnits } from '../passes/find-units.ts';
import { passByName, simplifyOrder } from '../passes/index.ts';
import { siblingOptions } from '../passes/merge-sibling-layers.ts';
import { copyModel, runPasses, type PassStep } from '../passes/pipeline.ts';
import { seeNodes, touchedNodes, type TouchedNodes } from '../passes/touched-nodes.ts';
import { dynamicInt8Options, MIN_DYNAMIC_OPSET, quantizeDynamicInt8, type RewrittenModel } from '../quantize/dynamic-int8.ts';
import { int4BlocksOptions, quantizeInt4Blocks } from '../quantize/int4-blocks.ts';
import { int8StepOptions, runInt8Step, type Int8StepOptions, type Int8StepResult } from '../quantize/int8-step.ts';
import { MIN_QDQ_OPSET, quantizedNode } from '../quantize/static-int8.ts';
import { withGates } from './gates.ts';
import { stepLine } from './log-lines.ts';
import { measureSiblings, MERGE_SIBLINGS } from './measured-siblings.ts';
import { failureText, provenPasses, type PassFailure } from './proven-passes.ts';
import type { Stages } from './stages.ts';
import { DYNAMIC_INT8, INT4_BLOCKS, SIMPLIFY, simplifyOptions, STATIC_INT8 } from './steps.ts';
import type { RunRecipeOptions } from './types.ts';

export interface StepsResult {
  readonly model: Model;
  readonly steps: readonly ReportStep[];
  readonly warnings: readonly string[];
  /** Errors of values after a quantization; absent where there was none. */
  readonly layers: OptimizeReport['layers'];
}

export interface StepSources {
  readonly calibration: SampleSource;
  /** A few samples on which rewrites are compared. */
  readonly verification: SampleSource;
}

/** @throws EdgewiseError of the step that cannot be done */
export async function runSteps(options: RunRecipeOptions, sources: StepSources, stages: Stages): Promise<StepsResult> {
  const work = new StepRunner(options, sources, stages);
  for (const step of options.recipe.steps) {
    throwIfAborted(options.signal);
    await work.run(step);
  }
  return { model: work.model, steps: work.steps, warnings: work.warnings, layers: work.layers };
}

class StepRunner {
  model: Model;
  readonly steps: ReportStep[] = [];
  readonly warnings: string[] = [];
  layers: OptimizeReport['layers'] = undefined;
  readonly #options: RunRecipeOptions;
  readonly #sources: StepSources;
  readonly #stages: Stages;
  #bytes: number;

  constructor(options: RunRecipeOptions, sources: StepSources, stages: Stages) {
    this.#options = options;
    this.#sources = sources;
    this.#stages = stages;
    this.model = options.model;
    this.#bytes = options.inputBytes;
  }

  async run({ step, options }: RecipeStep): Promise<void> {
    if (step === SIMPLIFY) {
      const { without } = simplifyOptions.parse(options ?? {});
      await this.#rewrite(simplifyOrder.filter((name) => !without.includes(name)), {});
    } else if (step === DYNAMIC_INT8) {
      const parsed = dynamicInt8Options.parse(options ?? {});
      await this.#quantizeProducts(step, (model) => quantizeDynamicInt8(model, parsed), MIN_DYNAMIC_OPSET);
    } else if (step === INT4_BLOCKS) {
      const parsed = int4BlocksOptions.parse(options ?? {});
      await this.#quantizeProducts(step, (model) => quantizeInt4Blocks(model, parsed));
    } else if (step === STATIC_INT8) await this.#quantize(withGates(int8StepOptions.parse(options ?? {}), this.#options.recipe.gates));
    else if (step === MERGE_SIBLINGS) await this.#mergeSiblings(siblingOptions.parse(options ?? {}));
    else await this.#rewrite([step], options ? { [step]: options } : {});
  }

  /** @param notes for the report, beside those of the passes */
  async #rewrite(names: readonly string[], passOptions: Readonly<Record<string, unknown>>, notes: readonly string[] = []): Promise<void> {
    const { signal, clock, log, runner, workspace, verify: verifying } = this.#options;
    const progress = this.#stages.enter('simplify');
    const common = {
      clock,
      options: passOptions,
      signal,
      bytesOf: modelByteLength,
      log: (message: string) => log('info', message),
      evaluate: (model: Model) => this.#evaluateConstants(model),
      onPass: (name: string, fraction: number) => progress({ stage: 'simplify', fraction, detail: name }),
    };
    const result = verifying
      ? await provenPasses(this.model, names, { ...common, runner, workspace, source: this.#sources.verification, keepFailure: (pass, model) => this.#keepFailure(pass, model) })
      : { ...(await runPasses(this.model, names, common)), failures: [], unable: null };
    if (result.unable !== null) this.#warn(`Rewrites were not verified, since the model as it came cannot be compared with: ${result.unable}`);
    // What the file had beyond the model itself (padding, other spellings) goes with reading it, not with a pass.
    const rest = this.#bytes - modelByteLength(this.model);
    this.model = result.model;
    const last = result.steps.length - 1;
    this.#bytes = modelByteLength(this.model);
    for (const [index, step] of result.steps.entries()) {
      const bytes = index === last ? this.#bytes : (step.bytesAfter ?? this.#bytes) + rest;
      this.#record({ ...step, notes: [...notes, ...step.notes] }, bytes, result.failures.find(({ pass }) => pass === step.pass));
    }
    if (!result.settled) this.#warn('The rewrites stopped at their bound on rounds before they settled; running the recipe again may simplify further.');
  }

  async #mergeSiblings(siblings: z.output<typeof siblingOptions>): Promise<void> {
    const { runner, workspace, threads, clock, signal } = this.#options;
    this.#stages.enter('simplify');
    const start = clock();
    const { faster, notes } = await measureSiblings(this.model, { ...siblings, runner, workspace, threads, clock, signal, source: this.#sources.verification });
    if (faster.length > 0) {
      for (const note of notes) this.#options.log('info', note);
      await this.#rewrite([MERGE_SIBLINGS], { [MERGE_SIBLINGS]: { ...siblings, only: faster } }, notes);
      return;
    }
    this.#add({ pass: MERGE_SIBLINGS, changed: false, stats: {}, notes: [...notes], ms: clock() - start, nodesAfter: this.model.graph.nodes.length, bytesAfter: this.#bytes, verified: null });
  }

  #record(step: PassStep, bytesAfter: number, failure: PassFailure | undefined): void {
    if (step.undone !== undefined) this.#warn(failureText(step, failure));
    this.#add({
      pass: step.pass,
      changed: step.changed,
      stats: { ...step.stats },
      notes: [...step.notes],
      ms: step.ms,
      nodesAfter: step.nodesAfter,
      bytesAfter,
      verified: step.verified ? { maxAbsError: finite(step.verified.maxAbsError), ok: step.verified.ok } : null,
      ...(step.touched ? { nodes: nodeNames(step.touched) } : {}),
      ...(step.undone === undefined ? {} : { undone: step.undone }),
      ...(failure ? { failure: { path: failure.path, nodes: [...failure.nodes] } } : {}),
    });
  }

  async #quantize(quantizeOptions: Int8StepOptions): Promise<void> {
    const { clock, runner, workspace, signal } = this.#options;
    if (opsetOf(this.model) < MIN_QDQ_OPSET && !quantizedNode(this.model) && passByName('upgrade-opset')) await this.#rewrite(['upgrade-opset'], {});
    const start = clock();
    const progress = this.#stages.enter('calibrate');
    const result = await runInt8Step(this.model, quantizeOptions, { runner, workspace, source: this.#sources.calibration, labelled: this.#options.data?.labelled ?? false, progress, signal, ...(this.#options.checkpoints ? { checkpoints: this.#options.checkpoints } : {}) });
    this.#stages.enter('quantize');
    const before = this.model;
    this.model = result.model;
    this.#bytes = modelByteLength(this.model);
    for (const warning of result.warnings) this.#warn(warning);
    this.layers = layerRecords(before, result);
    this.#add({
      pass: STATIC_INT8, changed: result.changed, stats: { ...result.stats }, notes: [...result.notes], ms: clock() - start,
      nodesAfter: this.model.graph.nodes.length, bytesAfter: this.#bytes, verified: null,
      ...(result.changed ? { nodes: nodeNames(touchedNodes(seeNodes(before.graph.nodes), seeNodes(this.model.graph.nodes))) } : {}),
    });
  }

  /** Quantizations of matrix products, which learn nothing from samples. */
  async #quantizeProducts(step: string, quantize: (model: Model) => RewrittenModel, minOpset = 0): Promise<void> {
    const { clock } = this.#options;
    const already = quantizedNode(this.model);
    if (opsetOf(this.model) < minOpset && !already && passByName('upgrade-opset')) await this.#rewrite(['upgrade-opset'], {});
    const start = clock();
    this.#stages.enter('quantize');
    const before = this.model;
    const left = already && `The model is quantized already (${describeNode(already)}); it was left as it is.`;
    if (left !== undefined) this.#warn(left);
    const result = left === undefined ? quantize(before) : { model: before, changed: false, stats: {}, notes: [left] };
    this.model = result.model;
    this.#bytes = modelByteLength(this.model);
    this.#add({
      pass: step, changed: result.changed, stats: { ...result.stats }, notes: [...result.notes], ms: clock() - start,
      nodesAfter: this.model.graph.nodes.length, bytesAfter: this.#bytes, verified: null,
      ...(result.changed ? { nodes: nodeNames(touchedNodes(seeNodes(before.graph.nodes), seeNodes(this.model.graph.nodes))) } : {}),
    });
  }

  /** Beside the report where the options say so, else in the workspace. */
  async #keepFailure(pass: string, model: Model): Promise<string> {
    const { workspace, keepFailure } = this.#options;
    const name = `failure-${pass}.onnx`;
    return keepFailure ? keepFailure(name, model) : (await saveModel(workspace, name, model)).path;
  }

  /** Folds what the engine does not compute itself: the runtime runs a model without inputs. */
  async #evaluateConstants(model: Model): Promise<Record<string, TensorValue>> {
    const { runner, workspace, signal } = this.#options;
    const path = await workspace.write('constants.onnx', encodeModel(model).chunks);
    const session = await runner.open(path, { optimization: 'disabled', signal });
    try {
      return await runner.run(session, {}, { signal });
    } finally {
      await runner.close(session);
    }
  }

  #add(step: ReportStep): void {
    this.steps.push(step);
    this.#options.log('info', stepLine(step));
  }

  #warn(message: string): void {
    this.warnings.push(message);
    this.#options.log('warn', message);
  }
}

/**
 * An error is of a value, and what makes that is often the activation behind the layer: what was found out about the layer holds for its
 * whole unit, told once, at the unit's last value.
 */
function layerRecords(before: Model, { errors, sensitivity, kept }: Int8StepResult): OptimizeReport['layers'] {
  const layerOf = new Map<string, string>();
  for (const { core, nodes } of findUnits(new Graph(copyModel(before).graph))) {
    for (const node of nodes) layerOf.set(node.name || (node.outputs[0] ?? ''), core.name || (core.outputs[0] ?? ''));
  }
  const layer = (node: string): string => layerOf.get(node) ?? node;
  const last = new Map(errors.map(({ node }) => [layer(node), node]));
  const alone = new Map(sensitivity.map(({ layer, sqnrDb }) => [layer, sqnrDb]));
  const finiteOrNull = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);
  const records = errors.map(({ value, node, opType, sqnrDb, cosine }) => ({
    node, op: opType, value, sqnrDb: finiteOrNull(sqnrDb), cosine: Number.isFinite(cosine) ? cosine : 0, float: kept.includes(layer(node)),
    ...(alone.has(layer(node)) && last.get(layer(node)) === node ? { aloneSqnrDb: finiteOrNull(alone.get(layer(node)) ?? null) } : {}),
  }));
  return records.length > 0 ? records : undefined;
}

function nodeNames({ removed, changed, added }: TouchedNodes): NonNullable<ReportStep['nodes']> {
  return { removed: [...removed], changed: [...changed], added: [...added] };
}

/** JSON knows no infinity. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : Number.MAX_VALUE;
}
