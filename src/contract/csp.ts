/**
 * What the page may load, for every host that serves it: its own files and nothing else. No `unsafe-*`, no inline style or
 * script, no `data:`. `connect-src 'self'` covers the WebSocket of the same origin too.
 */
const DIRECTIVES: readonly string[] = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

export const contentSecurityPolicy = DIRECTIVES.join('; ');

/** Headers of every answer that a host gives the page, the policy among them. Names are lower case. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
