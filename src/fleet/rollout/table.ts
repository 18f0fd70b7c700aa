/**
 * A state table: for every state and every event one decision, so that nothing is left to chance or to a default.
 * The type demands every cell; the tests walk all of them.
 */
import { EdgewiseError } from '../../base/errors.ts';

/** Go to a state (maybe the same), let it be and say why, or tell the asker no by name. */
export type Decision<State extends string> =
  | { readonly to: State }
  | { readonly ignore: string }
  | { readonly refuse: string };

export type Row<State extends string, Event extends string> = Readonly<Record<Event, Decision<State>>>;
export type Table<State extends string, Event extends string> = Readonly<Record<State, Row<State, Event>>>;

export function go<const State extends string>(to: State): { readonly to: State } {
  return { to };
}

export function ignore(reason: string): { readonly ignore: string } {
  return { ignore: reason };
}

export function refuse(name: string): { readonly refuse: string } {
  return { refuse: name };
}

/** The error of a refused event: CONFLICT, with the name of the refusal, the state and the event as details. */
export function refusal(what: string, state: string, event: string, name: string): EdgewiseError {
  return new EdgewiseError('CONFLICT', `${what} is ${state}: ${event} is refused (${name}).`, {
    hint: 'Look at its present state and try what fits that.',
    details: { reason: name, state, event },
  });
}
