/** Seeded damage to real models, and one case of it through everything that happens to a model before the runtime sees it. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../src/base/random.ts';
import { modelFacts as factsRecord } from '../../src/contract/records/model.ts';
import { checkModel, encodeModel, modelFacts, parseModel, type Model } from '../../src/engine/onnx/index.ts';
import { simplifyOrder } from '../../src/engine/passes/index.ts';
import { runPasses } from '../../src/engine/passes/pipeline.ts';
import { bytesSource, modelBytes } from './build-model.ts';
import { damagedBytes, damagedModel } from './damage.ts';
import { damagedFields } from './damage-fields.ts';
import { sharedData } from './shared-data.ts';

export interface Original {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly model: Model;
}

const SUITES = ['onnx-backend-node', 'onnx-backend-simple', 'onnx-backend-pytorch-converted', 'onnx-backend-pytorch-operator', 'derived-retail', 'onnxruntime-testdata'];
const MOST_BYTES = 60_000;
const files = { open: () => bytesSource(new Uint8Array(256)) };

/** Some sixty models of each suite that pass unhurt; none where the models are not at hand. */
export function originals(): Original[] {
  if (!sharedData) return [];
  const made: Original[] = [];
  for (const suite of SUITES) {
    const folder = join(sharedData, 'models', suite);
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.onnx')).sort();
    const step = Math.max(1, Math.floor(found.length / 60));
    for (const [index, name] of found.entries()) {
      if (index % step !== 0 || statSync(join(folder, name)).size >= MOST_BYTES) continue;
      const bytes = new Uint8Array(readFileSync(join(folder, name)));
      try {
        const model = parseModel(bytesSource(bytes), files);
        checkModel(model);
        made.push({ name: `${suite}/${name}`, bytes, model });
      } catch {
        // A fixture of another test that is refused as it is.
      }
    }
  }
  return made;
}

export interface FuzzCase {
  readonly from: string;
  readonly bytes: Uint8Array;
}

/** The same seed gives the same case: a third each of damaged bytes, fields and meaning. */
export function fuzzCase(pool: readonly Original[], seed: number): FuzzCase {
  const random = seededRandom(seed);
  const pick = (): Original => pool[Math.floor(random() * pool.length)] as Original;
  const [original, other] = [pick(), pick()];
  const bytes =
    seed % 3 === 0 ? damagedBytes(original.bytes, other.bytes, random)
    : seed % 3 === 1 ? damagedFields(original.bytes, other.bytes, random)
    : modelBytes(damagedModel(original.model, other.model, random));
  return { from: original.name, bytes };
}

/** Reads, checks, counts, rewrites, writes, reads again. @throws EdgewiseError; whatever else is thrown is a fault */
export async function throughProgram(bytes: Uint8Array): Promise<void> {
  const model = parseModel(bytesSource(bytes), files);
  const { warnings } = checkModel(model);
  // What the program shows of it fits the contract that the page is built on.
  factsRecord.parse(modelFacts(model, bytes.length, warnings));
  const { model: simpler } = await runPasses(model, simplifyOrder, { clock: () => 0 });
  const written = new Uint8Array(Buffer.concat([...encodeModel(simpler).chunks]));
  checkModel(parseModel(bytesSource(written), files));
}
