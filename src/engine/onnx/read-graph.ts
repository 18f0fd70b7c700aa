/** GraphProto, NodeProto and AttributeProto, which hold each other. */
import { EdgewiseError } from '../../base/errors.ts';
import { describeNode } from './attributes.ts';
import { AttributeField as A, AttributeType, FunctionField, GraphField, NodeField, OpsetField } from './fields.ts';
import { tooLarge } from './limits.ts';
import { readTensor, readValueInfo, type ReadContext } from './read-tensor.ts';
import { shorten } from './shown.ts';
import type { Attribute, AttributeValue, GraphData, NodeData, OpsetImport, Tensor } from './types.ts';
import { PackedBytes, WireReader, WireType, keepField, malformed } from './wire.ts';

export function badGraph(message: string, details: Readonly<Record<string, unknown>> = {}, hint = 'Export the model again.'): EdgewiseError {
  return new EdgewiseError('BAD_GRAPH', message, { hint, details });
}

/** @param depth 1 for the main graph */
export function readGraph(reader: WireReader, context: ReadContext, depth: number): GraphData {
  const { budget } = context;
  const { limits } = budget;
  if (depth > limits.depth) {
    throw new EdgewiseError('TOO_DEEP', `Graphs are nested more than ${limits.depth} levels deep at byte ${reader.position}.`, {
      hint: 'Models nested this deep are refused; export the model with fewer conditions and loops inside each other.',
      details: { byte: reader.position, limit: limits.depth },
    });
  }
  const graph: GraphData = { name: '', docString: '', nodes: [], inputs: [], outputs: [], initializers: new Map(), valueInfo: new Map(), rest: [] };
  while (reader.next()) {
    switch (reader.field) {
      case GraphField.NODE:
        budget.take('nodes', 1, reader.fieldStart);
        graph.nodes.push(readNode(reader.message('a node'), context, depth));
        break;
      case GraphField.NAME:
        graph.name = reader.text('The name of a graph', limits.nameBytes);
        break;
      case GraphField.DOC_STRING:
        graph.docString = reader.prose('The doc string of a graph', limits.textBytes);
        break;
      case GraphField.INITIALIZER: {
        budget.take('initializers', 1, reader.fieldStart);
        const tensor = readTensor(reader.message('an initializer'), context);
        if (graph.initializers.has(tensor.name)) throw badGraph(`Two initializers have the name "${shorten(tensor.name)}".`, { tensor: tensor.name });
        graph.initializers.set(tensor.name, tensor);
        break;
      }
      case GraphField.INPUT:
        budget.take('values', 1, reader.fieldStart);
        graph.inputs.push(readValueInfo(reader.message('a graph input'), context));
        break;
      case GraphField.OUTPUT:
        budget.take('values', 1, reader.fieldStart);
        graph.outputs.push(readValueInfo(reader.message('a graph output'), context));
        break;
      case GraphField.VALUE_INFO: {
        budget.take('values', 1, reader.fieldStart);
        const value = readValueInfo(reader.message('a value_info'), context);
        graph.valueInfo.set(value.name, value);
        break;
      }
      default:
        keepField(graph.rest, reader.skipped());
    }
  }
  return graph;
}

/** @param depth of the graph that holds the node */
export function readNode(reader: WireReader, context: ReadContext, depth: number): NodeData {
  const { budget } = context;
  const { limits } = budget;
  const node: NodeData = { name: '', opType: '', domain: '', inputs: [], outputs: [], attributes: new Map(), docString: '', rest: [] };
  const attributes: WireReader[] = [];
  while (reader.next()) {
    switch (reader.field) {
      case NodeField.INPUT:
        budget.take('edges', 1, reader.fieldStart);
        node.inputs.push(reader.text("The name of a node's input", limits.nameBytes));
        break;
      case NodeField.OUTPUT:
        budget.take('edges', 1, reader.fieldStart);
        node.outputs.push(reader.text("The name of a node's output", limits.nameBytes));
        break;
      case NodeField.NAME:
        node.name = reader.text('The name of a node', limits.nameBytes);
        break;
      case NodeField.OP_TYPE:
        node.opType = reader.text('The operator of a node', limits.nameBytes);
        break;
      case NodeField.DOMAIN:
        node.domain = standardDomain(reader.text('The domain of a node', limits.nameBytes));
        break;
      case NodeField.DOC_STRING:
        node.docString = reader.prose('The doc string of a node', limits.textBytes);
        break;
      case NodeField.ATTRIBUTE:
        budget.take('attributes', 1, reader.fieldStart);
        attributes.push(reader.message('an attribute'));
        break;
      default:
        keepField(node.rest, reader.skipped());
    }
  }
  for (const attribute of attributes) {
    const [name, value] = readAttribute(attribute, context, depth, node);
    if (node.attributes.has(name)) throw badAttribute(node, name, 'is given twice');
    node.attributes.set(name, value);
  }
  return node;
}

export function standardDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

export function readOpset(reader: WireReader, context: ReadContext): OpsetImport {
  let domain = '';
  let version = 0;
  while (reader.next()) {
    if (reader.field === OpsetField.DOMAIN) domain = reader.text('The domain of an operator set', context.budget.limits.nameBytes);
    else if (reader.field === OpsetField.VERSION) version = reader.integer('The version of an operator set');
    else reader.skip();
  }
  return { domain: standardDomain(domain), version };
}

/** A model-local function, as far as checks need it. */
export interface FunctionData {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeData[];
  readonly opsets: readonly OpsetImport[];
  /** Attributes with a value of their own where the caller gives none. */
  readonly defaults: ReadonlyMap<string, Attribute>;
}

export function readFunction(encoded: Uint8Array, context: ReadContext): FunctionData {
  const { budget } = context;
  const { nameBytes } = budget.limits;
  const reader = new WireReader(encoded);
  const result = { name: '', domain: '', overload: '', inputs: [] as string[], outputs: [] as string[], nodes: [] as NodeData[], opsets: [] as OpsetImport[], defaults: new Map<string, Attribute>() };
  while (reader.next()) {
    switch (reader.field) {
      case FunctionField.NAME:
        result.name = reader.text('The name of a function', nameBytes);
        break;
      case FunctionField.DOMAIN:
        result.domain = standardDomain(reader.text('The domain of a function', nameBytes));
        break;
      case FunctionField.OVERLOAD:
        result.overload = reader.text('The overload of a function', nameBytes);
        break;
      case FunctionField.INPUT:
        budget.take('edges', 1, reader.fieldStart);
        result.inputs.push(reader.text("The name of a function's input", nameBytes));
        break;
      case FunctionField.OUTPUT:
        budget.take('edges', 1, reader.fieldStart);
        result.outputs.push(reader.text("The name of a function's output", nameBytes));
        break;
      case FunctionField.NODE:
        budget.take('nodes', 1, reader.fieldStart);
        result.nodes.push(readNode(reader.message("a function's node"), context, 1));
        break;
      case FunctionField.OPSET_IMPORT:
        budget.take('entries', 1, reader.fieldStart);
        result.opsets.push(readOpset(reader.message('an operator set'), context));
        break;
      case FunctionField.ATTRIBUTE_PROTO: {
        budget.take('attributes', 1, reader.fieldStart);
        const owner = { name: '', opType: result.name, outputs: [] };
        const [name, value] = readAttribute(reader.message("a function's attribute"), context, 1, owner);
        if (result.defaults.has(name)) throw badAttribute(owner, name, 'is given twice');
        result.defaults.set(name, value);
        break;
      }
      default:
        reader.skip();
    }
  }
  return result;
}

/** A node, or a function where it is a default that is wrong. */
type AttributeOwner = Pick<NodeData, 'opType' | 'name' | 'outputs'>;

export function badAttribute(node: AttributeOwner, attribute: string, what: string): EdgewiseError {
  return new EdgewiseError('BAD_ATTRIBUTE', `Attribute "${shorten(attribute)}" of ${shorten(describeNode(node))} ${what}.`, {
    hint: 'Export the model again, or check it with the exporter that made it.',
    details: { node: shorten(node.name), op: shorten(node.opType), attribute: shorten(attribute) },
  });
}

/** The values of an AttributeProto before its type has decided which one counts. */
interface RawAttribute {
  f?: number;
  i?: bigint;
  s?: Uint8Array;
  t?: Tensor;
  g?: GraphData;
  readonly floats: number[];
  readonly ints: bigint[];
  readonly strings: Uint8Array[];
  readonly tensors: Tensor[];
  readonly graphs: GraphData[];
}

function readAttribute(reader: WireReader, context: ReadContext, depth: number, node: AttributeOwner): [name: string, value: Attribute] {
  const { budget } = context;
  const { limits } = budget;
  const start = reader.position;
  const raw: RawAttribute = { floats: [], ints: [], strings: [], tensors: [], graphs: [] };
  const floats = new PackedBytes();
  const ints = new PackedBytes();
  const rest: Uint8Array[] = [];
  let name = '';
  let type = 0;
  let opaque = false;
  while (reader.next()) {
    switch (reader.field) {
      case A.NAME:
        name = reader.text('The name of an attribute', limits.nameBytes);
        break;
      case A.TYPE:
        type = reader.integer("an attribute's type");
        break;
      case A.F:
        raw.f = reader.float32('a float attribute');
        break;
      case A.I:
        raw.i = reader.int64('an integer attribute');
        break;
      case A.S:
        raw.s = reader.view('a string attribute');
        break;
      case A.T:
        // Protobuf merges the two: the description of one with the data of the other.
        if (raw.t !== undefined) throw badAttribute(node, name, 'holds two tensors where one is due');
        raw.t = readTensor(reader.message('a tensor attribute'), context);
        break;
      case A.G:
        if (raw.g !== undefined) throw badAttribute(node, name, 'holds two graphs where one is due');
        raw.g = readGraph(reader.message('a graph attribute'), context, depth + 1);
        break;
      case A.FLOATS:
        floats.add(reader, WireType.FIXED32, 'a list of floats');
        break;
      case A.INTS:
        ints.add(reader, WireType.VARINT, 'a list of integers');
        break;
      case A.STRINGS:
        budget.take('listElements', 1, reader.fieldStart);
        raw.strings.push(reader.view('a list of strings'));
        break;
      case A.TENSORS:
        budget.take('initializers', 1, reader.fieldStart);
        raw.tensors.push(readTensor(reader.message('a list of tensors'), context));
        break;
      case A.GRAPHS:
        budget.take('nodes', 1, reader.fieldStart);
        raw.graphs.push(readGraph(reader.message('a list of graphs'), context, depth + 1));
        break;
      case A.TP:
      case A.TYPE_PROTOS:
      case A.REF_ATTR_NAME:
      case A.SPARSE_TENSOR:
      case A.SPARSE_TENSORS:
        opaque = true;
        reader.skip();
        break;
      default:
        keepField(rest, reader.skipped());
    }
  }
  if (opaque && (impliedType(raw) !== AttributeType.UNDEFINED || floats.present || ints.present)) throw badAttribute(node, name, 'holds values of two types');
  if (opaque) return [name, { kind: 'opaque', encoded: reader.bytes.subarray(start, reader.end) }];
  decodeFloats(floats.bytes, raw.floats, context, start);
  decodeInts(ints.bytes, raw.ints, context, start);
  const value = attributeValue(type === 0 ? impliedType(raw) : type, raw, node, name);
  const holdsMore = (raw.t !== undefined && value?.kind !== 'tensor') || (raw.g !== undefined && value?.kind !== 'graph') ||
    (raw.tensors.length > 0 && value?.kind !== 'tensors') || (raw.graphs.length > 0 && value?.kind !== 'graphs');
  if (holdsMore) throw badAttribute(node, name, 'holds values of two types');
  if (value === null) return [name, { kind: 'opaque', encoded: reader.bytes.subarray(start, reader.end) }];
  return [name, rest.length === 0 ? value : { ...value, rest }];
}

/** Files of IR version 1 and 2 leave the type out: then the field that is there says it. */
function impliedType(raw: RawAttribute): number {
  if (raw.f !== undefined) return AttributeType.FLOAT;
  if (raw.i !== undefined) return AttributeType.INT;
  if (raw.s !== undefined) return AttributeType.STRING;
  if (raw.t !== undefined) return AttributeType.TENSOR;
  if (raw.g !== undefined) return AttributeType.GRAPH;
  if (raw.floats.length > 0) return AttributeType.FLOATS;
  if (raw.ints.length > 0) return AttributeType.INTS;
  if (raw.strings.length > 0) return AttributeType.STRINGS;
  if (raw.tensors.length > 0) return AttributeType.TENSORS;
  return raw.graphs.length > 0 ? AttributeType.GRAPHS : AttributeType.UNDEFINED;
}

/** null where the attribute has no value at all. Writers that leave out zeros leave out f, i and s. */
function attributeValue(type: number, raw: RawAttribute, node: AttributeOwner, name: string): AttributeValue | null {
  const implied = impliedType(raw);
  const absent = implied === AttributeType.UNDEFINED;
  const wrong = (): EdgewiseError => badAttribute(node, name, 'says one type and holds a value of another');
  switch (type) {
    case AttributeType.UNDEFINED:
      return null;
    case AttributeType.FLOAT:
      if (raw.f === undefined && !absent) throw wrong();
      return { kind: 'float', value: raw.f ?? 0 };
    case AttributeType.INT:
      if (raw.i === undefined && !absent) throw wrong();
      return { kind: 'int', value: raw.i ?? 0n };
    case AttributeType.STRING:
      if (raw.s === undefined && !absent) throw wrong();
      return { kind: 'string', value: raw.s ?? new Uint8Array(0) };
    case AttributeType.TENSOR:
      if (raw.t === undefined) throw absent ? badAttribute(node, name, 'is a tensor, but none is there') : wrong();
      return { kind: 'tensor', value: raw.t };
    case AttributeType.GRAPH:
      if (raw.g === undefined) throw absent ? badAttribute(node, name, 'is a graph, but none is there') : wrong();
      return { kind: 'graph', value: raw.g };
    case AttributeType.FLOATS:
      if (raw.floats.length === 0 && !absent) throw wrong();
      return { kind: 'floats', value: raw.floats };
    case AttributeType.INTS:
      if (raw.ints.length === 0 && !absent) throw wrong();
      return { kind: 'ints', value: raw.ints };
    case AttributeType.STRINGS:
      if (raw.strings.length === 0 && !absent) throw wrong();
      return { kind: 'strings', value: raw.strings };
    case AttributeType.TENSORS:
      if (raw.tensors.length === 0 && !absent) throw wrong();
      return { kind: 'tensors', value: raw.tensors };
    case AttributeType.GRAPHS:
      if (raw.graphs.length === 0 && !absent) throw wrong();
      return { kind: 'graphs', value: raw.graphs };
    case AttributeType.SPARSE_TENSOR:
    case AttributeType.SPARSE_TENSORS:
    case AttributeType.TYPE_PROTO:
    case AttributeType.TYPE_PROTOS:
      if (!absent) throw wrong();
      return null;
    default:
      throw badAttribute(node, name, `has type ${type}, which does not exist`);
  }
}

function decodeFloats(packed: Uint8Array, values: number[], context: ReadContext, byte: number): void {
  if (packed.length === 0) return;
  if (packed.length % 4 !== 0) malformed('a list of floats that is cut off', byte);
  context.budget.take('listElements', packed.length / 4, byte);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  for (let i = 0; i < packed.length; i += 4) values.push(view.getFloat32(i, true));
}

function decodeInts(packed: Uint8Array, values: bigint[], context: ReadContext, byte: number): void {
  if (packed.length === 0) return;
  if ((packed.at(-1) ?? 0) >= 0x80) malformed('a list of integers that is cut off', byte);
  const { limits } = context.budget;
  // An integer takes at least one byte: this bounds the list before any of it is decoded.
  if (packed.length > limits.listElements * 10) throw tooLarge('An attribute has too many integers', 'listElements', limits.listElements, byte);
  const reader = new WireReader(packed);
  while (reader.position < reader.end) {
    context.budget.take('listElements', 1, byte);
    values.push(reader.rawInt64());
  }
}

