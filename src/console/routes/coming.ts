/** Routes whose service is being built: they say so by name. */
import { EdgewiseError } from '../../base/errors.ts';
import { fleetRoutes } from '../../contract/rpc/fleet-routes.ts';
import { rolloutRoutes } from '../../contract/rpc/rollout-routes.ts';
import type { Handlers } from '../router.ts';

type Coming = Pick<Handlers, keyof typeof fleetRoutes | keyof typeof rolloutRoutes>;

export function comingHandlers(): Coming {
  const names = [...Object.keys(fleetRoutes), ...Object.keys(rolloutRoutes)];
  const refuse = (name: string) => () => {
    throw new EdgewiseError('NOT_FOUND', `${name} is not there yet.`);
  };
  return Object.fromEntries(names.map((name) => [name, refuse(name)])) as unknown as Coming;
}
