/** Judged by the console's own parser: what is built must be a filter, and an error must be found where it was typed. */
import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../../../../src/fleet/devices/filter.ts';
import { buildFilter, filterOfIds, isPlainSearch, quoted } from './filter-text.ts';

describe('the filter that is sent', () => {
  it.each([
    ['', []],
    ['shanghai', []],
    ['Shang hai 3', ['presence = offline']],
    ['region = East or online', ['simulated', `group = ${quoted('the "old" ones')}`]],
    ['', ['presence = offline', 'simulated']],
  ])('%j with %j is one that the console understands', (typed, clauses) => {
    const { filter } = buildFilter(typed, clauses);
    expect(parseFilter(filter, () => 'online')).toHaveProperty('test');
  });

  it('keeps an "or" that is typed apart from the chips', () => {
    expect(buildFilter('class = a or class = b', ['online']).filter).toBe('online and (class = a or class = b)');
  });

  it.each([['  region ~ East', []], ['region ~ East', ['simulated']], ['  region ~ East', ['simulated', 'online']]])('finds the place of an error in %j again', (typed, clauses) => {
    const { filter, typedAt } = buildFilter(typed, clauses);
    const found = parseFilter(filter);
    expect('problem' in found && typedAt !== null && found.problem.at - typedAt).toBe(typed.indexOf('~'));
  });

  it('takes plain words as a search and leaves the language alone', () => {
    expect(['nanjing', 'demo-nanjing-1', '上海'].map(isPlainSearch)).toEqual([true, true, true]);
    expect(['online', 'not online', 'a = b', 'region in (a)'].map(isPlainSearch)).toEqual([false, false, false, false]);
  });

  it('names devices as long as the list fits', () => {
    expect(parseFilter(filterOfIds(['d1', 'or', 'x.y-z']) ?? '')).toHaveProperty('test');
    expect(filterOfIds([])).toBeNull();
    expect(filterOfIds(Array.from({ length: 400 }, (_, at) => `device-${at}`))).toBeNull();
  });
});
