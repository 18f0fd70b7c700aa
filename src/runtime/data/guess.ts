/**
 * How to feed pictures to a model whose file does not say: from its input's shape, its name, and the kind of data. A guess is always
 * shown with its reasons, and a record given by the user replaces it whole.
 */
import type { PreprocessRecord, ValueDescription } from '../../base/ports.ts';
import type { DatasetFacts } from '../../contract/records/dataset.ts';

export interface Guess {
  /** `null`: the numbers of the data set go in as they are. */
  readonly preprocess: PreprocessRecord | null;
  readonly reasons: readonly string[];
}

const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_STD = [0.229, 0.224, 0.225];
const CIFAR_MEAN = [0.4914, 0.4822, 0.4465];
const CIFAR_STD = [0.2023, 0.1994, 0.201];
/** Sizes at which networks trained on ImageNet take the centre of a picture resized to 8/7 of it. */
const CLASSIFIER_SIZES = new Set([224, 192, 160, 128, 299, 256, 240, 227]);
/** Sizes of an open height and width, where the model names none. */
const OPEN_SIZE = 224;

/** @param modelName file name of the model: detectors are known by it */
export function guessPreprocess(input: ValueDescription | undefined, facts: DatasetFacts, modelName: string): Guess {
  if (input === undefined) return { preprocess: null, reasons: ['the model has no input'] };
  if (facts.kind === 'csv' || ((facts.kind === 'npy' || facts.kind === 'npz') && input.shape.length !== 4)) {
    return { preprocess: null, reasons: ['numbers are fed as they are'] };
  }
  const layout = layoutOf(input);
  if (layout === undefined) return { preprocess: null, reasons: [`the input of rank ${input.shape.length} is no picture: values are fed as they are`] };
  const { channels, height, width } = layout;
  const reasons = [`${layout.layout}: the input is ${input.shape.map((dim) => dim ?? '?').join(' x ')}`];
  const base: PreprocessRecord = layout.layout === 'NHWC' ? { layout: 'NHWC' } : {};
  const name = modelName.toLowerCase();
  const sized = height !== undefined && width !== undefined;
  if (input.type === 'uint8') {
    reasons.push('pixels 0 to 255: the input is uint8');
    return { preprocess: { ...base, resize: { mode: 'stretch', size: [height ?? OPEN_SIZE, width ?? OPEN_SIZE] }, channels: channels === 1 ? 'L' : 'RGB' }, reasons };
  }
  if (name.includes('yolox')) {
    reasons.push('letterbox, BGR, pixels 0 to 255: YOLOX is trained so');
    return { preprocess: { ...base, resize: { mode: 'letterbox', size: [height ?? 416, width ?? 416] }, channels: 'BGR' }, reasons };
  }
  if (/rfb-?(320|640)|ultraface|slim-?(320|640)/u.test(name)) {
    reasons.push('(pixel - 127) / 128: UltraFace is trained so');
    return { preprocess: { ...base, resize: { mode: 'stretch', size: [height ?? 240, width ?? 320] }, channels: 'RGB', mean: [127, 127, 127], std: [128, 128, 128] }, reasons };
  }
  if (name.includes('yunet')) {
    reasons.push('BGR, pixels 0 to 255: YuNet is trained so');
    return { preprocess: { ...base, resize: { mode: 'letterbox', size: [height ?? 320, width ?? 320] }, channels: 'BGR' }, reasons };
  }
  if (/ocr.*cls|ppocr/u.test(name)) {
    reasons.push('48 x 192, (pixel / 255 - 0.5) / 0.5: the PaddleOCR direction classifier is trained so');
    return { preprocess: { ...base, resize: { mode: 'stretch', size: [height ?? 48, width ?? 192] }, channels: 'BGR', scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, reasons };
  }
  if (channels === 1) {
    reasons.push('grey, pixel / 255: the input has one channel');
    const same = facts.sampleShape[0] === height && facts.sampleShape[1] === width;
    return { preprocess: { ...base, ...(same || !sized ? {} : { resize: { mode: 'stretch', size: [height, width] } }), channels: 'L', scale: 1 / 255 }, reasons };
  }
  const side = height ?? OPEN_SIZE;
  if ((height === undefined || height === width) && CLASSIFIER_SIZES.has(side)) {
    if (facts.sampleShape[0] === side && facts.sampleShape[1] === side) {
      reasons.push('no resize: the pictures have the size of the input');
      return { preprocess: { ...base, channels: 'RGB', scale: 1 / 255, mean: IMAGENET_MEAN, std: IMAGENET_STD }, reasons: [...reasons, 'mean and deviation of ImageNet'] };
    }
    const resized = side === 299 ? 342 : Math.round((side * 8) / 7);
    reasons.push(`short side to ${resized}, centre ${side}: usual for classifiers of this size`, 'mean and deviation of ImageNet');
    if (!sized) reasons.push(`the model leaves height and width open: ${side} is assumed`);
    return { preprocess: { ...base, resize: { mode: 'shorter', size: resized }, crop: side, channels: 'RGB', scale: 1 / 255, mean: IMAGENET_MEAN, std: IMAGENET_STD }, reasons };
  }
  const same = facts.sampleShape[0] === height && facts.sampleShape[1] === width;
  if (height === 32 && width === 32) {
    reasons.push('32 x 32 RGB: mean and deviation of CIFAR-10');
    return { preprocess: { ...base, ...(same ? {} : { resize: { mode: 'stretch', size: [32, 32] } }), channels: 'RGB', scale: 1 / 255, mean: CIFAR_MEAN, std: CIFAR_STD }, reasons };
  }
  reasons.push('RGB, pixel / 255: nothing says otherwise');
  return { preprocess: { ...base, ...(same ? {} : { resize: { mode: 'stretch', size: [side, width ?? OPEN_SIZE] } }), channels: 'RGB', scale: 1 / 255 }, reasons };
}

interface PictureLayout {
  readonly layout: 'NCHW' | 'NHWC';
  readonly channels: number;
  readonly height: number | undefined;
  readonly width: number | undefined;
}

function layoutOf(input: ValueDescription): PictureLayout | undefined {
  if (input.shape.length !== 4) return undefined;
  const [, second, third, fourth] = input.shape;
  const size = (dim: number | string | null | undefined): number | undefined => (typeof dim === 'number' ? dim : undefined);
  if (second === 1 || second === 3) return { layout: 'NCHW', channels: second, height: size(third), width: size(fourth) };
  if (fourth === 1 || fourth === 3) return { layout: 'NHWC', channels: fourth, height: size(second), width: size(third) };
  return typeof second === 'number' ? undefined : { layout: 'NCHW', channels: 3, height: size(third), width: size(fourth) };
}
