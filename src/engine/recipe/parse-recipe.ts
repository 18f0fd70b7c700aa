/** From JSON to a recipe that can run: the form, the names of the steps, and the options of each. */
import { EdgewiseError } from '../../base/errors.ts';
import { recipe as recipeSchema, type Recipe } from '../../contract/records/recipe.ts';
import { stepNames, stepOptions } from './steps.ts';

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** @throws BAD_RECIPE naming the field that is wrong */
export function parseRecipe(json: unknown): Recipe {
  const parsed = recipeSchema.safeParse(json);
  if (!parsed.success) throw badRecipe(parsed.error.issues[0]);
  parsed.data.steps.forEach(({ step, options }, index) => {
    const schema = stepOptions(step);
    if (!schema) {
      throw badRecipe({ path: ['steps', index, 'step'], message: `there is no step "${step}"` }, `The steps are: ${stepNames().join(', ')}.`);
    }
    const checked = schema.safeParse(options ?? {});
    const issue = checked.error?.issues[0];
    if (issue) throw badRecipe({ path: ['steps', index, 'options', ...issue.path], message: issue.message });
  });
  return parsed.data;
}

function badRecipe(issue: Issue | undefined, hint = 'See docs/recipes.md for the form of a recipe.'): EdgewiseError {
  const where = (issue?.path ?? []).map(String).join('.');
  return new EdgewiseError('BAD_RECIPE', `The recipe is not valid${where ? ` at ${where}` : ''}: ${issue?.message ?? 'unknown fault'}.`, { hint, details: { path: (issue?.path ?? []).map(String) } });
}
