import { describe, expect, it } from 'vitest';
import type { ModelRecord } from '../../../../src/contract/records/model.ts';
import { lineageOf } from './lineage.ts';

const model = (id: string, from: string | null, at: number): ModelRecord => ({
  id,
  name: id,
  sha256: '',
  bytes: 1,
  nodes: 1,
  parameters: 1,
  macs: 1,
  opset: 13,
  quantized: false,
  origin: from === null ? { kind: 'imported', fileName: 'a.onnx' } : { kind: 'optimized', fromModelId: from, jobId: 'j', recipe: 'int8' },
  createdAt: `2026-01-0${at}`,
});
const library = (...models: readonly ModelRecord[]): Record<string, ModelRecord> => Object.fromEntries(models.map((one) => [one.id, one]));
const drawn = (id: string, byId: Record<string, ModelRecord>): readonly string[] => lineageOf(id, byId).map((line) => `${'-'.repeat(line.depth)}${line.id}${line.model ? '' : '?'}`);

describe('lineage', () => {
  const family = library(model('a', null, 1), model('b', 'a', 3), model('c', 'a', 2), model('d', 'b', 4), model('other', null, 5));

  it.each(['a', 'b', 'c', 'd'])('shows the same family from %s, children by age, and nobody else', (id) => {
    expect(drawn(id, family)).toEqual(['a', '-c', '-b', '--d']);
  });

  it('keeps the place of a parent that was removed, and the siblings under it', () => {
    const { a: _removed, ...rest } = family;
    expect(drawn('d', rest)).toEqual(['a?', '-c', '-b', '--d']);
  });

  it('ends where records name each other', () => {
    expect(drawn('x', library(model('x', 'y', 1), model('y', 'x', 2)))).toHaveLength(2);
  });
});
