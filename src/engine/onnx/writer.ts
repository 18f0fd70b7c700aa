/**
 * From a model to bytes. Small parts are gathered, large weights are handed on as the views they are, so writing copies each byte once and
 * the whole file is never in memory. What came from a file unchanged goes out as it came in.
 */
import { EdgewiseError } from '../../base/errors.ts';
import { AttributeField as A, AttributeType, DimField, EntryField, GraphField, ModelField, NodeField, OpsetField, ShapeField, TensorField, TensorTypeField, TypeField, ValueInfoField } from './fields.ts';
import { Encoder, type Part } from './encoder.ts';
import { sameAsEncoded, sameValueInfo } from './verbatim.ts';
import { tensorBytes, tensorPieces } from './tensor.ts';
import type { Attribute, GraphData, Model, NodeData, Tensor, ValueInfo } from './types.ts';

export interface EncodeOptions {
  /**
   * Puts tensors of at least `threshold` bytes into a second file that the model names as `location`; with `above`, only where one file
   * would have more bytes than that.
   */
  readonly externalTensors?: { readonly location: string; readonly threshold: number; readonly above?: number };
  /** Leaves what is external where it is, in a data file that now has this name: for a model whose files move together. */
  readonly externalStays?: { readonly location: string };
}

/** One file to be written. `chunks` may be iterated more than once; external data that is taken in is read while iterating. */
export interface FileEncoding {
  readonly byteLength: number;
  readonly chunks: Iterable<Uint8Array>;
}

export interface ModelEncoding extends FileEncoding {
  /** The data file beside the model, to be written under `location`; absent where no tensor went there. */
  readonly external?: FileEncoding & { readonly location: string };
}

/** Where protobuf ends. */
export const MAX_MODEL_BYTES = 2 ** 31 - 1;
const PAGE = 4096;
const LARGE_TENSOR = 2 ** 20;

/**
 * Encodes a model. Tensors that were external become part of the file, unless `externalTensors` sends them out again.
 * @throws TOO_LARGE when one file would pass 2 GiB
 */
export function encodeModel(model: Model, options: EncodeOptions = {}): ModelEncoding {
  const { externalTensors, externalStays } = options;
  if (externalTensors?.above !== undefined) {
    const out = encoded(model, null);
    if (out.byteLength <= externalTensors.above) return { byteLength: out.byteLength, chunks: chunksOf(out.parts()) };
  }
  const data = externalStays ? new SameFile(externalStays.location) : externalTensors ? new ExternalData(externalTensors.location, externalTensors.threshold) : null;
  const out = encoded(model, data);
  if (out.byteLength > MAX_MODEL_BYTES) {
    throw new EdgewiseError('TOO_LARGE', `The model takes ${out.byteLength.toLocaleString('en')} bytes; one ONNX file can have ${MAX_MODEL_BYTES.toLocaleString('en')}.`, {
      hint: 'Write its weights as external data, in a file of their own beside the model.',
      details: { bytes: out.byteLength, limit: MAX_MODEL_BYTES },
    });
  }
  const file: FileEncoding = { byteLength: out.byteLength, chunks: chunksOf(out.parts()) };
  return !(data instanceof ExternalData) || data.byteLength === 0
    ? file
    : { ...file, external: { location: data.location, byteLength: data.byteLength, chunks: chunksOf(data.parts) } };
}

function encoded(model: Model, data: DataFile | null): Encoder {
  const out = new Encoder();
  if (model.irVersion !== 0) out.integer(ModelField.IR_VERSION, model.irVersion);
  text(out, ModelField.PRODUCER_NAME, model.producerName);
  text(out, ModelField.PRODUCER_VERSION, model.producerVersion);
  text(out, ModelField.DOMAIN, model.domain);
  if (model.modelVersion !== 0n) out.bigInteger(ModelField.MODEL_VERSION, model.modelVersion);
  text(out, ModelField.DOC_STRING, model.docString);
  out.message(ModelField.GRAPH, graphMessage(model.graph, data));
  for (const opset of model.opsets) {
    const message = new Encoder();
    text(message, OpsetField.DOMAIN, opset.domain);
    message.integer(OpsetField.VERSION, opset.version);
    out.message(ModelField.OPSET_IMPORT, message);
  }
  for (const { key, value } of model.metadata) out.message(ModelField.METADATA_PROPS, entry(key, value));
  for (const encoded of model.functions) out.bytes(ModelField.FUNCTIONS, encoded);
  for (const field of model.rest) out.raw(field);
  return out;
}

function chunksOf(parts: readonly Part[]): Iterable<Uint8Array> {
  return {
    *[Symbol.iterator]() {
      for (const part of parts) {
        if (part instanceof Uint8Array) yield part;
        else yield* part.pieces();
      }
    },
  };
}

/** The second file as it is. */
class SameFile {
  readonly location: string;

  constructor(location: string) {
    this.location = location;
  }
}

type DataFile = ExternalData | SameFile;

/** Collects the second file: offsets on 64 bytes, and on a page for what a runtime maps into memory. */
class ExternalData {
  readonly location: string;
  readonly parts: Part[] = [];
  readonly #threshold: number;
  byteLength = 0;

  constructor(location: string, threshold: number) {
    this.location = location;
    this.#threshold = Math.max(1, threshold);
  }

  takes(length: number): boolean {
    return length >= this.#threshold;
  }

  /** Appends and returns the offset. */
  add(part: Part): number {
    const length = part instanceof Uint8Array ? part.length : part.length;
    const alignment = length > LARGE_TENSOR ? PAGE : 64;
    const padding = (alignment - (this.byteLength % alignment)) % alignment;
    if (padding > 0) this.parts.push(new Uint8Array(padding));
    const offset = this.byteLength + padding;
    this.parts.push(part);
    this.byteLength = offset + length;
    return offset;
  }
}

function text(out: Encoder, field: number, value: string): void {
  if (value !== '') out.string(field, value);
}

function entry(key: string, value: string): Encoder {
  const out = new Encoder();
  out.string(EntryField.KEY, key);
  out.string(EntryField.VALUE, value);
  return out;
}

function graphMessage(graph: GraphData, data: DataFile | null): Encoder {
  const out = new Encoder();
  for (const node of graph.nodes) out.message(GraphField.NODE, nodeMessage(node, data));
  text(out, GraphField.NAME, graph.name);
  for (const tensor of graph.initializers.values()) out.message(GraphField.INITIALIZER, tensorMessage(tensor, data));
  text(out, GraphField.DOC_STRING, graph.docString);
  for (const value of graph.inputs) out.message(GraphField.INPUT, valueInfoMessage(value));
  for (const value of graph.outputs) out.message(GraphField.OUTPUT, valueInfoMessage(value));
  for (const value of graph.valueInfo.values()) out.message(GraphField.VALUE_INFO, valueInfoMessage(value));
  for (const field of graph.rest) out.raw(field);
  return out;
}

function nodeMessage(node: NodeData, data: DataFile | null): Encoder {
  const out = new Encoder();
  for (const input of node.inputs) out.string(NodeField.INPUT, input);
  for (const output of node.outputs) out.string(NodeField.OUTPUT, output);
  text(out, NodeField.NAME, node.name);
  text(out, NodeField.OP_TYPE, node.opType);
  for (const [name, attribute] of node.attributes) out.message(NodeField.ATTRIBUTE, attributeMessage(name, attribute, data));
  text(out, NodeField.DOC_STRING, node.docString);
  text(out, NodeField.DOMAIN, node.domain);
  for (const field of node.rest) out.raw(field);
  return out;
}

function attributeMessage(name: string, attribute: Attribute, data: DataFile | null): Encoder {
  const out = new Encoder();
  if (attribute.kind === 'opaque') {
    out.raw(attribute.encoded);
    return out;
  }
  out.string(A.NAME, name);
  let type: number;
  switch (attribute.kind) {
    case 'float':
      type = AttributeType.FLOAT;
      out.float32(A.F, attribute.value);
      break;
    case 'int':
      type = AttributeType.INT;
      out.bigInteger(A.I, attribute.value);
      break;
    case 'string':
      type = AttributeType.STRING;
      out.bytes(A.S, attribute.value);
      break;
    case 'tensor':
      type = AttributeType.TENSOR;
      out.message(A.T, tensorMessage(attribute.value, data));
      break;
    case 'graph':
      type = AttributeType.GRAPH;
      out.message(A.G, graphMessage(attribute.value, data));
      break;
    case 'floats':
      type = AttributeType.FLOATS;
      for (const value of attribute.value) out.float32(A.FLOATS, value);
      break;
    case 'ints':
      type = AttributeType.INTS;
      for (const value of attribute.value) out.bigInteger(A.INTS, value);
      break;
    case 'strings':
      type = AttributeType.STRINGS;
      for (const value of attribute.value) out.bytes(A.STRINGS, value);
      break;
    case 'tensors':
      type = AttributeType.TENSORS;
      for (const value of attribute.value) out.message(A.TENSORS, tensorMessage(value, data));
      break;
    case 'graphs':
      type = AttributeType.GRAPHS;
      for (const value of attribute.value) out.message(A.GRAPHS, graphMessage(value, data));
      break;
  }
  out.integer(A.TYPE, type);
  for (const field of attribute.rest ?? []) out.raw(field);
  return out;
}

function tensorMessage(tensor: Tensor, data: DataFile | null): Encoder {
  const out = new Encoder();
  const { payload } = tensor;
  if (payload.kind === 'strings') {
    if (copied(out, tensor)) return out;
    tensorHead(out, tensor);
    for (const value of payload.values) out.bytes(TensorField.STRING_DATA, value);
    return out;
  }
  if (data instanceof SameFile && payload.kind === 'external') return externalTensor(out, tensor, data.location, payload.offset, payload.length);
  const part: Part = payload.kind === 'external' ? { length: payload.length, pieces: () => tensorPieces(tensor) } : payload.kind === 'raw' ? payload.bytes : new Uint8Array(0);
  if (data instanceof ExternalData && payload.kind !== 'varints' && data.takes(part.length)) return externalTensor(out, tensor, data.location, data.add(part), part.length);
  if (copied(out, tensor)) return out;
  tensorHead(out, tensor);
  out.part(TensorField.RAW_DATA, payload.kind === 'varints' ? tensorBytes(tensor) : part);
  return out;
}

function externalTensor(out: Encoder, tensor: Tensor, location: string, offset: number, length: number): Encoder {
  tensorHead(out, tensor);
  out.message(TensorField.EXTERNAL_DATA, entry('location', location));
  out.message(TensorField.EXTERNAL_DATA, entry('offset', String(offset)));
  out.message(TensorField.EXTERNAL_DATA, entry('length', String(length)));
  out.integer(TensorField.DATA_LOCATION, 1);
  return out;
}

function tensorHead(out: Encoder, tensor: Tensor): void {
  for (const dim of tensor.dims) out.integer(TensorField.DIMS, dim);
  out.integer(TensorField.DATA_TYPE, tensor.dataType);
  text(out, TensorField.NAME, tensor.name);
}

/** External tensors have left their file, so their old description is of no use. */
function copied(out: Encoder, tensor: Tensor): boolean {
  if (tensor.encoded === undefined || tensor.payload.kind === 'external' || !sameAsEncoded(tensor, tensor.encoded)) return false;
  out.raw(tensor.encoded);
  return true;
}

function valueInfoMessage(value: ValueInfo): Encoder {
  const out = new Encoder();
  if (value.encoded !== undefined && sameValueInfo(value, value.encoded)) {
    out.raw(value.encoded);
    return out;
  }
  text(out, ValueInfoField.NAME, value.name);
  if (value.elemType === 0 && value.shape === null) return out;
  const tensorType = new Encoder();
  if (value.elemType !== 0) tensorType.integer(TensorTypeField.ELEM_TYPE, value.elemType);
  if (value.shape !== null) {
    const shape = new Encoder();
    for (const dim of value.shape) {
      const message = new Encoder();
      if (typeof dim === 'number') message.integer(DimField.VALUE, dim);
      else if (dim !== null && dim !== '') message.string(DimField.PARAM, dim);
      shape.message(ShapeField.DIM, message);
    }
    tensorType.message(TensorTypeField.SHAPE, shape);
  }
  const type = new Encoder();
  type.message(TypeField.TENSOR, tensorType);
  out.message(ValueInfoField.TYPE, type);
  return out;
}
