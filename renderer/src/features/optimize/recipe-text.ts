/** A recipe as a person types it. */
import { recipe as recipeSchema, type Recipe } from '../../../../src/contract/records/recipe.ts';

export type ParsedRecipe = { readonly recipe: Recipe; readonly problem?: undefined } | { readonly recipe?: undefined; readonly problem: string };

/** @returns the recipe, or where the first fault is and what */
export function parseRecipe(text: string): ParsedRecipe {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  const parsed = recipeSchema.safeParse(data);
  if (parsed.success) return { recipe: parsed.data };
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  return { problem: `${path === '' ? '' : `${path}: `}${issue?.message ?? ''}` };
}
