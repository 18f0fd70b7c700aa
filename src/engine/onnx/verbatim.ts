/**
 * Whether bytes kept from the file still say what the value says. A pass that copies a tensor with `{ ...tensor, payload }` keeps the old
 * bytes by accident; writing them would silently undo its work, so the writer looks.
 */
import { Budget } from './limits.ts';
import { readTensor, readValueInfo, type ReadContext } from './read-tensor.ts';
import type { Shape, Tensor, TensorPayload, ValueInfo } from './types.ts';
import { WireReader } from './wire.ts';

const context = (): ReadContext => ({
  budget: new Budget(),
  external: { open: () => { throw new Error('a tensor with external data is never copied as it was'); } },
});

export function sameAsEncoded(tensor: Tensor, encoded: Uint8Array): boolean {
  const before = readTensor(new WireReader(encoded), context());
  return (
    before.name === tensor.name &&
    before.dataType === tensor.dataType &&
    before.dims.length === tensor.dims.length &&
    before.dims.every((dim, axis) => dim === tensor.dims[axis]) &&
    samePayload(before.payload, tensor.payload)
  );
}

export function sameValueInfo(value: ValueInfo, encoded: Uint8Array): boolean {
  const before = readValueInfo(new WireReader(encoded), context());
  return before.name === value.name && before.elemType === value.elemType && sameShape(before.shape, value.shape);
}

function sameShape(a: Shape | null, b: Shape | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

function samePayload(a: TensorPayload, b: TensorPayload): boolean {
  if (a.kind === 'raw') return b.kind === 'raw' && sameView(a.bytes, b.bytes);
  if (a.kind === 'varints') return b.kind === 'varints' && sameViews(a.chunks, b.chunks);
  if (a.kind === 'strings') return b.kind === 'strings' && sameViews(a.values, b.values);
  return false;
}

function sameViews(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((view, index) => sameView(view, b[index] as Uint8Array));
}

/** The same bytes of the same buffer: small views are compared by content, as gathered lists have a buffer of their own. */
function sameView(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  if (a.buffer === b.buffer && a.byteOffset === b.byteOffset) return true;
  return a.length <= 65_536 && a.every((byte, index) => byte === b[index]);
}
