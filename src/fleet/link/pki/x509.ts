/** The certificate library, loaded when it is first needed: a command that makes no certificate does not wait for it, and what it looks for at its start is there. */
import './reflect.ts';

export type X509 = typeof import('@peculiar/x509');

let loading: Promise<X509> | undefined;

export function x509(): Promise<X509> {
  loading ??= import('@peculiar/x509');
  return loading;
}
