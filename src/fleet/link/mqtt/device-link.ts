/** The device's end: its births and its last will, what it reports, what it is told. */
import { ackMessage, commandMessage, welcomeMessage, type AckMessage, type BirthMessage, type CommandMessage, type DeathMessage, type ReportMessage, type TelemetryMessage, type WelcomeMessage } from '../../../contract/wire/messages.ts';
import { deviceSubscriptions, deviceTopic, parseDeviceTopic } from '../../../contract/wire/topics.ts';
import { openConnection, parseMessage, type ConnectionOptions, type LinkTls } from './connection.ts';

export interface DeviceLinkOptions {
  readonly url: string;
  readonly tls?: LinkTls;
  readonly deviceId: string;
  /** Asked for before each connection, for the will, and said once it stands; and at each `announce`. */
  readonly birth: () => BirthMessage;
  readonly onWelcome: (message: WelcomeMessage) => void;
  readonly onCommand: (message: CommandMessage) => void;
  readonly onAck: (message: AckMessage) => void;
  readonly onState: (state: 'connected' | 'disconnected') => void;
  /** Something came that is no message, or could not be sent. */
  readonly onBad?: (text: string) => void;
  readonly random: () => number;
  readonly retry?: ConnectionOptions['retry'];
}

/** What is sent without a connection is lost: whoever sends keeps it until it is acknowledged. */
export interface DeviceLink {
  report(message: ReportMessage): void;
  telemetry(message: TelemetryMessage): void;
  announce(): void;
  close(): Promise<void>;
  /** As a line that breaks: no good-bye, and the last will is told. */
  lose(): void;
}

export function connectDeviceLink(options: DeviceLinkOptions): DeviceLink {
  const { deviceId } = options;
  const bad = options.onBad ?? (() => {});
  let birth: BirthMessage | undefined;
  const send = (channel: 'birth' | 'death' | 'report' | 'telemetry', message: unknown): void => {
    connection.publish(deviceTopic(deviceId, channel), message).catch(() => {});
  };
  const connection = openConnection({
    url: options.url,
    ...(options.tls ? { tls: options.tls } : {}),
    clientId: deviceId,
    subscriptions: deviceSubscriptions(deviceId),
    will() {
      birth = options.birth();
      return { topic: deviceTopic(deviceId, 'death'), message: { format: 1, birth: birth.birth } satisfies DeathMessage };
    },
    onMessage(topic, payload) {
      const parsed = parseDeviceTopic(topic);
      if (parsed?.deviceId !== deviceId) return bad(`${topic}: not a topic of this device`);
      if (parsed.channel === 'welcome') take(welcomeMessage, options.onWelcome);
      else if (parsed.channel === 'command') take(commandMessage, options.onCommand);
      else if (parsed.channel === 'ack') take(ackMessage, options.onAck);

      function take<S extends typeof welcomeMessage | typeof commandMessage | typeof ackMessage>(schema: S, then: (message: ReturnType<S['parse']>) => void): void {
        const message = parseMessage(schema, topic, payload, bad);
        if (message !== null) then(message as ReturnType<S['parse']>);
      }
    },
    onState(state, error) {
      if (error) bad(error.message);
      if (state === 'connected') {
        if (birth) send('birth', birth);
        options.onState('connected');
      } else if (state === 'disconnected') {
        options.onState('disconnected');
      }
    },
    random: options.random,
    ...(options.retry ? { retry: options.retry } : {}),
  });
  return {
    report: (message) => send('report', message),
    telemetry: (message) => send('telemetry', message),
    announce() {
      birth = options.birth();
      send('birth', birth);
    },
    lose: () => connection.lose(),
    async close() {
      // A clean good-bye tells no will, so the device says it itself.
      if (birth) await connection.publish(deviceTopic(deviceId, 'death'), { format: 1, birth: birth.birth } satisfies DeathMessage).catch(() => {});
      await connection.close();
    },
  };
}
