import { describe, expect, it } from 'vitest';
import type { AuditPage } from '../../../../../src/contract/rpc/rollout-routes.ts';
import { withOlder } from './audit-pages.ts';

const page = (sequences: readonly number[], older: number | null): AuditPage => ({
  entries: sequences.map((sequence) => ({ sequence, atMs: sequence, actor: { kind: 'engine', id: 'rollout' }, rolloutId: 'r', subject: { kind: 'rollout', id: 'r' }, event: 'x', from: '', to: '', note: '' })),
  older, total: 99,
});
const read = ({ entries, older }: AuditPage): readonly [number[], number | null] => [entries.map(({ sequence }) => sequence), older];

describe('the pages of an audit that grows', () => {
  it('keep what was read before behind the newest page, each entry once', () => {
    expect(read(withOlder(page([9, 8, 7], 7), page([8, 7, 6, 5, 4], 4)))).toEqual([[9, 8, 7, 6, 5, 4], 4]);
    expect(read(withOlder(page([9, 8, 7], 7), page([7, 6, 5], null)))).toEqual([[9, 8, 7, 6, 5], null]);
  });

  it('begin anew where more has come than one page holds: a log has no holes', () => {
    expect(read(withOlder(page([9, 8, 7], 7), page([5, 4, 3], 3)))).toEqual([[9, 8, 7], 7]);
    expect(read(withOlder(page([9, 8, 7], 7), null))).toEqual([[9, 8, 7], 7]);
  });

  it('are the newest page alone where that is all there is', () => {
    expect(read(withOlder(page([3, 2, 1], null), page([2, 1], null)))).toEqual([[3, 2, 1], null]);
    expect(read(withOlder(page([], null), null))).toEqual([[], null]);
  });
});
