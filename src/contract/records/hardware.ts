/** A kind of device that models can run on: what it can do at most, what it draws and costs, and what its runtime demands (docs/hardware.md). */
import { z } from 'zod';

const positive = z.number().finite().positive();

/** What a unit computes with. */
export const computeType = z.enum(['fp32', 'fp16', 'int8', 'int4']);

/** Where a figure comes from: a maker's page, a measurement that was published, or a derivation that its text tells. */
export const figureConfidence = z.enum(['datasheet', 'measured', 'estimate']);

export const figureSource = z.strictObject({
  /** The figures it stands for, as paths: `idleW`, `units.npu.peak.int8`, or `units.npu` for all beneath. */
  fields: z.array(z.string().min(1)).min(1),
  confidence: figureConfidence,
  /** What it says, or how the figure was derived. */
  text: z.string().min(10),
  url: z.url({ protocol: /^https$/ }).optional(),
  year: z.number().int().min(2000).max(2100),
});

export const computeUnit = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9]*$/),
  kind: z.enum(['cpu', 'gpu', 'npu', 'dsp', 'fpga']),
  name: z.string(),
  /** Cores that share the peak evenly: one thread of a processor reaches peak / cores. */
  cores: z.number().int().positive(),
  /** Of them, how many one inference keeps busy; the others take other inferences. */
  coresPerInference: z.number().int().positive(),
  /** Operations per second of all cores, dense, a multiplication with its addition as two; null: it does not compute with this type. */
  peak: z.strictObject({ fp32: positive.nullable(), fp16: positive.nullable(), int8: positive.nullable(), int4: positive.nullable() }),
  /** Of the memory that weights and activations lie in, bytes per second. */
  bandwidthBytesPerS: positive,
  /** Memory that it can use; null: not public. */
  memoryBytes: positive.nullable(),
  /** Weights up to so many bytes stay on the chip and cost no traffic; null: none, or caches that are not counted on. */
  onChipBytes: positive.nullable(),
  /** Seconds that each layer costs whatever its size, and each inference. */
  layerOverheadS: z.number().nonnegative(),
  inferenceOverheadS: z.number().nonnegative(),
  /** Bytes per second to and from the processor's memory; null: it works in that memory itself. */
  linkBytesPerS: positive.nullable(),
  /** Watts above idle while it alone is busy; null: not public, and the whole profile's busy less idle is taken. */
  activeW: positive.nullable(),
});

/** What numbers a runtime takes, and where. */
export const hardwareRuntime = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/),
  name: z.string(),
  /** Ids of the units that it computes on; what it cannot place there goes to `fallback`. */
  units: z.array(z.string()).min(1),
  /** `onnx`: it reads the file as it is. `converted`: the maker's tool turns the file into its own form first. */
  reads: z.enum(['onnx', 'converted']),
  /** `file`: int8 is in the file, as QuantizeLinear and DequantizeLinear. `converter`: the maker's tool makes int8 from a float file. */
  quantizes: z.array(z.enum(['file', 'converter'])),
  computes: z.array(computeType).min(1),
  /** Of int8 in the file: steps per output channel, or one per tensor only. */
  weightScales: z.enum(['per-channel', 'per-tensor', 'either']),
  /** True: a zero point other than 0 is refused or slow. */
  symmetricWeights: z.boolean(),
  /** Types of activations in the file that it computes fast with. */
  activations: z.array(z.enum(['u8', 's8'])),
  symmetricActivations: z.boolean(),
  /** Products of u8 and s8 pass through 16 bits, two at a time: on x86 without VNNI. */
  saturates: z.boolean(),
  /** Each dimension a number. */
  staticShapes: z.boolean(),
  /** Operators of com.microsoft, such as MatMulNBits. */
  contribOperators: z.boolean(),
  /** Quantization while it runs (DynamicQuantizeLinear, MatMulInteger). */
  dynamicQuantization: z.boolean(),
  maxOpset: z.number().int().positive().nullable(),
  /** Operators that its units cannot compute. `only` wins where both could say something; null: not limited to a list. */
  operators: z.strictObject({ only: z.array(z.string()).nullable(), without: z.array(z.string()) }),
  /** Where an operator goes that its units cannot compute: the processor, or nowhere (the model is refused). */
  fallback: z.enum(['cpu', 'none']),
  calibrationData: z.enum(['not-needed', 'by-edgewise', 'by-converter']),
  notes: z.array(z.string()),
});

/** A recipe of resources/recipes that makes a file for a runtime. */
export const recipeFitEntry = z.strictObject({ recipe: z.string(), runtime: z.string(), computes: computeType });

export const hardwareProfile = z.strictObject({
  version: z.literal(1),
  id: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  name: z.string().min(1),
  class: z.enum(['x86-cpu', 'arm-board', 'jetson', 'intel-accelerator', 'npu-board', 'npu-card', 'dsp', 'fpga-card', 'gpu-card']),
  /** What power and price are for. `card`: without the machine that it sits in, see `host`. */
  scope: z.enum(['box', 'card']),
  /** Profile of the machine that a card is reckoned with; null for a box. */
  host: z.string().nullable(),
  /** A processor unit `cpu` is among them in a box; a card uses its host's. */
  units: z.array(computeUnit).min(1),
  /** Watts of all that `scope` covers; idle: powered, no inference. */
  idleW: positive.nullable(),
  /** With its fastest unit fully busy. */
  busyW: positive.nullable(),
  price: z.strictObject({ cny: positive.nullable(), year: z.number().int(), of: z.string() }),
  runtimes: z.array(hardwareRuntime).min(1),
  recipes: z.array(recipeFitEntry),
  /** Times that others measured and published; the advisor holds its estimate against them. */
  published: z.array(
    z.strictObject({
      /** A name in resources/hardware/networks. */
      network: z.string(),
      unit: z.string(),
      computes: computeType,
      /** Milliseconds per inference at batch 1, or inferences per second with work always waiting. */
      ms: positive.nullable(),
      perS: positive.nullable(),
      text: z.string(),
      url: z.url({ protocol: /^https$/ }).optional(),
      year: z.number().int(),
    }),
  ),
  sources: z.array(figureSource).min(1),
  /** What a reader must know before believing the figures. */
  notes: z.array(z.string()),
});

export type ComputeType = z.infer<typeof computeType>;
export type ComputeUnit = z.infer<typeof computeUnit>;
export type HardwareRuntime = z.infer<typeof hardwareRuntime>;
export type FigureSource = z.infer<typeof figureSource>;
export type HardwareProfile = z.infer<typeof hardwareProfile>;
