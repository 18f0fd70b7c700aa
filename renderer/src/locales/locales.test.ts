/** Both languages hold the same keys with the same placeholders, and every key that the page asks for exists. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { en } from './en.ts';
import { zhCN } from './zh-CN.ts';

function flat(messages: object, prefix = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(messages)) {
    if (typeof value === 'string') found.set(prefix + key, value);
    else for (const [inner, text] of flat(value as object, `${prefix}${key}.`)) found.set(inner, text);
  }
  return found;
}

const english = flat(en);
const chinese = flat(zhCN);
const placeholders = (text: string): readonly string[] => [...new Set(text.match(/\{\w+\}/g))].toSorted();

describe('words', () => {
  it('have the same keys in both languages', () => {
    expect([...chinese.keys()].toSorted()).toEqual([...english.keys()].toSorted());
  });

  it('have the same placeholders in both languages', () => {
    for (const [key, text] of english) expect([key, placeholders(chinese.get(key) ?? '')]).toEqual([key, placeholders(text)]);
  });

  it('are not left in English where Chinese is meant', () => {
    const same = [...english].filter(([key, text]) => chinese.get(key) === text && /[a-z]{4}/.test(text) && key !== 'settings.languages.en');
    expect(same).toEqual([]);
  });

  it('use no character that the message syntax gives a meaning to', () => {
    for (const [key, text] of [...english, ...chinese]) expect([key, text]).toEqual([key, expect.not.stringMatching(/@/)]);
  });
});

describe('the page', () => {
  const root = join(import.meta.dirname, '..');
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => /\.(vue|ts)$/.test(path) && !path.endsWith('.test.ts') && !path.startsWith('locales'));
  const texts = sources.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

  it('asks only for words that exist', () => {
    const missing: string[] = [];
    for (const { path, text } of texts) {
      for (const [, key = ''] of text.matchAll(/\bt\('([\w.-]+)'/g)) if (!english.has(key)) missing.push(`${path}: ${key}`);
      for (const [, prefix = ''] of text.matchAll(/\bt\(`([\w.-]+\.)\$\{/g)) if (![...english.keys()].some((key) => key.startsWith(prefix))) missing.push(`${path}: ${prefix}`);
    }
    expect(missing).toEqual([]);
  });

  it('uses every word there is', () => {
    const all = texts.map(({ text }) => text).join('\n');
    const prefixes = [...all.matchAll(/`([\w.-]+\.)\$\{/g)].map(([, prefix = '']) => prefix);
    const unused = [...english.keys()].filter((key) => !all.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)));
    expect(unused).toEqual([]);
  });
});
