/** Files that a page has sent and not imported yet. The server fills them, the router imports them. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EdgewiseError } from '../base/errors.ts';

export interface Uploads {
  /** A new upload: write the file to `path`, then call `complete`, or `drop` where it failed. */
  begin(): { readonly id: string; readonly path: string };
  complete(id: string): void;
  /** Where a complete upload is. */
  pathOf(id: string): string | undefined;
  drop(id: string): Promise<void>;
  /**
   * Puts complete uploads into a folder of their own, each under the name that the model knows it by, for as long as `use` takes.
   * @throws NOT_FOUND, BAD_REQUEST where a name is no plain name or given twice
   */
  together<T>(model: string, data: readonly DataUpload[], use: (path: string) => Promise<T>): Promise<T>;
}

/** A file of weights that came with a model. */
export interface DataUpload {
  readonly uploadId: string;
  readonly fileName: string;
}

/** The model's own name in the folder; no data file may have it. */
const MODEL = 'model.onnx';

export function createUploads(folder: string): Uploads {
  const complete = new Set<string>();
  const pathOf = (id: string): string => join(folder, `${id}.onnx`);
  const found = (id: string): string => {
    if (complete.has(id)) return pathOf(id);
    throw new EdgewiseError('NOT_FOUND', `There is no upload with the id "${id}".`, { hint: 'Send the file again.' });
  };
  const drop = async (id: string): Promise<void> => {
    complete.delete(id);
    if (/^[0-9a-f-]{36}$/.test(id)) await rm(pathOf(id), { force: true });
  };
  return {
    begin() {
      const id = randomUUID();
      return { id, path: pathOf(id) };
    },
    complete(id) {
      complete.add(id);
    },
    pathOf: (id) => (complete.has(id) ? pathOf(id) : undefined),
    drop,
    async together(model, data, use) {
      const ids = [model, ...data.map(({ uploadId }) => uploadId)];
      const paths = ids.map(found);
      const own = join(folder, `${randomUUID()}.parts`);
      try {
        const names = [MODEL, ...data.map(({ fileName }) => plainName(fileName))];
        if (new Set(names).size < names.length || new Set(ids).size < ids.length) throw new EdgewiseError('BAD_REQUEST', 'Two files of the model have the same name.', { hint: 'Send each file once.' });
        await mkdir(own);
        for (const [index, path] of paths.entries()) await rename(path, join(own, names[index] as string));
        return await use(join(own, MODEL));
      } finally {
        await rm(own, { recursive: true, force: true });
        for (const id of ids) await drop(id);
      }
    },
  };
}

/** A name from a page chooses a file in a folder and nothing else. */
function plainName(name: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is refused
  if (name !== '.' && name !== '..' && basename(name) === name && !/[\\/:\u0000-\u001f]/u.test(name)) return name;
  throw new EdgewiseError('BAD_REQUEST', 'A data file of the model has a name that is no plain file name.', { hint: 'Rename the file, or name the model by its path instead.' });
}
