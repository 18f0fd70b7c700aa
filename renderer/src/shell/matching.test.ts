import { describe, expect, it } from 'vitest';
import { matching } from './matching.ts';

const commands = [
  { title: 'Show model resnet', group: 'Models' },
  { title: 'Models', group: 'Go to' },
  { title: 'Theme: Dark', group: 'View' },
];
const titles = (typed: string): readonly string[] => matching(commands, typed).map(({ title }) => title);

describe('the command palette', () => {
  it('shows everything in order before anything is typed', () => {
    expect(titles('  ')).toEqual(commands.map(({ title }) => title));
  });

  it('puts what begins with the letters before what contains them', () => {
    expect(titles('mod')).toEqual(['Models', 'Show model resnet']);
  });

  it('needs every word, in any order, in title or group', () => {
    expect(titles('dark view')).toEqual(['Theme: Dark']);
    expect(titles('dark model')).toEqual([]);
  });
});
