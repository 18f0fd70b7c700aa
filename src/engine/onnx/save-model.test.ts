/** Models in one file and in two: what is written is what is read, in pieces, and aligned for whoever maps it into memory. */
import { describe, expect, it } from 'vitest';
import type { ByteSource, ExternalFiles, Workspace } from '../../base/ports.ts';
import { buildModel, bytesSource, modelBytes, noExternalFiles } from '../../../test/support/build-model.ts';
import { checkModel, encodeModel, modelByteLength, modelFiles, parseModel, saveModel, tensorBytes, tensorPieces, type Model } from './index.ts';

const large = Float32Array.from({ length: 300_000 }, (_, i) => i / 7);
const model = buildModel({
  inputs: { x: [1, 4] },
  outputs: ['y'],
  initializers: { first: { dims: [300], values: large.subarray(0, 300) }, large: { dims: [300_000], values: large }, small: { dims: [4], values: [1, 2, 3, 4] }, last: { dims: [300], values: large.subarray(300, 600) } },
  nodes: [{ op: 'Add', in: ['x', 'small'], out: ['y'] }],
});

function concat(chunks: Iterable<Uint8Array>): Uint8Array {
  return new Uint8Array(Buffer.concat([...chunks]));
}

/** A folder in memory that counts the largest piece that was ever read. */
function folder(): { readonly files: Map<string, Uint8Array>; readonly workspace: Workspace; readonly external: ExternalFiles; largestRead(): number } {
  const files = new Map<string, Uint8Array>();
  let largest = 0;
  const open = (name: string): ByteSource => {
    const bytes = files.get(name);
    if (!bytes) throw new Error(`${name} is not there`);
    return { size: bytes.length, read: (offset, length) => ((largest = Math.max(largest, length)), bytes.subarray(offset, offset + length)) };
  };
  return {
    files,
    workspace: { folder: '', write: (name, chunks) => (files.set(name, concat(chunks)), Promise.resolve(name)) },
    external: { open },
    largestRead: () => largest,
  };
}

const values = ({ graph }: Model): [string, Uint8Array][] => [...graph.initializers].map(([name, tensor]) => [name, new Uint8Array(tensorBytes(tensor))]);

describe('saveModel', () => {
  it('one file where that is enough', async () => {
    const { files, workspace } = folder();
    expect(await saveModel(workspace, 'm.onnx', model)).toEqual({ path: 'm.onnx', paths: ['m.onnx'], bytes: modelBytes(model).length });
    expect(files.get('m.onnx')).toEqual(modelBytes(model));
  });

  it.each([['above the limit on one file', { fileBytes: 1_000_000 }], ['where it is wanted', { externalData: true }]] as const)('two files %s, the weights first', async (_, options) => {
    const { files, workspace, external } = folder();
    const saved = await saveModel(workspace, 'm.onnx', model, options);
    expect(saved.paths).toEqual(['m.onnx', 'm.onnx.data']);
    expect([...files.keys()]).toEqual(['m.onnx.data', 'm.onnx']);
    expect(saved.bytes).toBe((files.get('m.onnx')?.length ?? 0) + (files.get('m.onnx.data')?.length ?? 0));
    expect(files.get('m.onnx')?.length).toBeLessThan(1000);
    const read = parseModel(bytesSource(files.get('m.onnx') as Uint8Array), external);
    expect(checkModel(read).warnings).toEqual([]);
    expect(values(read)).toEqual(values(model));
    const offsets = [...read.graph.initializers.values()].map(({ payload }) => (payload.kind === 'external' ? payload.offset : null));
    expect(offsets[2]).toBeNull();
    for (const offset of offsets) expect((offset ?? 0) % 64).toBe(0);
    // What a runtime maps into memory begins on a page.
    expect((offsets[1] as number) % 4096).toBe(0);
  });

  it('files that move together keep their weights where they are', async () => {
    const { files, workspace, external } = folder();
    await saveModel(workspace, 'm.onnx', model, { externalData: true });
    const read = parseModel(bytesSource(files.get('m.onnx') as Uint8Array), external);
    files.set('n.onnx.data', files.get('m.onnx.data') as Uint8Array);
    files.delete('m.onnx.data');
    const moved = encodeModel(read, { externalStays: { location: 'n.onnx.data' } });
    expect(moved.external).toBeUndefined();
    expect(values(parseModel(bytesSource(concat(moved.chunks)), external))).toEqual(values(model));
  });

  it('two files become one again', async () => {
    const { files, workspace, external } = folder();
    await saveModel(workspace, 'm.onnx', model, { externalData: true });
    const read = parseModel(bytesSource(files.get('m.onnx') as Uint8Array), external);
    const [file, ...others] = modelFiles(read, 'm.onnx');
    expect(others).toEqual([]);
    expect(file?.byteLength).toBe(modelByteLength(read));
    expect(values(parseModel(bytesSource(concat(file?.chunks ?? [])), noExternalFiles))).toEqual(values(model));
  });
});

describe('a tensor of many megabytes in a data file', () => {
  const BYTES = 50_000_000;
  const data = new Uint8Array(BYTES + 16);
  data[16] = 7;
  data[BYTES + 15] = 9;
  const big = (): { read: Model; largestRead: () => number } => {
    const { files, external, largestRead } = folder();
    files.set('d', data);
    const source = buildModel({ inputs: { x: [1] }, outputs: ['y'], nodes: [{ op: 'Relu', in: ['x'], out: ['y'] }] });
    source.graph.initializers.set('w', { name: 'w', dataType: 1, dims: [BYTES / 4], payload: { kind: 'external', location: 'd', offset: 16, length: BYTES, open: () => external.open('d') } });
    return { read: source, largestRead };
  };

  it('is checked and written in pieces, never whole', () => {
    const { read, largestRead } = big();
    checkModel(read);
    let written = 0;
    const sum = (chunks: Iterable<Uint8Array>): void => {
      for (const chunk of chunks) written += chunk.length;
    };
    for (const file of modelFiles(read, 'm.onnx', { externalData: true })) sum(file.chunks);
    expect(written).toBeGreaterThan(BYTES);
    expect(largestRead()).toBeLessThan(10_000_000);
    expect(concat(tensorPieces([...read.graph.initializers.values()][0] as never)).length).toBe(BYTES);
  });

  it('is still found to hold NaN in its last element', () => {
    const bytes = new Uint8Array(data);
    bytes.set([0, 0, 0xc0, 0x7f], BYTES + 12);
    const { read } = big();
    const tensor = read.graph.initializers.get('w');
    read.graph.initializers.set('w', { ...(tensor as NonNullable<typeof tensor>), payload: { kind: 'external', location: 'd', offset: 16, length: BYTES, open: () => bytesSource(bytes) } });
    expect(() => checkModel(read)).toThrowError(expect.objectContaining({ code: 'BAD_TENSOR' }));
  });
});
