/** The console's end: hears every device, speaks to each. */
import { birthMessage, deathMessage, reportMessage, telemetryMessage, type AckMessage, type BirthMessage, type CommandMessage, type DeathMessage, type ReportMessage, type TelemetryMessage, type WelcomeMessage } from '../../../contract/wire/messages.ts';
import { CONSOLE_SUBSCRIPTIONS, deviceTopic, parseDeviceTopic } from '../../../contract/wire/topics.ts';
import type { EdgewiseError } from '../../../base/errors.ts';
import { CONSOLE_NAME } from '../pki/authority.ts';
import { openConnection, parseMessage, type ConnectionOptions, type LinkState, type LinkTls } from './connection.ts';

export interface ConsoleLinkHandlers {
  birth(deviceId: string, message: BirthMessage): void;
  death(deviceId: string, message: DeathMessage): void;
  report(deviceId: string, message: ReportMessage): void;
  telemetry(deviceId: string, message: TelemetryMessage): void;
}

export interface ConsoleLinkOptions {
  readonly url: string;
  readonly tls?: LinkTls;
  readonly handlers: ConsoleLinkHandlers;
  readonly onState: (state: LinkState, error?: EdgewiseError) => void;
  /** Something came that is no message: named, counted, dropped. */
  readonly onBad?: (text: string) => void;
  readonly random: () => number;
  readonly retry?: ConnectionOptions['retry'];
}

export interface ConsoleLink {
  /** @throws CONFLICT while there is no connection: then it is not sent, and a birth will ask for it again */
  welcome(deviceId: string, message: WelcomeMessage): Promise<void>;
  command(deviceId: string, message: CommandMessage): Promise<void>;
  ack(deviceId: string, message: AckMessage): Promise<void>;
  close(): Promise<void>;
}

export function connectConsoleLink(options: ConsoleLinkOptions): ConsoleLink {
  const bad = options.onBad ?? (() => {});
  const { handlers } = options;
  const connection = openConnection({
    url: options.url,
    ...(options.tls ? { tls: options.tls } : {}),
    clientId: CONSOLE_NAME,
    subscriptions: CONSOLE_SUBSCRIPTIONS,
    onMessage(topic, payload) {
      const parsed = parseDeviceTopic(topic);
      if (parsed === null) return bad(`${topic.slice(0, 200)}: not a topic of a device`);
      const { deviceId, channel } = parsed;
      if (channel === 'birth') {
        const message = parseMessage(birthMessage, topic, payload, bad);
        if (message) handlers.birth(deviceId, message);
      } else if (channel === 'death') {
        const message = parseMessage(deathMessage, topic, payload, bad);
        if (message) handlers.death(deviceId, message);
      } else if (channel === 'report') {
        const message = parseMessage(reportMessage, topic, payload, bad);
        if (message) handlers.report(deviceId, message);
      } else if (channel === 'telemetry') {
        const message = parseMessage(telemetryMessage, topic, payload, bad);
        if (message) handlers.telemetry(deviceId, message);
      }
    },
    onState: options.onState,
    random: options.random,
    ...(options.retry ? { retry: options.retry } : {}),
  });
  return {
    welcome: (deviceId, message) => connection.publish(deviceTopic(deviceId, 'welcome'), message),
    command: (deviceId, message) => connection.publish(deviceTopic(deviceId, 'command'), message),
    ack: (deviceId, message) => connection.publish(deviceTopic(deviceId, 'ack'), message),
    close: () => connection.close(),
  };
}
