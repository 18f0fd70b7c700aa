/**
 * A console in a process of its own, with points at which it kills itself (SIGKILL): before and after each transaction and each message to a device, by
 * the state of the newest rollout. Told as `state:n`, as the devices' is. The last thing that it says is where it died.
 */
import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { MqttClient } from 'mqtt';
import { createConsole } from '../create-console.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import { findEntries } from '../processes/entries.ts';

const [dataFolder = ''] = process.argv.slice(2);
let target: { readonly state: string; left: number } | null = null;
let entered = false;
let state = 'none';

const aim = (text: string): void => {
  const [wanted = '', count = '1'] = text.split(':');
  target = wanted === '' ? null : { state: wanted, left: Number(count) };
  entered = false;
};
aim(process.env['EDGEWISE_DIES_AT'] ?? '');

function point(what: string): void {
  if (target === null) return;
  const here = target.state === state;
  entered ||= here;
  if (here ? --target.left > 0 : !entered) return;
  writeSync(1, `\nkilled ${state}: ${what}\n`);
  process.kill(process.pid, 'SIGKILL');
}

// The statements of the store are its own; only its transactions are watched here.
const exec = DatabaseSync.prototype.exec;
const READ_STATE = "SELECT json_extract(record, '$.state') AS state FROM rollouts ORDER BY json_extract(record, '$.createdAtMs') DESC LIMIT 1";
function stateIn(database: DatabaseSync): string {
  try {
    return String(database.prepare(READ_STATE).get()?.['state'] ?? 'none');
  } catch {
    // Its tables are being made.
    return 'none';
  }
}

function watched(this: DatabaseSync, sql: string): void {
  if (sql !== 'COMMIT') return exec.call(this, sql);
  state = stateIn(this);
  point('before a transaction is kept');
  exec.call(this, sql);
  point('after a transaction was kept');
}
DatabaseSync.prototype.exec = watched;

const original = Object.getOwnPropertyDescriptor(MqttClient.prototype, 'publish')?.value as (...given: unknown[]) => MqttClient;
Object.defineProperty(MqttClient.prototype, 'publish', {
  value(this: MqttClient, ...given: unknown[]): MqttClient {
    const channel = String(given[0]).split('/').at(-1) ?? '';
    point(`before sending a message (${channel})`);
    const client = original.apply(this, given);
    point(`after sending a message (${channel})`);
    return client;
  },
});

const console_ = await createConsole({ dataFolder, processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', log: (line) => writeSync(2, `${line}\n`) });

process.on('message', (message: { readonly id?: number; readonly aim?: string; readonly route?: string; readonly input?: unknown }) => {
  if (message.aim !== undefined) return aim(message.aim);
  console_.router.call({ id: message.id ?? 0, route: message.route as never, input: message.input }, { trusted: true }).then(
    (answer) => process.send?.({ ...answer, id: message.id }),
    (error: unknown) => process.send?.({ id: message.id, ok: false, error: { code: 'INTERNAL', message: String(error) } }),
  );
});
process.on('disconnect', () => void console_.close().then(() => process.exit(0)));
process.send?.({ ready: true });
