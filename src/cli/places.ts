/** Where the program's own files are, built or from source. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export interface Places {
  readonly root: string;
  readonly version: string;
  /** The built page. */
  readonly renderer: string;
  readonly sample: { readonly model: string; readonly data: string } | undefined;
}

const packageFile = z.object({ name: z.string(), version: z.string() });

/** @throws Error where the program is not in its folder */
export function findPlaces(): Places {
  let root = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const path = join(root, 'package.json');
    const found = existsSync(path) ? packageFile.safeParse(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
    if (found?.success && found.data.name === 'edgewise') {
      const sample = { model: join(root, 'resources/sample/shelf-products.onnx'), data: join(root, 'resources/sample/pictures') };
      return { root, version: found.data.version, renderer: join(root, 'out/renderer'), sample: existsSync(sample.model) ? sample : undefined };
    }
    const parent = dirname(root);
    if (parent === root) throw new Error('The package.json of Edgewise is not above its program files.');
    root = parent;
  }
}
