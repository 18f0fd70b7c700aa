/**
 * Names travel: into a web page, a terminal, JSON objects, file names. One that is made to act there instead of to name is refused, as no
 * exporter writes such names.
 */
import { EdgewiseError } from '../../base/errors.ts';
import { BIDIRECTIONAL, CONTROL, shorten } from './shown.ts';
import type { GraphData, Model } from './types.ts';

const MARKUP = /<\s*\/?\s*(script|iframe|frame|object|embed|img|image|svg|math|style|link|meta|base|html|head|body|form|input|button|video|audio|a)\b|javascript:/i;
/** Names that every JavaScript object has already: as a key they reach what is not theirs. */
const OBJECT_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** @throws UNSAFE_NAME */
export function checkModelNames(model: Model): void {
  for (const [what, text] of [['The producer', model.producerName], ['The producer version', model.producerVersion], ['The domain', model.domain]] as const) checkName(text, what);
  for (const { domain } of model.opsets) checkName(domain, 'The domain of an operator set');
  for (const { key } of model.metadata) checkKey(key, 'The key of a metadata entry');
}

/** @throws UNSAFE_NAME */
export function checkGraphNames(graph: GraphData): void {
  checkName(graph.name, 'The name of a graph');
  for (const value of graph.inputs) checkKey(value.name, 'The name of an input');
  for (const value of graph.outputs) checkKey(value.name, 'The name of an output');
  for (const value of [...graph.inputs, ...graph.outputs, ...graph.valueInfo.values()]) {
    checkValueName(value.name);
    for (const dim of value.shape ?? []) if (typeof dim === 'string') checkKey(dim, 'The name of a dimension');
  }
  for (const name of graph.initializers.keys()) checkValueName(name);
  for (const node of graph.nodes) {
    checkName(node.name, 'The name of a node');
    checkKey(node.opType, 'The operator of a node');
    checkName(node.domain, 'The domain of a node');
    for (const name of node.inputs) checkValueName(name);
    for (const name of node.outputs) checkValueName(name);
    for (const name of node.attributes.keys()) checkKey(name, 'The name of an attribute');
  }
}

function checkValueName(name: string): void {
  checkName(name, 'The name of a value');
  if (name === '__proto__') throw unsafe(name, 'The name of a value', 'it is a name that programs reserve for themselves');
}

function checkKey(name: string, what: string): void {
  checkName(name, what);
  if (OBJECT_KEYS.has(name)) throw unsafe(name, what, 'it is a name that programs reserve for themselves');
}

function checkName(name: string, what: string): void {
  if (name === '') return;
  if (CONTROL.test(name)) throw unsafe(name, what, 'it has control characters');
  if (BIDIRECTIONAL.test(name)) throw unsafe(name, what, 'it has characters that turn the direction of writing, so it reads as something else');
  if (MARKUP.test(name)) throw unsafe(name, what, 'it has a tag of a web page in it');
}

function unsafe(name: string, what: string, why: string): EdgewiseError {
  const shown = shorten(name);
  return new EdgewiseError('UNSAFE_NAME', `${what}, "${shown}", is refused: ${why}.`, {
    hint: 'Rename it in the program that exports the model. If the model came from somebody else, do not trust it.',
    details: { name: shown },
  });
}
