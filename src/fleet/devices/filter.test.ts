import { array, assert, boolean, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceRow, StoreRecord } from '../../contract/records/fleet.ts';
import { parseFilter, type FilterSubject } from './filter.ts';

const store = (region: string): StoreRecord => ({ id: 's1', name: 'Harbour Street', region, timeZone: 'Asia/Shanghai', openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
const row = (more: Partial<DeviceRow> = {}): DeviceRow => ({
  id: 'till-1', storeId: 's1', name: 'Till', class: 'edge-box', workload: 'customer-flow', tags: ['pilot', 'north wall'], simulated: false, version: 2, digest: null, presence: 'online', lastHeardMs: null,
  credential: 'accepted', artifact: 'flow', hardware: 'linux-x64', latencyP95Ms: null, throughputPerS: null, temperatureC: null, rollout: null, ...more,
});
const subject: FilterSubject = { row: row(), store: store('East') };
const holds = (text: string, of: FilterSubject = subject, groups?: Parameters<typeof parseFilter>[1]): boolean => {
  const parsed = parseFilter(text, groups);
  if ('problem' in parsed) throw new Error(`${parsed.problem.at}: ${parsed.problem.message}`);
  return parsed.test(of);
};
const problem = (text: string, groups?: Parameters<typeof parseFilter>[1]): string => {
  const parsed = parseFilter(text, groups);
  return 'problem' in parsed ? `${parsed.problem.at}: ${parsed.problem.message}` : 'none';
};

describe('a filter of devices', () => {
  it.each([
    ['', true], ['  ', true], ['region = East', true], ['region = "east"', true], ['region != East', false], ['region = West', false],
    ['class in (jetson, edge-box)', true], ['class in (jetson)', false], ['tag = pilot', true], ['tag = "north wall"', true], ['not tag = pilot', false], ['not not tag = pilot', true],
    ['version < 3', true], ['version >= 3', false], ['version = 2', true], ['version in (1, 2)', true], ['online', true], ['not online', false], ['simulated', false],
    ['id = till-*', true], ['id = *-1', true], ['id = t*l*1', true], ['id = *x*', false], ['id = till-1*till-1', false], ['store = "harbour street"', true], ['store = s1', true],
    ['online and region = West or tag = pilot', true], ['online and (region = West or tag = nothing)', false], ['hardware = linux-*', true], ['artifact = flow', true], ['rollout = *', false],
  ])('%s', (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  it('a device that never spoke has no version, and one of no known store no region', () => {
    const stranger: FilterSubject = { row: row({ version: null }), store: undefined };
    expect([holds('version < 3', stranger), holds('version != 3', stranger), holds('region = *', stranger)]).toEqual([false, true, false]);
  });

  it.each([
    ['regio = East', '0: "regio" is no field'], ['region East', '7: After region comes'], ['region =', '8: A value is missing'], ['region = East online', '14: "online" is too much'],
    ['(online', '7: ")" is missing'], ['class in edge', '9: "(" is missing'], ['region = "East', '9: The quotes'], ['region < 3', '7: region has no order'], ['version < two', '10: "two" is no version'],
    ['online and', '10: Something is missing'], ['online & x', '7: "&" means nothing'], ['group = nobody', '8: There is no group'], [`${'('.repeat(200)}online`, '100: This is nested'],
  ])('%s is told where it is wrong', (text, expected) => {
    expect(problem(text)).toContain(expected);
  });

  it('takes groups, groups of groups, and no group that contains itself', () => {
    const groups: Readonly<Record<string, string>> = { pilots: 'tag = pilot', both: 'group = pilots and online', self: 'group = other', other: 'not group = self', broken: 'tag =' };
    const of = (name: string): string | undefined => groups[name];
    expect(holds('group = both', subject, of)).toBe(true);
    expect(problem('group = self', of)).toContain('would contain itself');
    expect(problem('group = broken', of)).toContain('In the group "broken"');
  });

  it('obeys De Morgan, and never throws whatever is typed', () => {
    const atoms = constantFrom('online', 'simulated', 'region = East', 'tag = x', 'version > 1', 'class in (a, edge-box)');
    assert(property(atoms, atoms, boolean(), (a, b, simulated) => {
      const of: FilterSubject = { row: row({ simulated }), store: store('East') };
      return holds(`not (${a} and ${b})`, of) === holds(`not ${a} or not ${b}`, of) && holds(`not (${a} or ${b})`, of) === holds(`not ${a} and not ${b}`, of);
    }));
    assert(property(oneof(string({ unit: 'grapheme' }), array(constantFrom('region', '=', '(', ')', 'not', 'and', 'or', '"', '*', 'in', ',', '<', 'x', ' ')).map((words) => words.join(' '))), (text) => {
      const parsed = parseFilter(text);
      if ('problem' in parsed) return parsed.problem.at >= 0 && parsed.problem.at <= text.length;
      return typeof parsed.test(subject) === 'boolean';
    }), { numRuns: 2000 });
  });
});
