import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobRecord } from '../../contract/records/job.ts';
import { defaultSettings } from '../../contract/records/settings.ts';
import { migrate, migrations } from './migrate.ts';
import { openStore } from './open-store.ts';

let root: string;
let path: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-store-'));
  path = join(root, 'edgewise.sqlite');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const STAMP = '2026-01-01T00:00:00.000Z';

function job(id: string, state: JobRecord['state'] = 'queued'): JobRecord {
  return { id, kind: 'optimize', title: id, state, input: { modelId: 'm', recipe: 'int8' }, progress: null, result: null, error: null, createdAt: STAMP, startedAt: null, endedAt: null };
}

describe('migrations', () => {
  test('each runs once, in order, and a second start changes nothing', () => {
    const database = new DatabaseSync(path);
    const ran: number[] = [];
    const steps = [1, 2, 3].map((step) => () => void ran.push(step));
    expect(migrate(database, steps.slice(0, 2))).toEqual({ from: 0, to: 2 });
    expect(migrate(database, steps)).toEqual({ from: 2, to: 3 });
    expect(migrate(database, steps)).toEqual({ from: 3, to: 3 });
    expect(ran).toEqual([1, 2, 3]);
    database.close();
  });

  test('one that fails leaves the version and the tables as they were', () => {
    const database = new DatabaseSync(path);
    const bad = (target: DatabaseSync): void => {
      target.exec('CREATE TABLE half (x)');
      throw new Error('power cut');
    };
    expect(() => migrate(database, [...migrations, bad])).toThrowError('power cut');
    expect(migrate(database)).toEqual({ from: migrations.length, to: migrations.length });
    expect(database.prepare("SELECT name FROM sqlite_master WHERE name = 'half'").get()).toBeUndefined();
    database.close();
  });

  test('a database of a newer version is refused and not touched', () => {
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 999');
    database.close();
    expect(() => openStore(path, STAMP)).toThrowError(expect.objectContaining({ code: 'CONFLICT' }));
    expect(readdirSync(root)).toEqual(['edgewise.sqlite']);
  });
});

describe('the store', () => {
  test('keeps jobs over a restart, oldest first per state, newest first in the list', () => {
    let store = openStore(path, STAMP);
    for (const id of ['a', 'b', 'c']) store.jobs.add(job(id));
    store.jobs.update(job('b', 'running'));
    store.jobs.appendLog('b', { at: STAMP, level: 'info', message: 'one' });
    store.close();
    store = openStore(path, STAMP);
    expect(store.jobs.list().map(({ id }) => id)).toEqual(['c', 'b', 'a']);
    expect(store.jobs.inState('queued').map(({ id }) => id)).toEqual(['a', 'c']);
    expect(store.jobs.log('b')).toEqual([{ at: STAMP, level: 'info', message: 'one' }]);
    store.jobs.remove('b');
    expect(store.jobs.log('b')).toEqual([]);
    store.close();
  });

  test('writes are durable: WAL with synchronous FULL', () => {
    const store = openStore(path, STAMP);
    const other = new DatabaseSync(path);
    expect(other.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    other.close();
    store.close();
  });

  test('a transaction that throws leaves nothing', () => {
    const store = openStore(path, STAMP);
    expect(() =>
      store.transaction(() => {
        store.jobs.add(job('a'));
        throw new Error('no');
      }),
    ).toThrowError('no');
    expect(store.jobs.list()).toEqual([]);
    store.close();
  });

  test('settings fall back to their defaults, value by value', () => {
    const store = openStore(path, STAMP);
    expect(store.settings.get()).toEqual(defaultSettings);
    expect(store.settings.set({ theme: 'dark', benchThreads: 2 })).toEqual({ ...defaultSettings, theme: 'dark', benchThreads: 2 });
    store.close();
    const database = new DatabaseSync(path);
    database.exec(`UPDATE settings SET value = '"purple"' WHERE key = 'theme'`);
    database.close();
    const again = openStore(path, STAMP);
    expect(again.settings.get()).toEqual({ ...defaultSettings, benchThreads: 2 });
    again.close();
  });

  test('a damaged file is kept aside and named; the next start is empty', () => {
    openStore(path, STAMP).close();
    const garbage = Buffer.alloc(8192, 'not a database ');
    writeFileSync(path, garbage);
    let kept = '';
    expect(() => openStore(path, STAMP)).toThrowError(
      expect.toSatisfy((error: { code: string; details: { kept: string } }) => {
        kept = error.details.kept;
        return error.code === 'STORE_CORRUPT';
      }),
    );
    expect(readFileSync(kept).equals(garbage)).toBe(true);
    const store = openStore(path, STAMP);
    expect(store.jobs.list()).toEqual([]);
    store.close();
  });

  test('a row that does not parse is named, not believed', () => {
    const store = openStore(path, STAMP);
    store.jobs.add(job('a'));
    const database = new DatabaseSync(path);
    database.exec(`UPDATE jobs SET record = '{"id":1}'`);
    database.close();
    expect(() => store.jobs.get('a')).toThrowError(expect.objectContaining({ code: 'STORE_CORRUPT', message: expect.stringContaining('jobs a') }));
    store.close();
  });
});
