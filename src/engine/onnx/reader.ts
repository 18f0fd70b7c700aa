/**
 * From a file to a model. The file is read in one piece and stays as it is: weights are views on it, and what Edgewise does not know is
 * kept as bytes. Every count and length is checked before it is believed (limits.ts).
 */
import { EdgewiseError } from '../../base/errors.ts';
import type { ByteSource, ExternalFiles } from '../../base/ports.ts';
import { ModelField } from './fields.ts';
import { Budget, type ModelLimits } from './limits.ts';
import { badGraph, readGraph, readOpset } from './read-graph.ts';
import { readEntry, type ReadContext } from './read-tensor.ts';
import { notOnnx, refuseOtherFormats } from './sniff.ts';
import type { GraphData, Model, OpsetImport } from './types.ts';
import { WireReader, keepField, malformed } from './wire.ts';

const KNOWN_FIELDS: ReadonlySet<number> = new Set(Object.values(ModelField));

/**
 * Reads a model. It is well-formed afterwards; whether it makes sense, `checkModel` says. External data is not opened until a tensor is
 * asked for its bytes.
 * @throws NOT_ONNX, TRUNCATED, MALFORMED, TOO_DEEP, TOO_LARGE, BAD_GRAPH, BAD_TENSOR, BAD_ATTRIBUTE, EXTERNAL_BAD
 */
export function parseModel(source: ByteSource, external: ExternalFiles, limits: Partial<ModelLimits> = {}): Model {
  const budget = new Budget(limits);
  if (source.size > budget.limits.fileBytes) {
    throw new EdgewiseError('TOO_LARGE', `The file has ${source.size.toLocaleString('en')} bytes; one ONNX file can have ${budget.limits.fileBytes.toLocaleString('en')}.`, {
      hint: 'Save the model with its weights as external data: then the .onnx file itself stays small.',
      details: { bytes: source.size, limit: budget.limits.fileBytes },
    });
  }
  // A plain view: a subclass such as Node's Buffer has methods of the same names that do other things (slice).
  const read = source.read(0, source.size);
  const bytes = new Uint8Array(read.buffer, read.byteOffset, read.length);
  refuseOtherFormats(bytes);
  return readModel(bytes, { budget, external });
}

function readModel(bytes: Uint8Array, context: ReadContext): Model {
  const { budget } = context;
  const { limits } = budget;
  const reader = new WireReader(bytes);
  let graphField: WireReader | null = null;
  const model: Omit<Model, 'graph'> = {
    irVersion: 0, opsets: [], producerName: '', producerVersion: '', domain: '', modelVersion: 0n, docString: '', metadata: [], functions: [], rest: [],
  };
  let fields = 0;
  try {
    for (; reader.next(); fields++) {
      switch (reader.field) {
        case ModelField.IR_VERSION:
          model.irVersion = reader.integer('the IR version');
          break;
        case ModelField.OPSET_IMPORT:
          budget.take('entries', 1, reader.fieldStart);
          addOpset(model.opsets, readOpset(reader.message('an operator set'), context));
          break;
        case ModelField.PRODUCER_NAME:
          model.producerName = reader.text("The producer's name", limits.nameBytes);
          break;
        case ModelField.PRODUCER_VERSION:
          model.producerVersion = reader.text("The producer's version", limits.nameBytes);
          break;
        case ModelField.DOMAIN:
          model.domain = reader.text("The model's domain", limits.nameBytes);
          break;
        case ModelField.MODEL_VERSION:
          model.modelVersion = reader.int64('the model version');
          break;
        case ModelField.DOC_STRING:
          model.docString = reader.prose("The model's doc string", limits.textBytes);
          break;
        case ModelField.METADATA_PROPS: {
          budget.take('entries', 1, reader.fieldStart);
          const [key, value] = readEntry(reader.message('a metadata entry'), limits.nameBytes, limits.textBytes);
          model.metadata.push({ key, value });
          break;
        }
        case ModelField.FUNCTIONS:
          budget.take('functions', 1, reader.fieldStart);
          model.functions.push(reader.view('a function'));
          break;
        case ModelField.GRAPH:
          if (graphField !== null) malformed('a second graph', reader.fieldStart);
          graphField = reader.message('the graph');
          break;
        default:
          keepField(model.rest, reader.skipped());
      }
    }
  } catch (error) {
    throw explained(error, reader, fields, graphField !== null);
  }
  if (graphField === null) {
    if (model.opsets.length === 0) throw notOnnx('not an ONNX model: it has neither a graph nor an operator set');
    throw badGraph('The model has no graph.', {}, 'Export the model again; what is in this file is only a header.');
  }
  const graph: GraphData = readGraph(graphField, context, 1);
  return { ...model, graph };
}

/** Some exporters import a domain twice, once without a version: the higher one counts, as in the runtime. */
function addOpset(opsets: OpsetImport[], opset: OpsetImport): void {
  const index = opsets.findIndex(({ domain }) => domain === opset.domain);
  if (index < 0) opsets.push(opset);
  else if (opset.version > (opsets[index] as OpsetImport).version) opsets[index] = opset;
}

/** Damage at the top level says more: before the first field it is no model, after the graph it is something appended. */
function explained(error: unknown, reader: WireReader, fields: number, graphSeen: boolean): unknown {
  if (!(error instanceof EdgewiseError) || (error.code !== 'TRUNCATED' && error.code !== 'MALFORMED')) return error;
  if (fields === 0 && reader.field !== ModelField.GRAPH) return notOnnx('not an ONNX model: its first bytes only look like the beginning of one');
  if (graphSeen && error.code === 'TRUNCATED' && !KNOWN_FIELDS.has(reader.field)) {
    return new EdgewiseError('MALFORMED', `The file is damaged: bytes that are no part of a model follow at byte ${reader.fieldStart}.`, {
      hint: 'Copy or download the file again, or export the model again.',
      details: { byte: reader.fieldStart },
      cause: error,
    });
  }
  return error;
}
