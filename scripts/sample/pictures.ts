/**
 * Draws shelf pictures: one product of eight kinds on a shelf board, with random colour, size, tilt, place, light and noise.
 * Everything comes from a seed; no outside data. Colours are shared by all kinds, so that the shape has to be recognized.
 */
import sharp from 'sharp';
import { seededRandom } from '../../src/base/random.ts';

/** Height and width in pixels. */
export const PICTURE_SIZE = 96;

type Draw = (random: () => number, fill: string, shade: string, label: string) => string;

/** Shapes in a box of 100 x 100 around the origin. */
const KINDS: Readonly<Record<string, Draw>> = {
  apple: (random, fill, shade) =>
    `<circle cx="-9" cy="4" r="27" fill="${fill}"/><circle cx="9" cy="4" r="27" fill="${fill}"/><path d="M0 -22 q${4 + random() * 8} -14 10 -18" stroke="${shade}" stroke-width="4" fill="none"/>
     <ellipse cx="12" cy="-30" rx="9" ry="4" fill="${shade}"/>`,
  banana: (random, fill, shade) => {
    const bend = 18 + random() * 12;
    return `<path d="M-40 -14 Q0 ${bend + 24} 40 -14 Q34 -20 30 -14 Q0 ${bend - 8} -32 -12 Z" fill="${fill}"/><circle cx="-36" cy="-13" r="5" fill="${shade}"/><circle cx="36" cy="-14" r="5" fill="${shade}"/>`;
  },
  bottle: (random, fill, shade, label) => {
    const width = 13 + random() * 5;
    return `<path d="M-6 -46 h12 v16 q${width - 4} 8 ${width - 4} 22 v50 h${-2 * width} v-50 q0 -14 ${width - 8} -22 z" fill="${fill}"/><rect x="-7" y="-49" width="14" height="8" fill="${shade}"/>
      <rect x="${-width + 1}" y="2" width="${2 * width - 1}" height="18" fill="${label}"/>`;
  },
  can: (random, fill, shade, label) => {
    const height = 44 + random() * 14;
    return `<rect x="-20" y="${-height / 2}" width="40" height="${height}" fill="${fill}"/><ellipse cx="0" cy="${-height / 2}" rx="20" ry="6" fill="${shade}"/><ellipse cx="0" cy="${height / 2}" rx="20" ry="6" fill="${fill}"/>
      <rect x="-20" y="-8" width="40" height="16" fill="${label}"/>`;
  },
  carton: (random, fill, shade, label) => {
    const height = 40 + random() * 16;
    return `<path d="M-20 ${-height / 2} L-12 ${-height / 2 - 18} H12 L20 ${-height / 2} Z" fill="${shade}"/><rect x="-20" y="${-height / 2}" width="40" height="${height}" fill="${fill}"/>
      <rect x="-13" y="${-height / 4}" width="26" height="${height / 2}" fill="${label}"/><rect x="-14" y="${-height / 2 - 24}" width="28" height="7" fill="${fill}"/>`;
  },
  cup: (random, fill, shade) =>
    `<path d="M-24 -26 H20 L${13 - random() * 4} 28 H-17 Z" fill="${fill}"/><path d="M18 -14 q22 2 14 20 q-4 9 -18 10" stroke="${fill}" stroke-width="7" fill="none"/><ellipse cx="-2" cy="-26" rx="22" ry="5" fill="${shade}"/>`,
  jar: (random, fill, shade, label) => {
    const width = 24 + random() * 6;
    return `<rect x="${-width}" y="-22" width="${2 * width}" height="48" rx="12" fill="${fill}"/><rect x="${-width + 6}" y="-36" width="${2 * width - 12}" height="14" rx="2" fill="${shade}"/><circle cx="0" cy="2" r="12" fill="${label}"/>`;
  },
  loaf: (random, fill, shade) => {
    const cuts = [-22, -7, 8, 23].map((x) => `<path d="M${x - 4} 6 L${x + 5} -10" stroke="${shade}" stroke-width="4"/>`).join('');
    return `<path d="M-44 18 Q-46 ${-14 - random() * 8} -20 -16 H20 Q46 ${-14 - random() * 8} 44 18 Q0 24 -44 18 Z" fill="${fill}"/>${cuts}`;
  },
};

export const CLASS_NAMES: readonly string[] = Object.keys(KINDS).toSorted();

function colour(random: () => number, lightness: number): string {
  const hue = Math.floor(random() * 360);
  const saturation = 25 + Math.floor(random() * 60);
  return `hsl(${hue} ${saturation}% ${Math.round(lightness)}%)`;
}

/** One picture as raw RGB, row by row, 3 x PICTURE_SIZE x PICTURE_SIZE bytes. */
export async function drawPicture(kind: string, seed: number): Promise<Buffer> {
  const random = seededRandom(seed);
  const draw = KINDS[kind];
  if (draw === undefined) throw new Error(`no kind "${kind}"`);
  const backdrop = 25 + random() * 60;
  const contrast = backdrop > 55 ? -22 - random() * 14 : 22 + random() * 14;
  const fill = colour(random, backdrop + contrast);
  const shape = draw(random, fill, colour(random, backdrop + contrast * 0.55), colour(random, backdrop + contrast * 1.4));
  const scale = 0.6 + random() * 0.4;
  const place = `translate(${38 + random() * 20} ${40 + random() * 16}) rotate(${(random() - 0.5) * 44}) scale(${random() < 0.5 ? -scale : scale} ${scale})`;
  const board = 74 + random() * 10;
  const clutter = [0, 1, 2]
    .map(() => `<rect x="${random() * 100 - 12}" y="${random() * board - 20}" width="${6 + random() * 22}" height="${8 + random() * 30}" fill="${colour(random, backdrop + (random() - 0.5) * 16)}" opacity="0.7"/>`)
    .join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${PICTURE_SIZE}" height="${PICTURE_SIZE}" viewBox="0 0 96 96">
    <defs><linearGradient id="g" x1="0" y1="0" x2="${random()}" y2="1"><stop offset="0" stop-color="${colour(random, backdrop + 8)}"/><stop offset="1" stop-color="${colour(random, backdrop - 8)}"/></linearGradient></defs>
    <rect width="96" height="96" fill="url(#g)"/>${clutter}<rect y="${board}" width="96" height="30" fill="${colour(random, backdrop - 14)}"/><g transform="${place}">${shape}</g></svg>`;
  const raw = await sharp(Buffer.from(svg)).removeAlpha().toColourspace('srgb').raw().toBuffer();
  const noise = 4 + random() * 14;
  const light = 0.8 + random() * 0.35;
  for (let i = 0; i < raw.length; i++) raw[i] = Math.min(255, Math.max(0, Math.round((raw[i] ?? 0) * light + (random() - 0.5) * noise)));
  return raw;
}

/** The same picture as a JPEG file. */
export async function encodePicture(raw: Buffer): Promise<Buffer> {
  return sharp(raw, { raw: { width: PICTURE_SIZE, height: PICTURE_SIZE, channels: 3 } }).jpeg({ quality: 85 }).toBuffer();
}
