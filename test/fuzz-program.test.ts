/**
 * Seeded damage through everything that happens to a model in the program before the runtime sees it. Whatever the damage, the answer is a
 * model or a named error. A seed that fails is printed and can be run alone: EDGEWISE_FUZZ_FIRST=1234 EDGEWISE_FUZZ_CASES=1.
 * `node bench/fuzz.ts` looks longer, in a process that may hang or die.
 */
import { expect, it } from 'vitest';
import { EdgewiseError } from '../src/base/errors.ts';
import { sharedData } from './support/shared-data.ts';
import { fuzzCase, originals, throughProgram } from './support/fuzz.ts';

const FIRST = Number(process.env['EDGEWISE_FUZZ_FIRST'] ?? 0);
const CASES = Number(process.env['EDGEWISE_FUZZ_CASES'] ?? 6000);

it.skipIf(!sharedData)(`${CASES} damaged models are models or named errors`, async () => {
  const pool = originals();
  expect(pool.length).toBeGreaterThan(20);
  const codes = new Map<string, number>();
  for (let seed = FIRST; seed < FIRST + CASES; seed++) {
    const { from, bytes } = fuzzCase(pool, seed);
    let code = 'accepted';
    try {
      await throughProgram(bytes);
    } catch (error) {
      if (!(error instanceof EdgewiseError)) throw new Error(`seed ${seed}, from ${from}: ${String(error)}`, { cause: error });
      const { message, hint } = error;
      expect(error.code, `seed ${seed}, from ${from}: ${message}`).not.toBe('INTERNAL');
      expect(message, `seed ${seed}`).toMatch(/\w/u);
      expect(hint ?? '', `seed ${seed}: ${error.code} ${message}`).toMatch(/\w/u);
      code = error.code;
    }
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  // Damage that is always refused, or never, would not reach what is behind.
  expect(codes.get('accepted') ?? 0).toBeGreaterThan(CASES / 20);
  if (CASES > 1000) expect(codes.size).toBeGreaterThan(6);
}, 3_600_000);
