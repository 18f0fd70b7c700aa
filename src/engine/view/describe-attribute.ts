/** An attribute as a person reads it, short whatever its size. */
import { dataTypeName } from '../onnx/tensor.ts';
import type { Attribute } from '../onnx/types.ts';

const MOST_CHARACTERS = 80;
const MOST_ELEMENTS = 12;
const utf8 = new TextDecoder();

export function describeAttribute(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'float':
      return number(attribute.value);
    case 'int':
      return String(attribute.value);
    case 'string':
      return cut(utf8.decode(attribute.value.subarray(0, MOST_CHARACTERS * 4)));
    case 'floats':
      return list(attribute.value, number);
    case 'ints':
      return list(attribute.value, String);
    case 'strings':
      return list(attribute.value, (value) => utf8.decode(value.subarray(0, MOST_CHARACTERS * 4)));
    case 'tensor':
      return `${dataTypeName(attribute.value.dataType)} ${attribute.value.dims.join(' × ')}`.trim();
    case 'tensors':
      return `${attribute.value.length} tensors`;
    case 'graph':
      return `${attribute.value.nodes.length} nodes`;
    case 'graphs':
      return list(attribute.value, (graph) => `${graph.nodes.length} nodes`);
    case 'opaque':
      return '…';
  }
}

function list<T>(values: readonly T[], word: (value: T) => string): string {
  return cut(`${values.slice(0, MOST_ELEMENTS).map(word).join(', ')}${values.length > MOST_ELEMENTS ? ', …' : ''}`);
}

function number(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function cut(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
}
