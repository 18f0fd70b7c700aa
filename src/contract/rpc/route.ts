/** How a route is declared: once, with the schemas of both directions. */
import type { z } from 'zod';

export interface Route<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly input: I;
  readonly output: O;
}

export function defineRoute<I extends z.ZodType, O extends z.ZodType>(route: Route<I, O>): Route<I, O> {
  return route;
}
