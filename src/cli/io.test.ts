import { describe, expect, test } from 'vitest';
import { bytesText, createIo, tableText } from './io.ts';

function captured(isTTY: boolean, json = false) {
  const out: string[] = [];
  const err: string[] = [];
  const io = createIo(json, { stdout: { write: (text) => out.push(text) }, stderr: { write: (text) => err.push(text), isTTY, columns: 40 } });
  return { io, out, err };
}

describe('progress', () => {
  test('off a terminal is sparse: a line per stage and per tenth', () => {
    const { io, err } = captured(false);
    for (let step = 0; step <= 1000; step++) io.progress({ stage: step < 500 ? 'passes' : 'calibrate', fraction: step / 1000 });
    expect(err.length).toBeGreaterThan(5);
    expect(err.length).toBeLessThan(15);
    expect(err.every((line) => line.endsWith('\n'))).toBe(true);
  });

  test('on a terminal is one line that is wiped before anything else is written', () => {
    const { io, out, err } = captured(true);
    io.progress({ stage: 'passes', fraction: 0.5, detail: 'x'.repeat(100) });
    io.result({}, () => 'done');
    expect(err).toHaveLength(2);
    expect(err[0]).not.toContain('\n');
    // Wider than the terminal would wrap and never be wiped.
    expect(err[0]?.replace('\r\x1b[K', '')).toHaveLength(39);
    expect(err[1]).toBe('\r\x1b[K');
    expect(out).toEqual(['done\n']);
  });
});

test('with --json the result is one line of JSON', () => {
  const { io, out } = captured(false, true);
  io.result({ a: [1, null] }, () => 'text');
  expect(out).toEqual(['{"a":[1,null]}\n']);
});

test('sizes and tables read well', () => {
  expect([999, 1500, 4_950_000, 25_000_000_000].map(bytesText)).toEqual(['999 B', '1.5 kB', '4.95 MB', '25.0 GB']);
  expect(tableText([['a', 'bb'], ['ccc', 'd']])).toBe('a    bb\nccc  d');
});
