/** The certificate library, loaded when it is first needed: a command that makes no certificate does not wait for it, and what it looks for at its start is there. */
import './reflect.ts';
import type * as library from '@peculiar/x509';

let loading: Promise<typeof library> | undefined;

export function x509(): Promise<typeof library> {
  loading ??= import('@peculiar/x509');
  return loading;
}
