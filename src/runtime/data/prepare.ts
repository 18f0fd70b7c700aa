/**
 * A picture becomes a tensor: resize, centre crop, channel order, (pixel * scale - mean) / std, layout. Resizing is bilinear with
 * antialiasing when it shrinks, as Pillow's BILINEAR; JPEG files are decoded at full size first, since shrinking while decoding
 * changes pixels.
 */
import sharp, { type Sharp } from 'sharp';
import { EdgewiseError } from '../../base/errors.ts';
import type { PreprocessRecord } from '../../base/ports.ts';
import type { PreparedSample } from './types.ts';

// What is decoded once is not decoded again soon, and a file may be replaced under its name; several pictures are decoded at a time instead of
// one by several threads.
sharp.cache(false);
sharp.concurrency(1);

/** A decoded picture, row by row, channels together. */
export interface RawPicture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array;
}

/** The grey that fills the border of a letterbox, as detectors of the YOLO family are trained with. */
const LETTERBOX_GREY = 114;
const MAX_PIXELS = 100_000_000;

/** @param source path of a picture file, or a decoded picture */
export async function preparePicture(source: string | RawPicture, record: PreprocessRecord): Promise<PreparedSample> {
  const picture = await geometry(source, record);
  return toTensor(picture, record);
}

function open(source: string | RawPicture): Sharp {
  return typeof source === 'string'
    ? sharp(source, { limitInputPixels: MAX_PIXELS, failOn: 'error', ignoreIcc: true }).rotate()
    : sharp(source.pixels, { raw: { width: source.width, height: source.height, channels: source.channels } });
}

async function geometry(source: string | RawPicture, record: PreprocessRecord): Promise<RawPicture> {
  const grey = record.channels === 'L' || (record.channels === undefined && typeof source !== 'string' && source.channels === 1);
  if (typeof source !== 'string' && record.resize === undefined && record.crop === undefined && grey === (source.channels === 1)) return source;
  const decoded = await decode(open(source), grey);
  const resized = await resize(decoded, record.resize);
  return crop(resized, record.crop);
}

/** Colour profiles and alpha are left aside, as the image readers of the training frameworks do. */
async function decode(image: Sharp, grey: boolean): Promise<RawPicture> {
  const { data, info } = await image.removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const picture = asPicture(data, info);
  if (grey) return toGrey(picture);
  return picture.channels === 3 ? picture : toColour(picture);
}

/** Luma of ITU-R 601 in 16-bit fixed point, as Pillow's mode L. */
function toGrey({ width, height, channels, pixels }: RawPicture): RawPicture {
  if (channels === 1) return { width, height, channels, pixels };
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = ((pixels[3 * i] as number) * 19_595 + (pixels[3 * i + 1] as number) * 38_470 + (pixels[3 * i + 2] as number) * 7471 + 0x8000) >> 16;
  }
  return { width, height, channels: 1, pixels: grey };
}

function toColour({ width, height, pixels }: RawPicture): RawPicture {
  const colour = new Uint8Array(3 * pixels.length);
  for (let i = 0; i < pixels.length; i++) colour.fill(pixels[i] as number, 3 * i, 3 * i + 3);
  return { width, height, channels: 3, pixels: colour };
}

function asPicture(data: Buffer, info: { readonly width: number; readonly height: number; readonly channels: number }): RawPicture {
  const { width, height } = info;
  if (info.channels === 1 || info.channels === 3) return { width, height, channels: info.channels, pixels: data };
  // Grey with alpha, or four channels: the first one, or the first three, are what is wanted.
  const channels = info.channels >= 3 ? 3 : 1;
  const pixels = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < channels; c++) pixels[i * channels + c] = data[i * info.channels + c] ?? 0;
  return { width, height, channels, pixels };
}

async function resize(picture: RawPicture, wanted: PreprocessRecord['resize']): Promise<RawPicture> {
  if (wanted === undefined) return picture;
  const [targetHeight, targetWidth] = typeof wanted.size === 'number' ? [wanted.size, wanted.size] : wanted.size;
  if (wanted.mode === 'stretch') return scaled(picture, targetHeight, targetWidth);
  if (wanted.mode === 'shorter') {
    const shorter = Math.min(targetHeight, targetWidth);
    const ratio = shorter / Math.min(picture.width, picture.height);
    // The long side is cut off, not rounded, as torchvision does.
    const along = (side: number): number => (side === Math.min(picture.width, picture.height) ? shorter : Math.max(1, Math.floor(side * ratio)));
    return scaled(picture, along(picture.height), along(picture.width));
  }
  const ratio = Math.min(targetHeight / picture.height, targetWidth / picture.width);
  const inner = await scaled(picture, Math.max(1, Math.round(picture.height * ratio)), Math.max(1, Math.round(picture.width * ratio)));
  // Top left, as YOLOX places it.
  const pixels = new Uint8Array(targetHeight * targetWidth * inner.channels).fill(LETTERBOX_GREY);
  for (let y = 0; y < inner.height; y++) {
    pixels.set(inner.pixels.subarray(y * inner.width * inner.channels, (y + 1) * inner.width * inner.channels), y * targetWidth * inner.channels);
  }
  return { width: targetWidth, height: targetHeight, channels: inner.channels, pixels };
}

async function scaled(picture: RawPicture, height: number, width: number): Promise<RawPicture> {
  if (height === picture.height && width === picture.width) return picture;
  const image = open(picture).resize(width, height, { fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false });
  // One channel would come back as three equal ones.
  const { data, info } = await (picture.channels === 1 ? image.toColourspace('b-w') : image).raw().toBuffer({ resolveWithObject: true });
  return asPicture(data, info);
}

function crop(picture: RawPicture, wanted: PreprocessRecord['crop']): RawPicture {
  if (wanted === undefined) return picture;
  const [height, width] = typeof wanted === 'number' ? [wanted, wanted] : wanted;
  if (height > picture.height || width > picture.width) {
    throw new EdgewiseError('BAD_PREPROCESS', `The crop of ${height} x ${width} is larger than the picture, ${picture.height} x ${picture.width} (height x width).`, {
      hint: 'Resize to at least the size of the crop.',
      details: { crop: [height, width], picture: [picture.height, picture.width] },
    });
  }
  const top = middle(picture.height - height);
  const left = middle(picture.width - width);
  const { channels } = picture;
  const pixels = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * channels;
    pixels.set(picture.pixels.subarray(from, from + width * channels), y * width * channels);
  }
  return { width, height, channels, pixels };
}

/** Half of a margin; a half is rounded to even, as torchvision's centre crop does. */
function middle(margin: number): number {
  const half = Math.floor(margin / 2);
  return margin % 2 === 1 && half % 2 === 1 ? half + 1 : half;
}

function toTensor(picture: RawPicture, record: PreprocessRecord): PreparedSample {
  const { width, height, channels, pixels } = picture;
  const { factor, shift } = affine(record, channels);
  const plane = width * height;
  const values = new Float32Array(plane * channels);
  const last = record.layout === 'NHWC';
  for (let c = 0; c < channels; c++) {
    const from = record.channels === 'BGR' && channels === 3 ? 2 - c : c;
    const a = factor[c] ?? 1;
    const b = shift[c] ?? 0;
    for (let i = 0; i < plane; i++) values[last ? i * channels + c : c * plane + i] = (pixels[i * channels + from] as number) * a + b;
  }
  return { values, dims: last ? [height, width, channels] : [channels, height, width] };
}

/** (x * scale - mean) / std as x * factor + shift, per channel in the order in which the network gets them. */
function affine(record: PreprocessRecord, channels: number): { factor: number[]; shift: number[] } {
  const each = (name: 'mean' | 'std', fallback: number): number[] => {
    const list = record[name];
    if (list === undefined) return Array.from({ length: channels }, () => fallback);
    if (list.length === 1) return Array.from({ length: channels }, () => list[0] as number);
    if (list.length !== channels) {
      throw new EdgewiseError('BAD_PREPROCESS', `"${name}" has ${list.length} values, but a sample has ${channels} channel${channels === 1 ? '' : 's'}.`, { hint: 'Give one value, or one for each channel.' });
    }
    return [...list];
  };
  const mean = each('mean', 0);
  const std = each('std', 1);
  const scale = record.scale ?? 1;
  return { factor: std.map((value) => scale / value), shift: std.map((value, c) => -(mean[c] as number) / value) };
}

/** Numbers that are no picture: only (x * scale - mean) / std applies. @param dims without the batch; a first dimension of 1 or 3 counts as channels */
export function prepareNumbers(values: Float32Array, dims: readonly number[], record: PreprocessRecord | undefined): PreparedSample {
  if (record === undefined || (record.scale === undefined && record.mean === undefined && record.std === undefined)) return { values, dims };
  const channels = dims.length === 3 && (record.mean ?? record.std ?? []).length > 1 ? (dims[0] ?? 1) : 1;
  const { factor, shift } = affine(record, channels);
  const plane = values.length / channels;
  return { values: values.map((value, i) => value * (factor[Math.floor(i / plane)] ?? 1) + (shift[Math.floor(i / plane)] ?? 0)), dims };
}
