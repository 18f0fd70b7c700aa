/**
 * How much of a model file is believed. Each bound is checked before anything of that size is allocated, so a hostile file costs
 * what its own bytes cost and no more. docs/model-files.md repeats the table for people.
 */
import { EdgewiseError } from '../../base/errors.ts';

export interface ModelLimits {
  /** Bytes of the .onnx file. Protobuf itself ends at 2 GiB - 1; larger models keep their weights beside the file. */
  readonly fileBytes: number;
  /** Subgraphs inside subgraphs (If, Loop, Scan). Protobuf readers stop at 100 messages, which is 33 subgraphs. */
  readonly depth: number;
  /** Nodes of all graphs and subgraphs. The largest unrolled language models have some 50,000. */
  readonly nodes: number;
  /** Initializers of all graphs. The runtime logs a line for each that goes unused; real models stay below 10,000. */
  readonly initializers: number;
  /** Inputs, outputs and value_info entries of all graphs. */
  readonly values: number;
  /** Names in the inputs and outputs of all nodes. */
  readonly edges: number;
  /** Attributes of all nodes. */
  readonly attributes: number;
  /** Numbers and strings in lists of attributes, all together: tree ensembles have some millions. */
  readonly listElements: number;
  /** Strings in tensors, all together. */
  readonly tensorStrings: number;
  /** Model-local functions. */
  readonly functions: number;
  /** Nodes after every model-local function has been expanded where it is called. */
  readonly expandedNodes: number;
  /** UTF-8 bytes of one name. PyTorch's longest module paths have some hundreds. */
  readonly nameBytes: number;
  /** UTF-8 bytes of one doc string or metadata value; metadata holds class lists and tokenizers. */
  readonly textBytes: number;
  /** Entries of metadata_props, opset_import and other small lists. */
  readonly entries: number;
  /** Dimensions of one tensor. NumPy stops at 64. */
  readonly rank: number;
}

export const DEFAULT_LIMITS: ModelLimits = {
  fileBytes: 2 ** 31 - 1,
  depth: 32,
  nodes: 200_000,
  initializers: 100_000,
  values: 1_000_000,
  edges: 2_000_000,
  attributes: 2_000_000,
  listElements: 8_000_000,
  tensorStrings: 4_000_000,
  functions: 10_000,
  expandedNodes: 1_000_000,
  nameBytes: 4096,
  textBytes: 16 * 2 ** 20,
  entries: 10_000,
  rank: 64,
};

type Counted = 'nodes' | 'initializers' | 'values' | 'edges' | 'attributes' | 'listElements' | 'tensorStrings' | 'functions' | 'entries';

const COUNTED_NAMES: Readonly<Record<Counted, string>> = {
  nodes: 'nodes',
  initializers: 'initializers',
  values: 'declared values',
  edges: 'inputs and outputs of nodes',
  attributes: 'attributes',
  listElements: 'elements in attribute lists',
  tensorStrings: 'strings in tensors',
  functions: 'model-local functions',
  entries: 'metadata entries',
};

/** What of the limits one file has used up so far. */
export class Budget {
  readonly limits: ModelLimits;
  readonly #used: Record<Counted, number> = {
    nodes: 0, initializers: 0, values: 0, edges: 0, attributes: 0, listElements: 0, tensorStrings: 0, functions: 0, entries: 0,
  };

  constructor(limits: Partial<ModelLimits> = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** @throws TOO_LARGE */
  take(kind: Counted, count: number, byte: number): void {
    const used = (this.#used[kind] += count);
    const limit = this.limits[kind];
    if (used > limit) throw tooLarge(`The model has more than ${limit.toLocaleString('en')} ${COUNTED_NAMES[kind]}`, kind, limit, byte);
  }
}

/** TOO_LARGE with the limit's name and value as data. */
export function tooLarge(what: string, limit: string, value: number, byte?: number): EdgewiseError {
  return new EdgewiseError('TOO_LARGE', `${what}${byte === undefined ? '' : ` (at byte ${byte})`}.`, {
    hint: 'Models of this size are refused to protect this computer. Export the model with fewer or larger parts.',
    details: { limit, value, ...(byte === undefined ? {} : { byte }) },
  });
}
