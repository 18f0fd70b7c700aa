/** The commands of the fleet, over a console that runs and over the data folder itself. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConsole, type Console } from '../console/create-console.ts';
import { createNodeProcessHost } from '../console/jobs/node-process-host.ts';
import { findEntries } from '../console/processes/entries.ts';
import { writeSmallModel } from '../console/testing/small-model.ts';
import { startServer, type RunningServer } from '../server/start-server.ts';
import { leaveAddress } from './console-client.ts';
import { run } from './program.ts';

let root: string;
const before = process.env['EDGEWISE_HOME'];

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-fleet-cli-'));
  process.env['EDGEWISE_HOME'] = join(root, 'home');
  mkdirSync(join(root, 'page'));
  writeFileSync(join(root, 'page', 'index.html'), '<!doctype html>');
  writeFileSync(join(root, 'stores.csv'), 'id,name,region,time_zone\ns1,One,East,Asia/Shanghai\ns2,Two,West,Nowhere\n');
  writeFileSync(join(root, 'devices.csv'), 'id,store,class,workload\nd1,s1,edge-box,customer-flow\nd2,s1,jetson,customer-flow\n');
  writeSmallModel(join(root, 'small.onnx'));
});
afterAll(() => {
  if (before === undefined) delete process.env['EDGEWISE_HOME'];
  else process.env['EDGEWISE_HOME'] = before;
  rmSync(root, { recursive: true, force: true });
});

async function edgewise(...argv: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const code = await run(argv, { signal: new AbortController().signal, stdout: { write: (text) => (out += text) }, stderr: { write: (text) => (err += text) } });
  return { code, out, err };
}

async function json<T>(...argv: string[]): Promise<T> {
  const { code, out, err } = await edgewise(...argv, '--json');
  expect(code, `${out}${err}`).toBe(0);
  return JSON.parse(out) as T;
}

describe('the fleet by command', () => {
  it('imports, lists and filters over the data folder itself', async () => {
    const shown = await edgewise('fleet', 'import', join(root, 'stores.csv'), '--kind', 'stores');
    expect(shown.out).toContain('Would add 1, change 0 and refuse 1; nothing is written');
    expect(shown.err).toContain('line 3 (s2): timeZone');
    expect(await json('fleet', 'stores')).toEqual([]);
    expect(await json('fleet', 'import', join(root, 'stores.csv'), '--kind', 'stores', '--apply')).toMatchObject({ added: 1, refused: 1 });
    expect(await json('fleet', 'import', join(root, 'devices.csv'), '--kind', 'devices', '--apply')).toMatchObject({ added: 2, refused: 0 });
    expect(await json('fleet', 'list', '--filter', 'class = jetson')).toMatchObject([{ id: 'd2', presence: 'never' }]);
    expect((await edgewise('fleet', 'list', '--filter', 'clas = x')).code).toBe(3);
    expect(await json('fleet', 'status')).toMatchObject({ devices: 2, never: 2, link: { state: 'off' } });
  });

  it('wants what it needs, and says what is missing', async () => {
    expect(await edgewise('fleet', 'claim', 'd1')).toMatchObject({ code: 2, err: expect.stringContaining('--store') as string });
    expect(await edgewise('fleet', 'show', 'nobody')).toMatchObject({ code: 3, err: expect.stringContaining('NOT_FOUND') as string });
    expect(await edgewise('fleet', 'claim', 'd1', '--store', 's1', '--class', 'edge-box', '--workload', 'customer-flow')).toMatchObject({ code: 1, err: expect.stringContaining('line to the devices is off') as string });
    expect((await edgewise('fleet', 'dance')).code).toBe(2);
    expect(await edgewise('rollout', 'show', 'nobody')).toMatchObject({ code: 3 });
    writeFileSync(join(root, 'draft.json'), '{"name":"x"}');
    expect(await edgewise('rollout', 'create', join(root, 'draft.json'))).toMatchObject({ code: 3, err: expect.stringContaining('The draft is wrong at artifact') as string });
  });

  it('removes a device only where its name is typed again', async () => {
    expect(await edgewise('fleet', 'remove', 'd2')).toMatchObject({ code: 1, err: expect.stringContaining('Type d2') as string });
    expect(await json('fleet', 'remove', 'd2', '--confirm', 'd2')).toEqual({ removed: 'd2' });
    expect(await json('fleet', 'list')).toHaveLength(1);
  });
});

describe('beside a console that runs', () => {
  let console: Console;
  let server: RunningServer;
  let forget: () => void;

  beforeAll(async () => {
    const dataFolder = join(root, 'home');
    console = await createConsole({ dataFolder, processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test' });
    server = await startServer({ console, port: 0, rendererFolder: join(root, 'page') });
    forget = await leaveAddress(dataFolder, server.port, server.localCookie());
  });
  afterAll(async () => {
    forget();
    await server.close();
    await console.close();
  });

  it('asks it, publishes, and makes a rollout that waits for another person', async () => {
    const imported = await console.router.call({ id: 1, route: 'models.import', input: { path: join(root, 'small.onnx') } }, { trusted: true });
    expect(imported.ok).toBe(true);
    expect(await json('artifact', 'publish', 'flow', 'small', '--workload', 'customer-flow')).toMatchObject({ version: 1, artifact: 'flow' });
    expect(await json('artifact', 'list')).toHaveLength(1);
    expect(await json('fleet', 'list')).toMatchObject([{ id: 'd1' }]);
    const hour = 3_600_000;
    writeFileSync(join(root, 'draft.json'), JSON.stringify({
      name: 'spring', artifact: 'flow', version: 1, filter: '',
      policy: {
        approval: 'other_person', startAtMs: null, canary: 1, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 0, smallStores: 'wait', maxAtOnce: 1 }, download: { kind: 'always' }, update: { kind: 'closed_hours' },
        success: { atLeastShare: 1, minExecuted: 1 }, failures: [], gates: [], waveGates: { missedAtMostShare: 0, minDevices: 1 }, onGateFailure: 'pause', soakMs: 0, retries: { max: 1, baseMs: 1, factor: 1, maxMs: 1 },
        timeoutsMs: { downloading: hour, verifying: hour, benchmarking: hour, swapping: hour, confirming: hour, rolling_back: hour, wave: hour }, jitterMs: 0, lateJoiners: 'ignore', tailMs: hour,
      },
    }));
    // Nobody has joined yet.
    expect(await json('rollout', 'preview', join(root, 'draft.json'))).toMatchObject({ waves: [], risks: expect.arrayContaining([expect.objectContaining({ code: 'no_target', level: 'stop' })]) as unknown });
    expect((await edgewise('rollout', 'create', join(root, 'draft.json'))).err).toContain('touches no device');
  });

  it('takes the root key away to a file, and changes keys with it from there alone', async () => {
    const [key, secret, wrong] = ['root.pem', 'secret', 'wrong'].map((name) => join(root, name)) as [string, string, string];
    writeFileSync(secret, 'correct horse battery staple\nnot this\n');
    writeFileSync(wrong, 'another battery staple\n');
    const before = (await json('keys', 'show')) as { rootVersion: number; roles: { role: string; keyIds: string[]; held: boolean }[] };
    expect(before.roles.map(({ held }) => held)).toEqual([true, true, true]);
    expect((await edgewise('keys', 'show')).out).toContain('in the data folder');

    expect(await edgewise('keys', 'export-root', key)).toMatchObject({ code: 2, err: expect.stringContaining('--passphrase-file is missing') as string });
    expect((await edgewise('keys', 'export-root', key, '--passphrase-file', secret)).err).toContain('not confirmed');
    expect(existsSync(key)).toBe(false);
    expect(await json('keys', 'export-root', key, '--passphrase-file', secret, '--confirm', 'take the root key away')).toMatchObject({ roles: expect.arrayContaining([expect.objectContaining({ role: 'root', held: false })]) as unknown });
    expect(readFileSync(key, 'utf8')).toContain('ENCRYPTED PRIVATE KEY');

    const rotate = ['keys', 'rotate', '--roles', 'release', '--confirm', 'new keys'];
    expect((await edgewise(...rotate)).code).not.toBe(0);
    expect((await edgewise(...rotate, '--root', key, '--passphrase-file', wrong)).code).not.toBe(0);
    expect(((await json('keys', 'show')) as typeof before).rootVersion).toBe(before.rootVersion);
    const after = (await json(...rotate, '--root', key, '--passphrase-file', secret)) as typeof before;
    const keyIds = (of: typeof before, role: string): string[] | undefined => of.roles.find((one) => one.role === role)?.keyIds;
    expect(after.rootVersion).toBe(before.rootVersion + 1);
    expect(keyIds(after, 'release')).not.toEqual(keyIds(before, 'release'));
    expect(keyIds(after, 'freshness')).toEqual(keyIds(before, 'freshness'));
  });

  it('opens the data folder itself once that console is gone without a word', async () => {
    forget = await leaveAddress(join(root, 'home'), 1, 'edgewise_1=x');
    expect(await edgewise('fleet', 'list')).toMatchObject({ code: 1, err: expect.stringContaining('CONFLICT') as string });
  });
});
