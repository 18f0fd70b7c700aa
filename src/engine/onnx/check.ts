/**
 * Whether a model that could be read makes sense and is safe to hand on. Everything here is decided from the file alone; what only
 * running can show is the runtime's to say.
 */
import { EdgewiseError } from '../../base/errors.ts';
import type { ExternalFiles } from '../../base/ports.ts';
import { describeNode } from './attributes.ts';
import { checkAttributes } from './check-attributes.ts';
import { checkExpansion, functionKey, readFunctions, type Functions } from './check-functions.ts';
import { checkStructure } from './check-graph.ts';
import { checkGraphNames, checkModelNames } from './check-names.ts';
import { checkTensors } from './check-tensors.ts';
import { GraphField, ModelField, SparseTensorField, TrainingField } from './fields.ts';
import { Budget } from './limits.ts';
import { KNOWN_DOMAINS, MAX_IR, MAX_OPSET, MIN_IR, MIN_OPSET, STANDARD_OPERATORS } from './operators.ts';
import { readGraph } from './read-graph.ts';
import { readTensor, type ReadContext } from './read-tensor.ts';
import { shorten } from './shown.ts';
import { opsetOf, type GraphData, type Model, type NodeData } from './types.ts';
import { WireReader } from './wire.ts';

export interface ModelCheck {
  /** Sentences about what is odd and still accepted. */
  readonly warnings: readonly string[];
}

/** Parts that are kept as bytes may hold tensors too; other programs would open the files that those name. */
const nowhere: ExternalFiles = {
  open: (location) => {
    throw new EdgewiseError('EXTERNAL_FORBIDDEN', `A function, sparse tensor or training part of the model names "${shorten(location)}" as its data file, which is refused.`, {
      hint: 'Only weights of the graph itself may be in files of their own. Export the model again.',
      details: { location: shorten(location) },
    });
  },
};

/**
 * Checks versions, operators, structure, attributes, names, functions, and the numbers in every floating-point tensor (external data
 * files are opened for that).
 * @throws UNSUPPORTED_VERSION, UNSUPPORTED_OP, BAD_GRAPH, BAD_TENSOR, BAD_ATTRIBUTE, UNSAFE_NAME, TOO_DEEP, TOO_LARGE, EXTERNAL_FORBIDDEN,
 * EXTERNAL_BAD
 */
export function checkModel(model: Model): ModelCheck {
  const context: ReadContext = { budget: new Budget(), external: nowhere };
  const warnings: string[] = [];
  checkModelNames(model);
  const graphs = [...graphsOf(model.graph)];
  for (const graph of graphs) checkGraphNames(graph);
  const functions = readFunctions(model, context);
  checkVersions(model, graphs);
  checkExpansion(model.graph, functions, context);
  for (const overloads of functions.values()) {
    for (const { domain, name, nodes, defaults } of overloads) {
      // Values that attributes have by default are looked at as those of a node are.
      const holder: NodeData = { name, opType: '', domain: '', inputs: [], outputs: [], attributes: new Map(defaults), docString: '', rest: [] };
      checkFunctionBody(domain, name, defaults.size === 0 ? nodes : [...nodes, holder], functions, context, warnings);
    }
  }
  for (const graph of graphs) {
    for (const node of graph.nodes) {
      checkOperator(node, functions);
      checkAttributes(node, context);
    }
  }
  checkStructure(model.graph, context);
  for (const graph of graphs) {
    checkTensors(graph, warnings);
    checkKeptFields(graph, context);
  }
  checkTraining(model, context);
  return { warnings };
}

/** A graph and all graphs inside its nodes. */
function* graphsOf(graph: GraphData): Generator<GraphData> {
  yield graph;
  yield* innerGraphs(graph.nodes);
}

function* innerGraphs(nodes: readonly NodeData[]): Generator<GraphData> {
  for (const node of nodes) {
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'graph') yield* graphsOf(attribute.value);
      else if (attribute.kind === 'graphs') for (const inner of attribute.value) yield* graphsOf(inner);
    }
  }
}

function checkVersions(model: Model, graphs: readonly GraphData[]): void {
  if (model.irVersion < MIN_IR || model.irVersion > MAX_IR) {
    throw unsupported(
      model.irVersion === 0 ? 'The model does not say which version of the ONNX format it is in.' : `The model is in version ${model.irVersion} of the ONNX format; ${MIN_IR} to ${MAX_IR} are supported.`,
      'Export the model again with a current exporter, or convert it with onnx.version_converter.',
      { irVersion: model.irVersion },
    );
  }
  if (model.opsets.length === 0) throw unsupported('The model does not say which operator set it uses.', 'The file may be cut off: copy it again, or export the model again with a current exporter.', { opset: 0 });
  for (const { domain, version } of model.opsets) {
    if (version < 0) throw unsupported(`The model asks for version ${version} of operator set "${shorten(domain || 'ai.onnx')}", which does not exist.`, 'Export the model again.', { domain, version });
  }
  const opset = opsetOf(model);
  const imported = model.opsets.some(({ domain }) => domain === '');
  if (!imported) {
    const user = graphs.flatMap((graph) => graph.nodes).find((node) => node.domain === '');
    if (user) throw unsupported(`${shorten(describeNode(user))} is a standard operator, but the model imports no standard operator set.`, 'Export the model again with a current exporter.', { opset: 0 });
    return;
  }
  if (opset > MAX_OPSET) {
    throw unsupported(`The model uses operator set ${opset}; ${MIN_OPSET} to ${MAX_OPSET} are supported.`, `Export the model with opset_version=${MAX_OPSET} or lower.`, { opset });
  }
  if (opset < MIN_OPSET) {
    throw unsupported(
      `The model uses operator set ${opset}; ${MIN_OPSET} to ${MAX_OPSET} are supported, as older operators mean other things under the same names.`,
      `Convert it first: onnx.version_converter.convert_version(model, 13), or export it again with opset_version=13 or higher.`,
      { opset },
    );
  }
}

function unsupported(message: string, hint: string, details: Readonly<Record<string, unknown>>): EdgewiseError {
  return new EdgewiseError('UNSUPPORTED_VERSION', message, { hint, details });
}

function checkOperator(node: NodeData, functions: Functions): void {
  if (functions.has(functionKey(node)) || node.opType === '') return;
  const details = { op: shorten(node.opType), domain: shorten(node.domain), node: shorten(node.name) };
  if (!KNOWN_DOMAINS.has(node.domain)) {
    throw new EdgewiseError('UNSUPPORTED_OP', `${shorten(describeNode(node))} is an operator of "${shorten(node.domain)}", which is neither a known operator set nor defined in the model.`, {
      hint: 'Replace the custom operator by standard ones, or export it as a model-local function.',
      details,
    });
  }
  if (node.domain === '' && !STANDARD_OPERATORS.has(node.opType)) {
    throw new EdgewiseError('UNSUPPORTED_OP', `${shorten(describeNode(node))} is no operator of ONNX up to operator set ${MAX_OPSET}.`, {
      hint: 'Check the spelling and the domain of the operator, or export the model again without it.',
      details,
    });
  }
}

function checkFunctionBody(domain: string, name: string, nodes: readonly NodeData[], functions: Functions, context: ReadContext, warnings: string[]): void {
  const graph: GraphData = { name, docString: domain, nodes: [...nodes], inputs: [], outputs: [], initializers: new Map(), valueInfo: new Map(), rest: [] };
  for (const inner of graphsOf(graph)) {
    checkGraphNames(inner);
    for (const node of inner.nodes) {
      checkOperator(node, functions);
      checkAttributes(node, context);
    }
    checkTensors(inner, warnings);
    checkKeptFields(inner, context);
  }
}

function checkKeptFields(graph: GraphData, context: ReadContext): void {
  for (const field of graph.rest) {
    const reader = new WireReader(field);
    while (reader.next()) {
      if (reader.field !== GraphField.SPARSE_INITIALIZER) {
        reader.skip();
        continue;
      }
      const sparse = reader.message('a sparse initializer');
      while (sparse.next()) {
        if (sparse.field === SparseTensorField.VALUES || sparse.field === SparseTensorField.INDICES) refuseExternal(readTensor(sparse.message('a tensor'), context).payload);
        else sparse.skip();
      }
    }
  }
}

function checkTraining(model: Model, context: ReadContext): void {
  for (const field of model.rest) {
    const reader = new WireReader(field);
    while (reader.next()) {
      if (reader.field !== ModelField.TRAINING_INFO) {
        reader.skip();
        continue;
      }
      const training = reader.message('training information');
      while (training.next()) {
        if (training.field !== TrainingField.INITIALIZATION && training.field !== TrainingField.ALGORITHM) {
          training.skip();
          continue;
        }
        for (const graph of graphsOf(readGraph(training.message('a training graph'), context, 1))) {
          for (const tensor of graph.initializers.values()) refuseExternal(tensor.payload);
          checkKeptFields(graph, context);
        }
      }
    }
  }
}

function refuseExternal(payload: ReturnType<typeof readTensor>['payload']): void {
  if (payload.kind === 'external') payload.open();
}
