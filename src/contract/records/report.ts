/** What an optimization did and what it was worth: the report beside every result. */
import { z } from 'zod';
import { accuracy, fidelity, latencyComparison, preprocessRecord } from './common.ts';
import { energyComparison } from './energy.ts';
import { recipe, recipeGate } from './recipe.ts';

export const reportSide = z.object({ bytes: z.number().int(), nodes: z.number().int(), macs: z.number(), parameters: z.number().int(), sha256: z.string() });

export const reportStep = z.object({
  pass: z.string(),
  changed: z.boolean(),
  /** Counts by name, for example { folded: 52 }. */
  stats: z.record(z.string(), z.number()),
  notes: z.array(z.string()),
  ms: z.number(),
  /** With this step and those before it done; the difference to the step before is what this one did, in all rounds together. */
  nodesAfter: z.number().int(),
  bytesAfter: z.number().int(),
  /** `null`: not checked (the switch was off). Else the largest difference of any output, and whether it was within tolerance. */
  verified: z.object({ maxAbsError: z.number(), ok: z.boolean() }).nullable(),
  /** Names of the nodes that it removed, changed and added, as far as they are told. */
  nodes: z.object({ removed: z.array(z.string()), changed: z.array(z.string()), added: z.array(z.string()) }).optional(),
  /** Set where the step was undone since outputs changed. */
  undone: z.string().optional(),
  /** The smallest model found on which this step changes the outputs: its file and its nodes. */
  failure: z.object({ path: z.string(), nodes: z.array(z.string()) }).optional(),
});

/** How far a value of the quantized model is from the float model's, on a few samples. */
export const layerError = z.object({
  /** The node of the float model that makes the value. */
  node: z.string(),
  op: z.string(),
  /** The value's name, which the quantized model has too. */
  value: z.string().optional(),
  /** null: no error. */
  sqnrDb: z.number().nullable(),
  cosine: z.number(),
  /** True where the layer was left in float. */
  float: z.boolean(),
  /** Signal to noise of the model's outputs when this layer alone is quantized, where a search measured it. */
  aloneSqnrDb: z.number().nullable().optional(),
});

export const gateResult = recipeGate.extend({ measured: z.number().nullable(), met: z.boolean() });

export const machineRecord = z.object({
  cpu: z.string(),
  cores: z.number().int(),
  memoryBytes: z.number(),
  os: z.string(),
  node: z.string(),
  onnxruntime: z.string(),
  edgewise: z.string(),
});

export const optimizeReport = z.object({
  version: z.literal(1),
  model: z.string(),
  createdAt: z.string(),
  seed: z.number().int(),
  recipe,
  input: reportSide,
  output: reportSide,
  steps: z.array(reportStep),
  /** After a quantization, in the order in which the model computes. */
  layers: z.array(layerError).optional(),
  data: z
    .object({
      kind: z.string(),
      path: z.string().nullable(),
      calibrationSamples: z.number().int(),
      evaluationSamples: z.number().int(),
      labelled: z.boolean(),
      preprocess: preprocessRecord.nullable(),
      /** True where the preprocessing was guessed from the model, not given. */
      preprocessGuessed: z.boolean(),
      /** True where samples used for the measurements were also used for calibration (too few samples). */
      overlap: z.boolean(),
    })
    .nullable(),
  fidelity: fidelity.nullable(),
  accuracy: z.object({ before: accuracy, after: accuracy, topOneDrop: z.object({ mean: z.number(), ci95: z.tuple([z.number(), z.number()]) }) }).nullable(),
  latency: latencyComparison.nullable(),
  /** Absent in reports of versions that did not measure it. */
  energy: energyComparison.optional(),
  gates: z.array(gateResult),
  warnings: z.array(z.string()),
  machine: machineRecord,
  seconds: z.number(),
  peakRssBytes: z.number().int(),
});

export type ReportStep = z.infer<typeof reportStep>;
export type ReportSide = z.infer<typeof reportSide>;
export type MachineRecord = z.infer<typeof machineRecord>;
export type GateResult = z.infer<typeof gateResult>;
export type OptimizeReport = z.infer<typeof optimizeReport>;
