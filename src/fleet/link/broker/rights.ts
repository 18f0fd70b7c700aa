/** Who may say and hear what. A device: its own four topics up and its own three down, by their full names. The console: the rest. */
import { CONSOLE_SUBSCRIPTIONS, DOWN_CHANNELS, parseDeviceTopic, UP_CHANNELS } from '../../../contract/wire/topics.ts';
import { CONSOLE_NAME } from '../pki/authority.ts';

const UP: ReadonlySet<string> = new Set(UP_CHANNELS);
const DOWN: ReadonlySet<string> = new Set(DOWN_CHANNELS);

export function mayPublish(client: string, topic: string): boolean {
  const parsed = parseDeviceTopic(topic);
  if (parsed === null) return false;
  return client === CONSOLE_NAME ? DOWN.has(parsed.channel) : parsed.deviceId === client && UP.has(parsed.channel);
}

/** @param filter of a subscription; one with wildcards is no topic, so a device gets none through */
export function maySubscribe(client: string, filter: string): boolean {
  if (client === CONSOLE_NAME) return CONSOLE_SUBSCRIPTIONS.includes(filter);
  const parsed = parseDeviceTopic(filter);
  return parsed !== null && parsed.deviceId === client && DOWN.has(parsed.channel);
}
