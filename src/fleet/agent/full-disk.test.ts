/** A disk that is full in the moment in which an order comes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { EdgewiseError } from '../../base/errors.ts';
import { nodeDisk } from './install/disk.ts';
import { startPublisher } from './testing/publisher-server.ts';
import { ScriptedConsole } from './testing/scripted-console.ts';
import { testAgent } from './testing/test-agent.ts';

const until = (what: () => void): Promise<void> => vi.waitFor(what, { timeout: 15_000, interval: 5 });

it('an order that could not be kept is asked for again, and carried out once', { timeout: 40_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-full-'));
  const publisher = await startPublisher();
  const console_ = new ScriptedConsole(() => publisher.now(), publisher.url);
  const one = await publisher.publish(1);
  let full = false;
  const disk = nodeDisk(folder);
  const failing = { ...disk, writeAtomically: (path: string, text: string) => (full ? Promise.reject(new EdgewiseError('DISK_FULL', 'Full.')) : disk.writeAtomically(path, text)) };
  const device = testAgent(failing, publisher.url, publisher.root, console_.connect);
  try {
    await device.agent.start();
    await until(() => expect(device.agent.status().connected).toBe(true));
    const prepare = console_.order('prepare', one);
    // As the console does it: what is still wanted is said at each birth.
    console_.onBirth = () => console_.send(prepare);
    full = true;
    console_.send(prepare);
    await until(() => expect(device.lines).toContainEqual(expect.stringContaining('not carried out')));
    full = false;
    await until(() => expect(console_.kinds()).toContain('staged'));
    expect(publisher.requests.filter((path) => path === '/v1/freshness')).toHaveLength(1);
  } finally {
    await device.agent.stop();
    publisher.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
});
