/** `edgewise fleet ...`: stores, devices, how they join and how they are reached. */
import { readFileSync } from 'node:fs';
import { EdgewiseError } from '../../base/errors.ts';
import type { DeviceRow } from '../../contract/records/fleet.ts';
import { withConsole } from '../console-client.ts';
import { tableText, type Io } from '../io.ts';
import type { Places } from '../places.ts';

export type FleetVerb = 'list' | 'show' | 'stores' | 'import' | 'groups' | 'claim' | 'enrolments' | 'accept' | 'refuse' | 'revoke' | 'remove' | 'status' | 'link';

export interface FleetFlags {
  readonly filter?: string;
  readonly store?: string;
  readonly class?: string;
  readonly workload?: string;
  readonly hours?: number;
  readonly confirm?: string;
  readonly kind?: 'stores' | 'devices';
  readonly apply?: boolean;
  readonly on?: boolean;
  readonly off?: boolean;
  readonly host?: string;
}

const time = (ms: number | null): string => (ms === null ? '' : new Date(ms).toISOString().replace(/\.\d+Z$/u, 'Z'));

export async function fleet(verb: FleetVerb, argument: string | undefined, flags: FleetFlags, places: Places, io: Io): Promise<void> {
  const named = (what: string): string => {
    if (argument === undefined) throw new EdgewiseError('USAGE', `fleet ${verb} needs ${what}.`, { hint: `edgewise fleet ${verb} NAME` });
    return argument;
  };
  const wanted = <T>(value: T | undefined, flag: string): T => {
    if (value === undefined) throw new EdgewiseError('USAGE', `fleet ${verb} needs --${flag}.`, { hint: 'Run: edgewise fleet --help' });
    return value;
  };
  await withConsole(places, async (call) => {
    switch (verb) {
      case 'list': {
        const rows = await call('fleet.devices', {});
        const found = await call('fleet.match', { filter: flags.filter ?? '' });
        if (found.error) throw new EdgewiseError('BAD_REQUEST', `The filter is wrong at character ${found.error.at + 1}: ${found.error.message}`, { hint: 'For example: region = East and not online' });
        const ids = new Set(found.ids);
        const shown = rows.filter(({ id }) => ids.has(id));
        return io.result(shown, () => tableText([['device', 'store', 'class', 'workload', 'presence', 'runs', 'p95 ms', ''], ...shown.map(lineOf)]));
      }
      case 'show': {
        const device = await call('fleet.device', { id: named('a device') });
        return io.result(device, () => [...lineOf(device.row), `key ${device.fingerprint ?? 'none'}`, ...device.events.slice(0, 20).map((event) => `${time(event.atMs)}  ${event.kind}  ${event.text}`)].join('\n'));
      }
      case 'stores': {
        const stores = await call('fleet.stores', {});
        return io.result(stores, () => tableText([['store', 'name', 'region', 'time zone', 'devices', 'online'], ...stores.map((store) => [store.id, store.name, store.region, store.timeZone, String(store.devices), String(store.online)])]));
      }
      case 'import': {
        const { rows, token } = await call('fleet.importPreview', { kind: wanted(flags.kind, 'kind'), text: read(named('a CSV file')) });
        const refused = rows.filter(({ change }) => change === 'refused');
        for (const row of refused) io.note(`line ${row.line} (${row.id}): ${row.error ?? ''}`);
        const count = (change: string): number => rows.filter((row) => row.change === change).length;
        if (flags.apply !== true) return io.result({ rows }, () => `Would add ${count('added')}, change ${count('changed')} and refuse ${refused.length}; nothing is written. Write it with --apply.`);
        const done = await call('fleet.importApply', { token });
        return io.result({ ...done, rows }, () => `Added ${done.added}, changed ${done.changed}, refused ${done.refused}.`);
      }
      case 'groups': {
        const groups = await call('fleet.groups', {});
        return io.result(groups, () => tableText([['group', 'name', 'devices', 'filter'], ...groups.map((group) => [group.id, group.name, String(group.devices), group.filter])]));
      }
      case 'claim': {
        const claim = await call('fleet.claim', { deviceId: named('a device'), storeId: wanted(flags.store, 'store'), class: wanted(flags.class, 'class'), workload: wanted(flags.workload, 'workload'), validForMs: (flags.hours ?? 24) * 3_600_000 });
        return io.result(claim, () => `On the device, until ${time(claim.expiresAtMs)}:\n\n  ${claim.command}\n\nThe code is shown once.`);
      }
      case 'enrolments': {
        const list = await call('fleet.enrolments', {});
        return io.result(list, () => tableText([['request', 'device', 'state', 'key', 'from', 'asked'], ...list.map((one) => [one.id, one.deviceId, one.state, one.fingerprint, one.from, time(one.requestedAtMs)])]));
      }
      case 'accept':
      case 'refuse': {
        const wish = named('a request or a device');
        const list = await call('fleet.enrolments', {});
        const found = list.find(({ id, deviceId, state }) => state === 'waiting' && (id === wish || deviceId === wish));
        if (found === undefined) throw new EdgewiseError('NOT_FOUND', `Nobody called ${wish} waits to join.`, { hint: 'Run: edgewise fleet enrolments' });
        if (verb === 'accept' && wanted(flags.confirm, 'confirm FINGERPRINT') !== found.fingerprint) {
          throw new EdgewiseError('CONFLICT', `The device's key is ${found.fingerprint}, not what was confirmed.`, { hint: 'Compare it with what the device shows, then confirm it with --confirm.' });
        }
        const done = await call(verb === 'accept' ? 'fleet.accept' : 'fleet.refuse', { id: found.id });
        return io.result(done, () => `${done.deviceId}: ${done.state}`);
      }
      case 'revoke': {
        const row = await call('fleet.revokeDevice', { id: named('a device'), confirm: flags.confirm ?? '' });
        return io.result(row, () => `${row.id}: ${row.credential}`);
      }
      case 'remove':
        await call('fleet.removeDevice', { id: named('a device'), confirm: flags.confirm ?? '' });
        return io.result({ removed: argument }, () => `${argument ?? ''} is removed.`);
      case 'status': {
        const overview = await call('fleet.overview', {});
        return io.result(overview, () => `${overview.devices} devices in ${overview.stores} stores: ${overview.online} online, ${overview.stale} stale, ${overview.offline} offline, ${overview.never} never seen; ${overview.simulated} simulated; ${overview.waitingEnrolments} wait to join.\nThe line is ${overview.link.state}${overview.link.brokerUrl === '' ? '' : `, ${overview.link.brokerUrl}`}.`);
      }
      case 'link': {
        const { settings } = await call('fleet.link', {});
        const change = flags.on === true || flags.off === true || flags.host !== undefined;
        const enabled = flags.on === true || (flags.off !== true && settings.enabled);
        const { status } = change ? await call('fleet.setLink', { ...settings, enabled, host: flags.host ?? settings.host }) : await call('fleet.link', {});
        return io.result(status, () => `The line is ${status.state}${status.error === null ? '' : `: ${status.error.message}`}${status.brokerUrl === '' ? '' : `\nbroker ${status.brokerUrl}\nartifacts ${status.artifactsUrl}`}`);
      }
    }
  });
}

function lineOf(row: DeviceRow): string[] {
  const runs = row.artifact === null ? '' : `${row.artifact} ${row.version ?? ''}`;
  return [row.id, row.storeId, row.class, row.workload, row.presence, runs, row.latencyP95Ms?.toFixed(1) ?? '', row.simulated ? 'simulated' : ''];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new EdgewiseError('FILE_NOT_FOUND', `${path} cannot be read.`, { hint: 'Name a CSV file.', cause });
  }
}
