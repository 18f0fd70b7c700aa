import { listRecipes } from '../recipes.ts';
import type { Handlers } from '../router.ts';

export function recipeHandlers(): Pick<Handlers, 'recipes.list'> {
  return { 'recipes.list': () => listRecipes() };
}
