/** What a file is that is not ONNX: said by name, because "cannot parse" helps nobody. */
import { EdgewiseError } from '../../base/errors.ts';
import { ModelField } from './fields.ts';
import { WireType } from './wire.ts';

const SIGNATURES: readonly { readonly bytes: string; readonly at?: number; readonly what: string; readonly hint: string }[] = [
  { bytes: 'version https://git-lfs', what: 'a Git LFS pointer, not the model itself', hint: 'Run `git lfs pull` in the repository and take the file again.' },
  { bytes: 'PK\u0003\u0004', what: 'a zip archive (PyTorch, Keras and many downloads are zip files)', hint: 'Unpack it, or export the PyTorch or Keras model to ONNX first.' },
  { bytes: '\u001f\u008b', what: 'a gzip archive', hint: 'Unpack it first.' },
  { bytes: '\u0089HDF', what: 'an HDF5 file, probably a Keras model', hint: 'Convert it to ONNX with tf2onnx first.' },
  { bytes: 'TFL3', at: 4, what: 'a TensorFlow Lite model', hint: 'Convert it to ONNX with tf2onnx (--tflite) first.' },
  { bytes: 'ORTM', at: 4, what: "a model in onnxruntime's own .ort format", hint: 'Take the .onnx file that it was made from.' },
  { bytes: '\u0080\u0002', what: 'a Python pickle, probably an old PyTorch model', hint: 'Export the model to ONNX with torch.onnx.export first.' },
  { bytes: '\u0089PNG', what: 'a picture', hint: 'Choose an .onnx file.' },
  { bytes: '\u00ff\u00d8\u00ff', what: 'a picture', hint: 'Choose an .onnx file.' },
];

export function notOnnx(what: string, hint = 'Choose an .onnx file, or export the model to ONNX first.'): EdgewiseError {
  return new EdgewiseError('NOT_ONNX', `This file is ${what}.`, { hint, details: { byte: 0 } });
}

/** @throws NOT_ONNX when the first bytes say so */
export function refuseOtherFormats(bytes: Uint8Array): void {
  if (bytes.length === 0) throw notOnnx('empty: it has no bytes', 'Copy or download the file again.');
  const head = latin1(bytes.subarray(0, 1024));
  for (const { bytes: signature, at = 0, what, hint } of SIGNATURES) if (head.startsWith(signature, at)) throw notOnnx(what, hint);
  const text = head.replace(/^ï»¿/, '').trimStart().toLowerCase();
  if (/^<(!doctype|html|head|body|script)/.test(text)) {
    throw notOnnx('a web page (HTML), not a model', 'The download gave a page, perhaps a login or an error: open the link in a browser and take the file itself.');
  }
  if (isText(bytes.subarray(0, 1024))) throw notOnnx(text.startsWith('<') ? 'an XML text' : 'a text, not a model');
  if (!startsLikeModel(bytes)) throw notOnnx('not an ONNX model: its first bytes do not begin one');
}

/** A model begins with one of its own fields; every other beginning is some other file. */
function startsLikeModel(bytes: Uint8Array): boolean {
  const tag = bytes[0] ?? 0;
  if (tag >= 0x80) return false;
  const expected = MODEL_WIRE_TYPES.get(tag >> 3);
  return expected !== undefined && expected === (tag & 7);
}

const MODEL_WIRE_TYPES: ReadonlyMap<number, number> = new Map<number, number>([
  [ModelField.IR_VERSION, WireType.VARINT], [ModelField.MODEL_VERSION, WireType.VARINT], [ModelField.PRODUCER_NAME, WireType.BYTES],
  [ModelField.PRODUCER_VERSION, WireType.BYTES], [ModelField.DOMAIN, WireType.BYTES], [ModelField.DOC_STRING, WireType.BYTES],
  [ModelField.GRAPH, WireType.BYTES], [ModelField.OPSET_IMPORT, WireType.BYTES], [ModelField.METADATA_PROPS, WireType.BYTES],
]);

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** Printable in ASCII or above it, with tabs and line ends: a model has control bytes from its first field on. */
function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte >= 0x20 ? byte !== 0x7f : byte === 0x09 || byte === 0x0a || byte === 0x0d);
}
