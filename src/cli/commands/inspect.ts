import type { ModelFacts } from '../../contract/records/model.ts';
import { withModelFile } from '../../console/models/model-file.ts';
import { requireFile } from '../../console/models/model-library.ts';
import { bytesText, countText, tableText, type Io } from '../io.ts';

/** The graph's facts; the shape of the object is part of the command line's contract. */
export async function inspect(path: string, io: Io): Promise<void> {
  await requireFile(path);
  const facts = await withModelFile(path, (file) => file.facts);
  const { nodes, parameters, macs, bytes, opset, ir, inputs, outputs, warnings } = facts;
  const layers = facts.layers.map(({ name, op, macs: layerMacs, parameters: layerParameters, outputShape }) => ({
    name,
    op,
    macs: layerMacs,
    parameters: layerParameters,
    outputShape,
  }));
  io.result({ nodes, parameters, macs, bytes, opset, ir, inputs, outputs, layers, warnings }, () => inspectText(path, facts));
}

function inspectText(path: string, facts: ModelFacts): string {
  const shape = (dims: readonly (number | string | null)[] | null): string => (dims === null ? '?' : `[${dims.map((dim) => dim ?? '?').join(', ')}]`);
  const values = (label: string, list: ModelFacts['inputs']): string[] => list.map(({ name, type, shape: dims }) => `${label.padEnd(12)}${name} ${type} ${shape(dims)}`);
  return [
    path,
    `${'size'.padEnd(12)}${bytesText(facts.bytes)}, ${facts.nodes} nodes, ${countText(facts.parameters)} parameters, ${countText(facts.macs)} multiply-adds`,
    `${'format'.padEnd(12)}opset ${facts.opset}, IR ${facts.ir}${facts.producer === '' ? '' : `, made by ${facts.producer}`}${facts.quantized ? ', quantized' : ''}`,
    ...values('input', facts.inputs),
    ...values('output', facts.outputs),
    ...facts.warnings.map((warning) => `${'warning'.padEnd(12)}${warning}`),
    '',
    tableText([
      ['layer', 'operator', 'multiply-adds', 'parameters', 'output'],
      ...facts.layers.map(({ name, op, macs, parameters, outputShape }) => [name, op, macs === null ? '?' : countText(macs), countText(parameters), shape(outputShape)]),
    ]),
  ].join('\n');
}
