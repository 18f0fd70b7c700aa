/** Folders of pictures: one folder a class (leaf folders, however deep), or one folder of pictures with labels beside or without any. */
import { existsSync, opendirSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import sharp from 'sharp';
import { EdgewiseError } from '../../base/errors.ts';
import type { Dataset, DatasetOptions } from './types.ts';
import { checkCount, numberedClasses, readLabels, type Labels } from './labels.ts';
import { preparePicture } from './prepare.ts';

const PICTURE = /\.(png|jpe?g)$/iu;
const MAX_PICTURES = 2_000_000;
const MAX_DEPTH = 16;

/** @throws BAD_DATASET where there is no picture, BAD_LABELS where a picture has no label in the file that was given */
export async function openPictures(folder: string, options: DatasetOptions): Promise<Dataset> {
  const root = resolve(folder);
  const files = listPictures(root);
  const first = files[0];
  if (first === undefined) {
    throw new EdgewiseError('BAD_DATASET', `There is no PNG or JPEG picture in "${folder}" or below.`, { hint: hintFor(root), details: { path: folder } });
  }
  const warnings: string[] = [];
  const { labels, classes, byFolder } = labelsOf(root, files, options.labelsPath, warnings);
  const { width, height, channels } = await headerOf(join(root, first));
  return {
    facts: {
      path: folder,
      kind: byFolder ? 'class-folders' : 'pictures',
      samples: files.length,
      classes: [...classes],
      labelled: labels !== undefined,
      sampleShape: [height, width, channels],
      warnings,
    },
    label: (index) => labels?.[index],
    async load(index, preprocess) {
      const file = files[index];
      if (file === undefined) throw new RangeError(`sample ${index} of ${files.length}`);
      try {
        return await preparePicture(join(root, file), preprocess ?? {});
      } catch (error) {
        throw error instanceof EdgewiseError ? error : unreadable(join(root, file), error);
      }
    },
    close: async () => {},
  };
}

/** A folder that holds the data as one file is a near miss: the file is what to choose. */
function hintFor(root: string): string {
  const file = readdirSync(root).sort().find((name) => /ubyte(\.gz)?$|\.(idx|npy|npz|csv|tsv)$/iu.test(name) && !/label/iu.test(name));
  return file === undefined ? 'Choose a folder of pictures, or one with a folder for each class.' : `Choose the file in it: "${join(root, file)}".`;
}

/** Paths relative to the root, in a fixed order. */
function listPictures(root: string): string[] {
  const files: string[] = [];
  const visit = (folder: string, depth: number): void => {
    if (depth > MAX_DEPTH) return;
    const directory = opendirSync(folder);
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        if (entry.name.startsWith('.')) continue;
        const path = join(folder, entry.name);
        if (entry.isDirectory()) visit(path, depth + 1);
        else if (entry.isFile() && PICTURE.test(entry.name)) {
          files.push(relative(root, path));
          if (files.length > MAX_PICTURES) throw new EdgewiseError('BAD_DATASET', `There are more than ${MAX_PICTURES} pictures in "${root}".`, { hint: 'Choose a folder with fewer pictures: a few hundred are enough.' });
        }
      }
    } finally {
      directory.closeSync();
    }
  };
  visit(root, 0);
  return files.sort();
}

interface Labelled {
  readonly labels: readonly number[] | undefined;
  readonly classes: readonly string[];
  readonly byFolder: boolean;
}

function labelsOf(root: string, files: readonly string[], given: string | undefined, warnings: string[]): Labelled {
  const folders = [...new Set(files.map((file) => dirname(file)))].sort();
  const nested = folders.length > 1 && !folders.includes('.');
  if (given !== undefined) {
    const labels = readLabels(given);
    checkCount(given, labels, files.length);
    return listed(given, labelsOrThrow(root, files, labels, given), labels);
  }
  const beside = listBeside(root);
  if (beside !== undefined) {
    try {
      const labels = readLabels(beside);
      checkCount(beside, labels, files.length);
      const found = listed(beside, labelsOrThrow(root, files, labels, beside), labels);
      warnings.push(`labels are read from ${basename(beside)}`);
      return found;
    } catch (error) {
      // Nobody asked for this file; it may be about something else.
      warnings.push(`${basename(beside)} is not used: ${error instanceof Error ? error.message : 'unreadable'}`);
    }
  }
  if (!nested) return { labels: undefined, classes: [], byFolder: false };
  const rank = new Map(folders.map((name, index) => [name, index]));
  return { labels: files.map((file) => rank.get(dirname(file)) ?? 0), classes: folders.map((name) => name.split(sep).join('/')), byFolder: true };
}

function listed(path: string, found: readonly number[], { classes }: Labels): Labelled {
  return { labels: found, classes: classes.length > 0 ? classes : numberedClasses(path, found), byFolder: false };
}

/** A list of labels that travels with the pictures: synsets.txt or labels.txt in the folder, or `val.txt` beside a folder `val`. */
function listBeside(root: string): string | undefined {
  const candidates = [join(root, 'labels.json'), join(root, 'labels.txt'), join(root, 'synsets.txt'), join(dirname(root), `${basename(root)}.txt`)];
  return candidates.find((path) => existsSync(path));
}

function labelsOrThrow(root: string, files: readonly string[], labels: Labels, path: string): number[] {
  return files.map((file, index) => {
    const label = labels.of(join(root, file), index);
    if (label === undefined) {
      throw new EdgewiseError('BAD_LABELS', `The label file "${path}" has no label for "${file}".`, { hint: 'Give a line "path, label" for each picture, or choose the file that belongs to this folder.', details: { path, file } });
    }
    return label;
  });
}

async function headerOf(path: string): Promise<{ width: number; height: number; channels: number }> {
  try {
    const { width, height, channels } = await sharp(path, { failOn: 'error' }).metadata();
    return { width, height, channels: channels >= 3 ? 3 : 1 };
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): EdgewiseError {
  const why = (error instanceof Error ? error.message : String(error)).split('\n')[0];
  return new EdgewiseError('BAD_DATASET', `The picture "${path}" cannot be decoded: ${why}.`, { hint: 'Remove or replace this picture.', details: { path }, cause: error });
}
