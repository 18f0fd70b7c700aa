/** The front door of the engine. */
export { builtInRecipes } from './built-in.ts';
export { parseRecipe } from './parse-recipe.ts';
export { reducers } from './reducers.ts';
export { renderReportHtml } from './report-html.ts';
export { runRecipe } from './run-recipe.ts';
export { needsData, portableRecipe } from './steps.ts';
export type { DataPlan, RunRecipeOptions } from './types.ts';
export { modelGraph } from '../view/model-graph.ts';
