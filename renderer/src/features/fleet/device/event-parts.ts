/** What the console writes into a device's history, taken apart into what the page has words for. A text of another form is shown as it came. */
export type EventParts =
  | { readonly word: 'onlineRuns'; readonly values: { readonly session: string; readonly runs: string } }
  | { readonly word: 'onlineNothing' | 'offline'; readonly values: { readonly session: string } }
  | { readonly word: 'asked'; readonly values: { readonly from: string; readonly key: string } }
  | { readonly word: 'accepted'; readonly values: { readonly key: string } }
  | { readonly word: 'refused' | 'revoked' | 'cloned'; readonly values: Readonly<Record<string, never>> };

const WHOLE: Readonly<Record<string, 'refused' | 'revoked' | 'cloned'>> = {
  'the request to join was refused': 'refused',
  'its certificates count no more': 'revoked',
  'two devices use its certificate; it is shut out': 'cloned',
};

export function eventParts(text: string): EventParts | null {
  const whole = WHOLE[text];
  if (whole !== undefined) return { word: whole, values: {} };
  const [, session, what = '', runs] = /^online, session (\d+), (runs nothing|runs (.+))$/.exec(text) ?? [];
  if (session !== undefined) return what === 'runs nothing' || runs === undefined ? { word: 'onlineNothing', values: { session } } : { word: 'onlineRuns', values: { session, runs } };
  const [, left] = /^offline, session (\d+)$/.exec(text) ?? [];
  if (left !== undefined) return { word: 'offline', values: { session: left } };
  const [, from, key] = /^asked to join from (.+), key (.+)$/.exec(text) ?? [];
  if (from !== undefined && key !== undefined) return { word: 'asked', values: { from, key } };
  const [, accepted] = /^accepted, key (.+)$/.exec(text) ?? [];
  return accepted === undefined ? null : { word: 'accepted', values: { key: accepted } };
}
