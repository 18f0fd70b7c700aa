/** How pictures are fed to a model that does not say: a table of inputs, names and data. */
import { describe, expect, it } from 'vitest';
import type { PreprocessRecord, TensorElementType, ValueDescription } from '../../base/ports.ts';
import type { DatasetFacts } from '../../contract/records/dataset.ts';
import { guessPreprocess } from './guess.ts';

const input = (shape: ValueDescription['shape'], type: TensorElementType = 'float32'): ValueDescription => ({ name: 'x', type, shape });
const data = (kind: DatasetFacts['kind'], sampleShape: number[]): DatasetFacts => ({ path: 'data', kind, samples: 10, classes: [], labelled: false, sampleShape, warnings: [] });
const photos = data('pictures', [480, 640, 3]);

const imagenet = { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const cifar = { scale: 1 / 255, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] };

describe('a guess', () => {
  it.each<[string, ValueDescription, DatasetFacts, string, PreprocessRecord | null]>([
    ['a classifier of photographs', input(['n', 3, 224, 224]), photos, 'squeezenet.onnx', { resize: { mode: 'shorter', size: 256 }, crop: 224, channels: 'RGB', ...imagenet }],
    ['a smaller one', input([1, 3, 192, 192]), photos, 'net.onnx', { resize: { mode: 'shorter', size: 219 }, crop: 192, channels: 'RGB', ...imagenet }],
    ['Inception', input([1, 3, 299, 299]), photos, 'net.onnx', { resize: { mode: 'shorter', size: 342 }, crop: 299, channels: 'RGB', ...imagenet }],
    ['channels last', input([1, 224, 224, 3]), photos, 'net.onnx', { layout: 'NHWC', resize: { mode: 'shorter', size: 256 }, crop: 224, channels: 'RGB', ...imagenet }],
    ['height and width left open', input(['n', 3, 'h', 'w']), photos, 'net.onnx', { resize: { mode: 'shorter', size: 256 }, crop: 224, channels: 'RGB', ...imagenet }],
    ['pictures of the right size already', input([1, 3, 224, 224]), data('class-folders', [224, 224, 3]), 'net.onnx', { channels: 'RGB', ...imagenet }],
    ['CIFAR', input([1, 3, 32, 32]), data('class-folders', [32, 32, 3]), 'resnet20.onnx', { channels: 'RGB', ...cifar }],
    ['CIFAR from larger pictures', input([1, 3, 32, 32]), photos, 'resnet20.onnx', { resize: { mode: 'stretch', size: [32, 32] }, channels: 'RGB', ...cifar }],
    ['one channel', input([1, 1, 28, 28]), data('idx', [28, 28, 1]), 'mnist.onnx', { channels: 'L', scale: 1 / 255 }],
    ['one channel of another size', input([1, 1, 32, 32]), data('idx', [28, 28, 1]), 'lenet.onnx', { resize: { mode: 'stretch', size: [32, 32] }, channels: 'L', scale: 1 / 255 }],
    ['bytes', input([1, 300, 300, 3], 'uint8'), photos, 'ssd.onnx', { layout: 'NHWC', resize: { mode: 'stretch', size: [300, 300] }, channels: 'RGB' }],
    ['YOLOX', input([1, 3, 416, 416]), photos, 'YOLOX_nano.onnx', { resize: { mode: 'letterbox', size: [416, 416] }, channels: 'BGR' }],
    ['UltraFace', input([1, 3, 240, 320]), photos, 'version-RFB-320.onnx', { resize: { mode: 'stretch', size: [240, 320] }, channels: 'RGB', mean: [127, 127, 127], std: [128, 128, 128] }],
    ['YuNet', input([1, 3, 'h', 'w']), photos, 'face_detection_yunet.onnx', { resize: { mode: 'letterbox', size: [320, 320] }, channels: 'BGR' }],
    ['nothing that is known', input([1, 3, 100, 50]), photos, 'net.onnx', { resize: { mode: 'stretch', size: [100, 50] }, channels: 'RGB', scale: 1 / 255 }],
    ['a table', input(['n', 64]), data('csv', [64]), 'mlp.onnx', null],
    ['arrays for an input that is no picture', input(['n', 2]), data('npy', [2]), 'mlp.onnx', null],
    ['pictures for an input that is none', input(['n', 784]), data('idx', [28, 28, 1]), 'mlp.onnx', null],
    ['many channels', input([1, 16, 8, 8]), data('npy', [16, 8, 8]), 'net.onnx', null],
  ])('%s', (_, value, facts, name, expected) => {
    const { preprocess, reasons } = guessPreprocess(value, facts, name);
    expect(preprocess).toEqual(expected);
    expect(reasons.length).toBeGreaterThan(0);
  });

  it('says what it assumed', () => {
    expect(guessPreprocess(input(['n', 3, 'h', 'w']), photos, 'net.onnx').reasons.join()).toContain('224 is assumed');
    expect(guessPreprocess(undefined, photos, 'net.onnx')).toEqual({ preprocess: null, reasons: ['the model has no input'] });
  });
});
