/**
 * The language in which devices are chosen: `region = "East" and class in (edge-box, jetson) and not tag = pilot and version < 3 and online`.
 *
 *     filter  = or | nothing              all devices
 *     or      = and { "or" and }
 *     and     = not { "and" not }
 *     not     = "not" not | "(" or ")" | test
 *     test    = field op value | field "in" "(" value { "," value } ")" | "online" | "simulated"
 *     op      = "=" "!=" "<" "<=" ">" ">="
 *     value   = word | "text in quotes"   `*` in a value stands for any characters; upper and lower case are the same
 *
 * `tag` and `group` hold where one of several does. Sizes are compared of versions only.
 */
import type { DeviceRow, StoreRecord } from '../../contract/records/fleet.ts';

/** A device with what its store adds. */
export interface FilterSubject {
  readonly row: DeviceRow;
  readonly store: StoreRecord | undefined;
}

export type DevicePredicate = (subject: FilterSubject) => boolean;

export interface FilterProblem {
  readonly message: string;
  /** Characters before it. */
  readonly at: number;
}

/** A saved filter by its name; undefined: there is none. */
export type GroupFilter = (name: string) => string | undefined;

type Values = (subject: FilterSubject) => readonly string[];

const FIELDS: Readonly<Record<string, Values>> = {
  id: ({ row }) => [row.id],
  name: ({ row }) => [row.name],
  store: ({ row, store }) => (store ? [row.storeId, store.name] : [row.storeId]),
  region: ({ store }) => (store ? [store.region] : []),
  class: ({ row }) => [row.class],
  workload: ({ row }) => [row.workload],
  tag: ({ row }) => row.tags,
  presence: ({ row }) => [row.presence],
  credential: ({ row }) => [row.credential],
  artifact: ({ row }) => (row.artifact === null ? [] : [row.artifact]),
  digest: ({ row }) => (row.digest === null ? [] : [row.digest]),
  hardware: ({ row }) => (row.hardware === null ? [] : [row.hardware]),
  rollout: ({ row }) => (row.rollout === null ? [] : [row.rollout.id]),
};
const FLAGS: Readonly<Record<string, DevicePredicate>> = { online: ({ row }) => row.presence === 'online', simulated: ({ row }) => row.simulated };
const DEEPEST = 100;

export const FILTER_FIELDS: readonly string[] = [...Object.keys(FIELDS), 'version', 'group', ...Object.keys(FLAGS)];

interface Token {
  readonly kind: 'word' | 'text' | 'op' | 'end';
  readonly text: string;
  readonly at: number;
}

class Problem extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** @returns the test for a device, or where the text is wrong */
export function parseFilter(text: string, groups: GroupFilter = () => undefined): { readonly test: DevicePredicate } | { readonly problem: FilterProblem } {
  try {
    return { test: new Parser(text, groups, []).whole() };
  } catch (error) {
    if (error instanceof Problem) return { problem: { message: error.message, at: error.at } };
    throw error;
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #groups: GroupFilter;
  /** Groups that this text is inside of. */
  readonly #inside: readonly string[];
  #next = 0;
  #depth = 0;

  constructor(text: string, groups: GroupFilter, inside: readonly string[]) {
    this.#tokens = tokens(text);
    this.#groups = groups;
    this.#inside = inside;
  }

  whole(): DevicePredicate {
    if (this.#peek().kind === 'end') return () => true;
    const test = this.#or();
    const rest = this.#peek();
    if (rest.kind !== 'end') throw new Problem(`"${rest.text}" is too much here: join tests with "and" or "or".`, rest.at);
    return test;
  }

  #or(): DevicePredicate {
    if (++this.#depth > DEEPEST) throw new Problem('This is nested too deeply.', this.#peek().at);
    const parts = [this.#and()];
    while (this.#takes('or')) parts.push(this.#and());
    this.#depth--;
    return parts.length === 1 ? (parts[0] as DevicePredicate) : (subject) => parts.some((part) => part(subject));
  }

  #and(): DevicePredicate {
    const parts = [this.#not()];
    while (this.#takes('and')) parts.push(this.#not());
    return parts.length === 1 ? (parts[0] as DevicePredicate) : (subject) => parts.every((part) => part(subject));
  }

  #not(): DevicePredicate {
    let turned = false;
    while (this.#takes('not')) turned = !turned;
    const test = this.#takes('(') ? this.#group() : this.#test();
    return turned ? (subject) => !test(subject) : test;
  }

  #group(): DevicePredicate {
    const test = this.#or();
    this.#expect(')');
    return test;
  }

  #test(): DevicePredicate {
    const field = this.#take();
    const name = field.text.toLowerCase();
    if (field.kind !== 'word' || !FILTER_FIELDS.includes(name)) {
      throw new Problem(field.kind === 'end' ? 'Something is missing here: a field, for example region.' : `"${field.text}" is no field. Fields are ${FILTER_FIELDS.join(', ')}.`, field.at);
    }
    const flag = FLAGS[name];
    if (flag) return flag;
    if (this.#takes('in')) {
      this.#expect('(');
      const values = [this.#value()];
      while (this.#takes(',')) values.push(this.#value());
      this.#expect(')');
      const tests = values.map((value) => this.#equals(name, value));
      return (subject) => tests.some((test) => test(subject));
    }
    const op = this.#take();
    if (op.kind !== 'op' || !['=', '!=', '<', '<=', '>', '>='].includes(op.text)) throw new Problem(`After ${name} comes =, !=, <, <=, >, >= or in.`, op.at);
    if (op.text === '=' || op.text === '!=') {
      const equal = this.#equals(name, this.#value());
      return op.text === '=' ? equal : (subject) => !equal(subject);
    }
    if (name !== 'version') throw new Problem(`${name} has no order; only version has.`, op.at);
    const value = this.#value();
    const number = Number(value.text);
    if (!Number.isInteger(number)) throw new Problem(`"${value.text}" is no version: a whole number is.`, value.at);
    const holds = { '<': (n: number) => n < number, '<=': (n: number) => n <= number, '>': (n: number) => n > number, '>=': (n: number) => n >= number }[op.text as '<' | '<=' | '>' | '>='];
    return ({ row }) => row.version !== null && holds(row.version);
  }

  #equals(name: string, value: Token): DevicePredicate {
    if (name === 'group') return this.#inGroup(value);
    if (name === 'version') {
      const number = Number(value.text);
      if (!Number.isInteger(number)) throw new Problem(`"${value.text}" is no version: a whole number is.`, value.at);
      return ({ row }) => row.version === number;
    }
    const values = FIELDS[name] as Values;
    const wanted = value.text.toLowerCase();
    if (!wanted.includes('*')) return (subject) => values(subject).some((text) => text.toLowerCase() === wanted);
    const matches = wildcard(wanted);
    return (subject) => values(subject).some((text) => matches(text.toLowerCase()));
  }

  #inGroup(value: Token): DevicePredicate {
    if (this.#inside.includes(value.text)) throw new Problem(`The group "${value.text}" would contain itself.`, value.at);
    const filter = this.#groups(value.text);
    if (filter === undefined) throw new Problem(`There is no group "${value.text}".`, value.at);
    try {
      return new Parser(filter, this.#groups, [...this.#inside, value.text]).whole();
    } catch (error) {
      if (error instanceof Problem) throw new Problem(`In the group "${value.text}": ${error.message}`, value.at);
      throw error;
    }
  }

  #value(): Token {
    const token = this.#take();
    if (token.kind !== 'word' && token.kind !== 'text') throw new Problem('A value is missing here.', token.at);
    return token;
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#next++;
    return token;
  }

  #takes(text: string): boolean {
    const token = this.#peek();
    if (token.kind === 'text' || token.text.toLowerCase() !== text) return false;
    this.#next++;
    return true;
  }

  #expect(text: string): void {
    const token = this.#peek();
    if (!this.#takes(text)) throw new Problem(`"${text}" is missing here.`, token.at);
  }
}

const SPACE = /\s/u;
const WORD = /[\p{L}\p{N}._*/-]/u;

function tokens(text: string): readonly Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const start = at;
    const char = text[at] as string;
    if (SPACE.test(char)) {
      at++;
      continue;
    }
    if (char === '"') {
      at++;
      let value = '';
      while (at < text.length && text[at] !== '"') {
        if (text[at] === '\\' && at + 1 < text.length) at++;
        value += text[at++];
      }
      if (at >= text.length) throw new Problem('The quotes that begin here do not end.', start);
      at++;
      found.push({ kind: 'text', text: value, at: start });
      continue;
    }
    const two = text.slice(at, at + 2);
    if (two === '!=' || two === '<=' || two === '>=') {
      at += 2;
      found.push({ kind: 'op', text: two, at: start });
    } else if ('=<>(),'.includes(char)) {
      at++;
      found.push({ kind: 'op', text: char, at: start });
    } else if (WORD.test(char)) {
      while (at < text.length && WORD.test(text[at] as string)) at++;
      found.push({ kind: 'word', text: text.slice(start, at), at: start });
    } else {
      throw new Problem(`"${char}" means nothing here. Put text with other characters into quotes.`, start);
    }
  }
  return [...found, { kind: 'end', text: '', at: text.length }];
}

/** Without a regular expression: what a person types must not be able to take for ever. */
function wildcard(pattern: string): (text: string) => boolean {
  const parts = pattern.split('*');
  const first = parts[0] as string;
  const last = parts.at(-1) as string;
  const middle = parts.slice(1, -1);
  return (text) => {
    if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
    let at = first.length;
    for (const part of middle) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > text.length - last.length) return false;
      at = found + part.length;
    }
    return true;
  };
}
