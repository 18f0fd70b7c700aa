/** A model's graph as plain data for drawing: no weights, edges as numbers. docs/graph.md */
import { z } from 'zod';
import { valueRecord } from './model.ts';

const index = z.number().int().nonnegative();

export const graphNode = z.object({
  /** Its own name, or that of its first output. */
  name: z.string(),
  op: z.string(),
  /** Names of what it makes; those left out are not listed. */
  outputs: z.array(z.string()),
  /** Of the first output; null where not known. */
  type: z.string(),
  shape: valueRecord.shape.shape,
  /** As in the table of layers; null: unknown. */
  macs: z.number().nullable(),
  parameters: z.number(),
  /** Bytes of the constants that are read here first. */
  weightBytes: z.number(),
  activationBytes: z.number().nullable(),
  /** Constants that it reads. */
  constants: z.array(valueRecord),
  /** Name and value, in words. */
  attributes: z.array(z.tuple([z.string(), z.string()])),
  /** Nodes inside of its subgraphs. */
  inner: z.number().int(),
  /** Position in `units`. */
  unit: index,
});

/** What numbers a unit computes with. */
export const graphPrecision = z.enum(['float32', 'float16', 'int8', 'int4', 'other']);

/** A layer with what a runtime computes together with it, the roundings around it included; for example Conv+Relu. */
export const graphUnit = z.object({ kind: z.string(), core: index, nodes: z.array(index), precision: graphPrecision });

export const modelGraph = z.object({
  /** In order of computation. Constants are not nodes here. */
  nodes: z.array(graphNode),
  units: z.array(graphUnit),
  inputs: z.array(valueRecord),
  outputs: z.array(valueRecord),
  /**
   * Pairs from, to. Below `nodes.length`: a node; then the inputs, then the outputs. Each pair once.
   */
  edges: z.array(index),
  /** What a very large model has more than is listed here. */
  leftOut: z.object({ nodes: z.number().int(), edges: z.number().int() }),
});

export type GraphNode = z.infer<typeof graphNode>;
export type GraphPrecision = z.infer<typeof graphPrecision>;
export type ModelGraph = z.infer<typeof modelGraph>;
