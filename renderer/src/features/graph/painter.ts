/**
 * Draws what is in sight of a scene. From far away boxes are plain blocks of their colour and names are left out; closer up they have a
 * frame, a coloured edge and two lines of text. Rows out of sight are never looked at.
 */
import { toWorld, type Camera, type Size } from './camera.ts';
import { BOX_HEIGHT, boxWidth, edgePath, firstFrom, PITCH, type Point, type Scene } from './scene.ts';

export interface Palette {
  readonly surface: string;
  readonly raised: string;
  readonly line: string;
  readonly edge: string;
  readonly text: string;
  readonly quiet: string;
  readonly accent: string;
  readonly accentSoft: string;
  readonly hit: string;
  /** By tone. */
  readonly tones: readonly string[];
  readonly font: string;
}

export interface Marks {
  readonly selected: number | null;
  /** What stands for the selected one of the other graph. */
  readonly counterparts: ReadonlySet<number>;
  /** What the chosen step touched. */
  readonly touched: ReadonlySet<number>;
  readonly hits: ReadonlySet<number>;
}

export interface View {
  readonly scene: Scene;
  readonly camera: Camera;
  readonly size: Size;
  readonly ratio: number;
  readonly tones: Uint8Array;
  readonly marks: Marks;
  readonly palette: Palette;
  /** A short word at the right of a box's title; empty: none. */
  readonly tag: (box: number) => string;
}

const READABLE_ZOOM = 0.4;
const CURVED_ZOOM = 0.25;
/** Rows closer than this on the screen are not told apart: some are skipped. */
const LEAST_PITCH = 1.1;
const BAND = 5;

interface Sight {
  readonly left: number;
  readonly right: number;
  readonly first: number;
  readonly last: number;
  readonly stride: number;
}

export function paint(context: CanvasRenderingContext2D, view: View): void {
  const { scene, camera, size, ratio, palette } = view;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = palette.surface;
  context.fillRect(0, 0, size.width, size.height);
  const corner = toWorld(camera, size, { x: 0, y: 0 });
  const opposite = toWorld(camera, size, { x: size.width, y: size.height });
  const sight: Sight = {
    left: corner.x,
    right: opposite.x,
    first: Math.max(0, Math.floor(corner.y / PITCH)),
    last: Math.min(scene.rows.length - 1, Math.floor(opposite.y / PITCH)),
    stride: Math.max(1, Math.ceil(LEAST_PITCH / (PITCH * camera.zoom))),
  };
  const scale = ratio * camera.zoom;
  context.setTransform(scale, 0, 0, scale, -corner.x * scale, -corner.y * scale);
  paintEdges(context, view, sight);
  paintChosenEdges(context, view);
  if (camera.zoom >= READABLE_ZOOM) paintBoxes(context, view, sight);
  else paintBlocks(context, view, sight);
  paintMarks(context, view);
}

function paintEdges(context: CanvasRenderingContext2D, { scene, camera, palette }: View, { left, right, first, last, stride }: Sight): void {
  if (stride > 1) return;
  const curved = camera.zoom >= CURVED_ZOOM;
  context.beginPath();
  for (let row = Math.max(0, first - 1); row <= last; row++) {
    const top = row * PITCH;
    for (const x of scene.passing[row] ?? []) {
      if (x < left || x > right) continue;
      context.moveTo(x, top);
      context.lineTo(x, top + BOX_HEIGHT);
    }
    const segments = scene.segments[row] ?? [];
    for (let at = 0; at < segments.length; at += 2) {
      const [a, b] = [segments[at] ?? 0, segments[at + 1] ?? 0];
      if (Math.max(a, b) < left || Math.min(a, b) > right) continue;
      step(context, { x: a, y: top + BOX_HEIGHT }, { x: b, y: top + PITCH }, curved);
    }
  }
  context.strokeStyle = palette.edge;
  context.lineWidth = Math.max(1.2, 0.7 / camera.zoom);
  context.stroke();
}

function step(context: CanvasRenderingContext2D, from: Point, to: Point, curved: boolean): void {
  context.moveTo(from.x, from.y);
  if (!curved || from.x === to.x) context.lineTo(to.x, to.y);
  else context.bezierCurveTo(from.x, (from.y + to.y) / 2, to.x, (from.y + to.y) / 2, to.x, to.y);
}

/** The edges of the selected box, over all others; no more than can be told apart. */
function paintChosenEdges(context: CanvasRenderingContext2D, { scene, camera, palette, marks: { selected } }: View): void {
  if (selected === null) return;
  const pairs = [...(scene.to[selected] ?? []), ...(scene.from[selected] ?? [])].slice(0, 64);
  context.beginPath();
  for (const pair of pairs) {
    const path = edgePath(scene, pair);
    path.reduce((from, to) => {
      step(context, from, to, true);
      return to;
    });
  }
  context.strokeStyle = palette.accent;
  context.lineWidth = Math.max(1.8, 1.4 / camera.zoom);
  context.stroke();
}

function eachBox(scene: Scene, { left, right, first, last, stride }: Sight, visit: (box: number, x: number, y: number, width: number) => void): void {
  for (let index = first - (first % stride); index <= last; index += stride) {
    const row = scene.rows[index];
    if (!row) continue;
    for (let at = firstFrom(scene, row, left); at < row.length; at++) {
      const box = row[at] ?? 0;
      const width = boxWidth(scene, box);
      const x = (scene.layout.x[box] ?? 0) - width / 2;
      if (x > right) break;
      visit(box, x, index * PITCH, width);
    }
  }
}

/** One colour after the other: changing it is what costs. */
function paintBlocks(context: CanvasRenderingContext2D, { scene, camera, palette, tones }: View, sight: Sight): void {
  const height = Math.max(BOX_HEIGHT, (LEAST_PITCH * 0.8) / camera.zoom);
  const byTone = new Map<number, number[]>();
  eachBox(scene, sight, (box, x, y, width) => {
    const tone = tones[box] ?? 255;
    let list = byTone.get(tone);
    if (!list) byTone.set(tone, (list = []));
    list.push(x, y, width);
  });
  for (const [tone, list] of byTone) {
    context.fillStyle = palette.tones[tone] ?? palette.quiet;
    for (let at = 0; at < list.length; at += 3) context.fillRect(list[at] ?? 0, list[at + 1] ?? 0, list[at + 2] ?? 0, height);
  }
}

function paintBoxes(context: CanvasRenderingContext2D, { scene, palette, tones, marks, tag }: View, sight: Sight): void {
  context.textBaseline = 'alphabetic';
  eachBox(scene, sight, (box, x, y, width) => {
    const found = scene.picture.boxes[box];
    if (!found) return;
    const chosen = box === marks.selected || marks.touched.has(box);
    const terminal = found.terminal !== null;
    context.beginPath();
    context.roundRect(x, y, width, BOX_HEIGHT, terminal ? BOX_HEIGHT / 2 : 6);
    context.fillStyle = chosen ? palette.accentSoft : terminal ? palette.surface : palette.raised;
    context.fill();
    context.strokeStyle = palette.line;
    context.lineWidth = 1;
    context.stroke();
    if (terminal) {
      context.fillStyle = palette.quiet;
      context.font = `500 12px ${palette.font}`;
      context.textAlign = 'center';
      context.fillText(tail(context, found.title, width - 24), x + width / 2, y + BOX_HEIGHT / 2 + 4);
      return;
    }
    context.beginPath();
    context.roundRect(x, y, BAND, BOX_HEIGHT, [6, 0, 0, 6]);
    context.fillStyle = palette.tones[tones[box] ?? 255] ?? palette.quiet;
    context.fill();
    const word = tag(box);
    let room = width - BAND - 20;
    if (word !== '') {
      context.textAlign = 'right';
      context.font = `500 10.5px ${palette.font}`;
      context.fillStyle = palette.quiet;
      context.fillText(word, x + width - 9, y + 18);
      room -= context.measureText(word).width + 8;
    }
    context.textAlign = 'left';
    context.font = `600 12.5px ${palette.font}`;
    context.fillStyle = palette.text;
    context.fillText(head(context, found.title, room), x + BAND + 9, y + 18);
    context.font = `400 11px ${palette.font}`;
    context.fillStyle = palette.quiet;
    context.fillText(tail(context, found.name, width - BAND - 18), x + BAND + 9, y + 34);
  });
}

/** Frames that are seen from far away too. */
function paintMarks(context: CanvasRenderingContext2D, { scene, camera, palette, marks }: View): void {
  const frame = (box: number, color: string, line: number, dashed: boolean): void => {
    const least = 5 / camera.zoom;
    const width = Math.max(boxWidth(scene, box), least);
    const height = Math.max(BOX_HEIGHT, least);
    const out = Math.max(2, 1 / camera.zoom);
    context.beginPath();
    context.roundRect((scene.layout.x[box] ?? 0) - width / 2 - out, (scene.layout.rank[box] ?? 0) * PITCH + BOX_HEIGHT / 2 - height / 2 - out, width + out * 2, height + out * 2, 8);
    context.setLineDash(dashed ? [6 / Math.min(1, camera.zoom), 4 / Math.min(1, camera.zoom)] : []);
    context.strokeStyle = color;
    context.lineWidth = Math.max(line, line / camera.zoom / 1.4);
    context.stroke();
  };
  if (camera.zoom < READABLE_ZOOM) for (const box of marks.touched) frame(box, palette.accent, 1, false);
  for (const box of marks.hits) frame(box, palette.hit, 2, false);
  for (const box of marks.counterparts) frame(box, palette.accent, 2, true);
  if (marks.selected !== null) frame(marks.selected, palette.accent, 2.5, false);
  context.setLineDash([]);
}

const fitted = new Map<string, string>();
const MOST_FITTED = 30_000;

/** The beginning of a text that fits. */
function head(context: CanvasRenderingContext2D, text: string, width: number): string {
  return fitting(context, text, width, (length) => `${text.slice(0, length)}…`);
}

/** The end of a text that fits: names of layers differ at their end. */
function tail(context: CanvasRenderingContext2D, text: string, width: number): string {
  return fitting(context, text, width, (length) => `…${text.slice(text.length - length)}`);
}

function fitting(context: CanvasRenderingContext2D, text: string, width: number, cut: (length: number) => string): string {
  const key = `${context.font}\n${Math.round(width)}\n${text}`;
  const known = fitted.get(key);
  if (known !== undefined) return known;
  let result = text;
  if (context.measureText(text).width > width) {
    let [low, high] = [0, Math.min(text.length, 120)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(cut(middle)).width <= width) low = middle;
      else high = middle - 1;
    }
    result = cut(low);
  }
  if (fitted.size > MOST_FITTED) fitted.clear();
  fitted.set(key, result);
  return result;
}
