/** What the console writes into a device's history, taken apart into what the page has words for. A text of another form is shown as it came. */
export type EventParts =
  | { readonly word: 'onlineRuns'; readonly values: { readonly runs: string } }
  | { readonly word: 'asked'; readonly values: { readonly from: string; readonly key: string } }
  | { readonly word: 'accepted'; readonly values: { readonly key: string } }
  | { readonly word: 'onlineNothing' | 'offline' | 'refused' | 'revoked' | 'cloned'; readonly values: Readonly<Record<string, never>> };

const WHOLE: Readonly<Record<string, 'refused' | 'revoked' | 'cloned'>> = {
  'the request to join was refused': 'refused',
  'its certificates count no more': 'revoked',
  'two devices use its certificate; it is shut out': 'cloned',
};

export function eventParts(text: string): EventParts | null {
  const whole = WHOLE[text];
  if (whole !== undefined) return { word: whole, values: {} };
  // The number of a session is for whoever reads the log: it begins at the time where a device has lost its own.
  const [online, runs] = /^online, session \d+, (?:runs nothing|runs (.+))$/.exec(text) ?? [];
  if (online !== undefined) return runs === undefined ? { word: 'onlineNothing', values: {} } : { word: 'onlineRuns', values: { runs } };
  if (/^offline, session \d+$/.test(text)) return { word: 'offline', values: {} };
  const [, from, key] = /^asked to join from (.+), key (.+)$/.exec(text) ?? [];
  if (from !== undefined && key !== undefined) return { word: 'asked', values: { from, key } };
  const [, accepted] = /^accepted, key (.+)$/.exec(text) ?? [];
  return accepted === undefined ? null : { word: 'accepted', values: { key: accepted } };
}
