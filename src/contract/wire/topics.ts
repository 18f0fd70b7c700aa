/**
 * The MQTT topics. A device publishes and subscribes under its own id only; nothing is retained, and nothing relies on MQTT 5.
 *
 *   edgewise/1/devices/ID/birth      device -> console, at every connection
 *   edgewise/1/devices/ID/death      its last will; carries the number of its birth
 *   edgewise/1/devices/ID/report     device -> console, what came of a command
 *   edgewise/1/devices/ID/telemetry  device -> console, batches of measurements
 *   edgewise/1/devices/ID/welcome    console -> device, the answer to a birth
 *   edgewise/1/devices/ID/command    console -> device
 *   edgewise/1/devices/ID/ack        console -> device, what it has stored
 */
import { fleetId } from '../records/fleet.ts';

const ROOT = 'edgewise/1/devices';

export const UP_CHANNELS = ['birth', 'death', 'report', 'telemetry'] as const;
export const DOWN_CHANNELS = ['welcome', 'command', 'ack'] as const;
export type UpChannel = (typeof UP_CHANNELS)[number];
export type DownChannel = (typeof DOWN_CHANNELS)[number];

export function deviceTopic(deviceId: string, channel: UpChannel | DownChannel): string {
  return `${ROOT}/${deviceId}/${channel}`;
}

/** What a device subscribes to: every channel down to it, by name. */
export function deviceSubscriptions(deviceId: string): string[] {
  return DOWN_CHANNELS.map((channel) => deviceTopic(deviceId, channel));
}

/** What the console subscribes to. */
export const CONSOLE_SUBSCRIPTIONS: readonly string[] = UP_CHANNELS.map((channel) => `${ROOT}/+/${channel}`);

const TOPIC = new RegExp(`^${ROOT}/([^/]+)/([a-z]+)$`);

/** @returns null when it is no topic of a device */
export function parseDeviceTopic(topic: string): { readonly deviceId: string; readonly channel: UpChannel | DownChannel } | null {
  const [, deviceId = '', name = ''] = TOPIC.exec(topic) ?? [];
  const channel = [...UP_CHANNELS, ...DOWN_CHANNELS].find((known) => known === name);
  return channel === undefined || !fleetId.safeParse(deviceId).success ? null : { deviceId, channel };
}
