/**
 * Makes resources/sample: a small network that recognizes eight kinds of drawn products, and pictures that it was not learnt from.
 * Run with `node scripts/sample/make.ts`; the same seed draws the same pictures.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModel } from '../../src/engine/onnx/index.ts';
import { accuracyOf, learnNetwork, toInput } from './network.ts';
import { CLASS_NAMES, drawPicture, encodePicture } from './pictures.ts';
import sharp from 'sharp';

const SEED = 20;
const LEARN_PER_CLASS = 800;
const SHIPPED_PER_CLASS = 50;
const folder = join(import.meta.dirname, '../../resources/sample');

/** Seeds of different purposes and classes never meet. */
const seedOf = (purpose: number, kind: number, index: number): number => purpose * 10_000_000 + kind * 100_000 + index;

/** Through JPEG and back, so that the network learns from what it will see. */
async function seenThroughJpeg(kind: string, seed: number): Promise<{ input: Float32Array; file: Buffer }> {
  const file = await encodePicture(await drawPicture(kind, seed));
  return { input: toInput(await sharp(file).raw().toBuffer()), file };
}

const learn: Float32Array[] = [];
const learnLabels: number[] = [];
for (let index = 0; index < LEARN_PER_CLASS; index++) {
  for (const [label, kind] of CLASS_NAMES.entries()) {
    learn.push((await seenThroughJpeg(kind, seedOf(1, label, index))).input);
    learnLabels.push(label);
  }
}
const model = await learnNetwork(learn, learnLabels, CLASS_NAMES, SEED);

rmSync(folder, { recursive: true, force: true });
const shipped: Float32Array[] = [];
const shippedLabels: number[] = [];
for (const [label, kind] of CLASS_NAMES.entries()) {
  mkdirSync(join(folder, 'pictures', kind), { recursive: true });
  for (let index = 0; index < SHIPPED_PER_CLASS; index++) {
    const { input, file } = await seenThroughJpeg(kind, seedOf(2, label, index));
    writeFileSync(join(folder, 'pictures', kind, `${kind}-${String(index).padStart(2, '0')}.jpg`), file);
    shipped.push(input);
    shippedLabels.push(label);
  }
}
const chunks = [...encodeModel(model).chunks];
writeFileSync(join(folder, 'shelf-products.onnx'), Buffer.concat(chunks));
const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
console.log(`shelf-products.onnx: ${bytes} bytes; top-1 on the ${learn.length} pictures it was learnt from ${(await accuracyOf(model, learn, learnLabels)).toFixed(4)}, on the ${shipped.length} shipped ones ${(await accuracyOf(model, shipped, shippedLabels)).toFixed(4)}`);
