/** Recipes that are shipped, by name. They are files like anybody's own, so they are parsed like them. */
import fp16 from '../../../resources/recipes/fp16.json' with { type: 'json' };
import int8 from '../../../resources/recipes/int8.json' with { type: 'json' };
import int8Accurate from '../../../resources/recipes/int8-accurate.json' with { type: 'json' };
import matmulInt4 from '../../../resources/recipes/matmul-int4.json' with { type: 'json' };
import matmulInt8 from '../../../resources/recipes/matmul-int8.json' with { type: 'json' };
import portable from '../../../resources/recipes/portable.json' with { type: 'json' };
import simplify from '../../../resources/recipes/simplify.json' with { type: 'json' };
import type { Recipe } from '../../contract/records/recipe.ts';
import { parseRecipe } from './parse-recipe.ts';

export const builtInRecipes: Readonly<Record<string, Recipe>> = Object.fromEntries([simplify, int8, int8Accurate, portable, fp16, matmulInt8, matmulInt4].map((json) => [json.name, parseRecipe(json)]));
