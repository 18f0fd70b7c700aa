import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { passesPage, renderPasses } from './passes-doc.ts';

it('docs/passes.md is current: node scripts/passes-doc.ts writes it', () => {
  expect(readFileSync(passesPage, 'utf8')).toBe(renderPasses());
});
