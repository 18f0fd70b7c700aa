/** Names from a file, as they may stand in a message: bounded, and with nothing in them that acts in a terminal or a page. */

// oxlint-disable-next-line no-control-regex -- these are what is looked for
export const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
export const BIDIRECTIONAL = /[\u202a-\u202e\u2066-\u2069\u200e\u200f]/;
const LENGTH = 120;

/** At most 120 characters; control and direction characters as their codes. */
export function shorten(name: string): string {
  const start = name.length <= LENGTH ? name : `${name.slice(0, LENGTH - 3)}...`;
  return CONTROL.test(start) || BIDIRECTIONAL.test(start) ? Array.from(start, escaped).join('') : start;
}

function escaped(character: string): string {
  return CONTROL.test(character) || BIDIRECTIONAL.test(character) ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : character;
}
