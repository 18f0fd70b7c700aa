import { describe, expect, it } from 'vitest';
import { parseRecipe } from './recipe-text.ts';

describe('a recipe typed by hand', () => {
  it('is taken where the contract takes it', () => {
    expect(parseRecipe('{"version":1,"name":"mine","steps":[{"step":"fold-batch-norm"}]}').recipe?.name).toBe('mine');
  });

  it.each([
    ['{"version":1,', /JSON/],
    ['{"version":1,"name":"mine","steps":[]}', /^steps: /],
    ['{"version":1,"name":"mine","steps":[{"step":"a","opt":{}}]}', /^steps\.0: .*opt/],
  ])('says where the fault is in %s', (text, problem) => {
    expect(parseRecipe(text).problem).toMatch(problem);
  });
});
