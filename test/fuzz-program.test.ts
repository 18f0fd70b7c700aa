/**
 * Seeded damage through everything that happens to a model in the program before the runtime sees it: read, check, count, rewrite, write,
 * read again. Whatever the damage, the answer is a model or a named error. A seed that fails is printed and can be run alone:
 * EDGEWISE_FUZZ_FIRST=1234 EDGEWISE_FUZZ_CASES=1. EDGEWISE_FUZZ_CASES=100000 looks longer.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EdgewiseError } from '../src/base/errors.ts';
import { seededRandom } from '../src/base/random.ts';
import { checkModel, encodeModel, modelFacts, parseModel, type Model } from '../src/engine/onnx/index.ts';
import { simplifyOrder } from '../src/engine/passes/index.ts';
import { runPasses } from '../src/engine/passes/pipeline.ts';
import { modelFacts as factsRecord } from '../src/contract/records/model.ts';
import { bytesSource, modelBytes } from './support/build-model.ts';
import { damagedBytes, damagedModel } from './support/damage.ts';
import { sharedData } from './support/shared-data.ts';

const FIRST = Number(process.env['EDGEWISE_FUZZ_FIRST'] ?? 0);
const CASES = Number(process.env['EDGEWISE_FUZZ_CASES'] ?? 6000);
const files = { open: () => bytesSource(new Uint8Array(256)) };

interface Original {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly model: Model;
}

function originals(): Original[] {
  const made: [string, Uint8Array][] = [];
  if (sharedData) {
    for (const suite of ['onnx-backend-node', 'onnx-backend-simple', 'onnx-backend-pytorch-converted', 'onnx-backend-pytorch-operator', 'derived-retail', 'onnxruntime-testdata']) {
      const folder = join(sharedData, 'models', suite);
      if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
      const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.onnx')).sort();
      const step = Math.max(1, Math.floor(found.length / 60));
      for (const [index, name] of found.entries()) if (index % step === 0) made.push([`${suite}/${name}`, new Uint8Array(readFileSync(join(folder, name)))]);
    }
  }
  return made.filter(([, bytes]) => bytes.length < 60_000).flatMap(([name, bytes]) => {
    try {
      const model = parseModel(bytesSource(bytes), files);
      checkModel(model);
      return [{ name, bytes, model }];
    } catch {
      return [];
    }
  });
}

/** How far a model came. */
async function through(bytes: Uint8Array): Promise<string> {
  const model = parseModel(bytesSource(bytes), files);
  const { warnings } = checkModel(model);
  // What the program shows of it fits the contract that the page is built on.
  factsRecord.parse(modelFacts(model, bytes.length, warnings));
  const { model: simpler } = await runPasses(model, simplifyOrder, { clock: () => 0 });
  const written = new Uint8Array(Buffer.concat([...encodeModel(simpler).chunks]));
  checkModel(parseModel(bytesSource(written), files));
  return 'accepted';
}

it.skipIf(!sharedData)(`${CASES} damaged models are models or named errors`, async () => {
  const pool = originals();
  expect(pool.length).toBeGreaterThan(20);
  const codes = new Map<string, number>();
  const started = performance.now();
  for (let seed = FIRST; seed < FIRST + CASES; seed++) {
    const random = seededRandom(seed);
    const pick = (): Original => pool[Math.floor(random() * pool.length)] as Original;
    const [original, other] = [pick(), pick()];
    const bytes = seed % 3 === 0 ? damagedBytes(original.bytes, other.bytes, random) : modelBytes(damagedModel(original.model, other.model, random));
    let code: string;
    try {
      code = await through(bytes);
    } catch (error) {
      if (!(error instanceof EdgewiseError)) throw new Error(`seed ${seed}, from ${original.name}: ${String(error)}`, { cause: error });
      const { message, hint } = error;
      expect(error.code, `seed ${seed}, from ${original.name}: ${message}`).not.toBe('INTERNAL');
      expect(message, `seed ${seed}`).toMatch(/\w/u);
      expect(hint ?? '', `seed ${seed}: ${error.code} ${message}`).toMatch(/\w/u);
      code = error.code;
    }
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  if (CASES > 10_000) process.stdout.write(`${CASES} cases, ${((performance.now() - started) / 1000).toFixed(0)} s: ${JSON.stringify(Object.fromEntries(codes))}\n`);
  // Damage that is always refused, or never, would not reach what is behind.
  expect(codes.get('accepted') ?? 0).toBeGreaterThan(CASES / 20);
  if (CASES > 1000) expect(codes.size).toBeGreaterThan(6);
}, 3_600_000);
