/** Calls in, answers out. The one place where a call from a page becomes a call of a service. */
import { EdgewiseError, toEdgewiseError } from '../base/errors.ts';
import { callFrame, type Answer } from '../contract/rpc/envelope.ts';
import { routes, type RouteInput, type RouteName, type RouteOutput } from '../contract/rpc/routes.ts';

export type Handlers = { readonly [N in RouteName]: (input: RouteInput<N>) => RouteOutput<N> | Promise<RouteOutput<N>> };

/** Who calls, as the host has established it. */
export interface Sender {
  /** True where the host has checked frame, origin and session. */
  readonly trusted: boolean;
}

export interface Router {
  /** Never throws: whatever goes wrong is in the answer. */
  call(frame: unknown, sender: Sender): Promise<Answer>;
}

export interface RouterOptions {
  readonly handlers: Handlers;
  /** Parse what handlers return as well; on in tests and development. */
  readonly checkOutputs: boolean;
  /** Takes faults of Edgewise itself; the answer carries their message only. */
  readonly onFault: (route: string, error: unknown) => void;
}

export function createRouter({ handlers, checkOutputs, onFault }: RouterOptions): Router {
  return {
    async call(frame, sender) {
      let route = '?';
      try {
        if (!sender.trusted) throw new EdgewiseError('FORBIDDEN', 'This caller may not call the console.');
        const call = callFrame.safeParse(frame);
        if (!call.success) throw badRequest('The call is not well formed', call.error.issues);
        route = call.data.route;
        if (!Object.hasOwn(routes, route)) throw new EdgewiseError('NOT_FOUND', `There is no route named "${route}".`);
        const name = route as RouteName;
        const input = routes[name].input.safeParse(call.data.input);
        if (!input.success) throw badRequest(`The input of ${name} is not well formed`, input.error.issues);
        const handler = handlers[name] as (value: unknown) => unknown;
        const data = await handler(input.data);
        if (checkOutputs) {
          const output = routes[name].output.safeParse(data);
          if (!output.success) throw new Error(`${name} answered what its route does not declare: ${output.error.message}`);
        }
        return { ok: true, data };
      } catch (thrown) {
        const error = toEdgewiseError(thrown);
        if (error.code === 'INTERNAL') onFault(route, thrown);
        return { ok: false, error: error.toRecord() };
      }
    },
  };
}

function badRequest(what: string, issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): EdgewiseError {
  const first = issues[0];
  const where = first === undefined || first.path.length === 0 ? '' : ` at ${first.path.map(String).join('.')}`;
  return new EdgewiseError('BAD_REQUEST', `${what}${where}: ${first?.message ?? 'unknown reason'}.`, {
    details: { issues: issues.slice(0, 10).map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message })) },
  });
}
