/** Recipes and reports, as the console and the command line name them. */
import { existsSync, readFileSync } from 'node:fs';
import { EdgewiseError } from '../base/errors.ts';
import type { Recipe } from '../contract/records/recipe.ts';
import type { OptimizeReport } from '../contract/records/report.ts';
import { builtInRecipes, needsData, parseRecipe, portableRecipe, renderReportHtml } from '../engine/recipe/index.ts';

export interface ListedRecipe {
  readonly recipe: Recipe;
  readonly needsData: boolean;
  readonly builtIn: boolean;
}

export function listRecipes(): ListedRecipe[] {
  return Object.values(builtInRecipes).map((recipe) => ({ recipe, needsData: needsData(recipe), builtIn: true }));
}

/** @throws EdgewiseError BAD_RECIPE for a name that is not built in, or a recipe that is wrong */
export function resolveRecipe(recipe: string | Recipe): ListedRecipe {
  if (typeof recipe !== 'string') {
    const parsed = parseRecipe(recipe);
    return { recipe: parsed, needsData: needsData(parsed), builtIn: false };
  }
  const found = listRecipes().find((listed) => listed.recipe.name === recipe);
  if (found) return found;
  throw new EdgewiseError('BAD_RECIPE', `There is no recipe named "${recipe}".`, {
    hint: `Built in: ${listRecipes().map((listed) => listed.recipe.name).join(', ')}.`,
  });
}

/**
 * A built-in recipe by name, or one from a JSON file.
 * @throws EdgewiseError BAD_RECIPE, FILE_UNREADABLE
 */
export function readRecipe(nameOrFile: string): Recipe {
  if (listRecipes().some((listed) => listed.recipe.name === nameOrFile) || !existsSync(nameOrFile)) return resolveRecipe(nameOrFile).recipe;
  let text: string;
  try {
    text = readFileSync(nameOrFile, 'utf8');
  } catch (error) {
    throw new EdgewiseError('FILE_UNREADABLE', `The recipe ${nameOrFile} cannot be read: ${(error as Error).message}.`, { hint: 'Name a recipe file, or a built-in recipe.', cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new EdgewiseError('BAD_RECIPE', `${nameOrFile} is not JSON: ${(error as Error).message}.`, { hint: 'A recipe is a JSON object; see docs/recipes.md.', cause: error });
  }
  return parseRecipe(value);
}

/**
 * The same, told to give answers that do not depend on the processor.
 * @throws EdgewiseError USAGE where the recipe makes no int8; BAD_RECIPE, FILE_UNREADABLE
 */
export function readPortableRecipe(nameOrFile: string): Recipe {
  const recipe = readRecipe(nameOrFile);
  const portable = portableRecipe(recipe);
  if (!portable) throw new EdgewiseError('USAGE', `The recipe ${recipe.name} makes no int8, so --portable has nothing to do.`, { hint: 'Leave --portable out: without int8 the answers are the same on all processors but for rounding.' });
  return portable;
}

/** The report as one self-contained page. */
export function renderReport(report: OptimizeReport): string {
  return renderReportHtml(report);
}
