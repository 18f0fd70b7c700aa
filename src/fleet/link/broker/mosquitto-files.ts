/**
 * Configuration of an external Mosquitto with the rights that the embedded broker gives: TLS with certificates on both sides, the certificate's
 * common name as the user's, and topics by that name. Mosquitto asks no registry: a revoked device is shut out by the revocation list.
 */
import { DOWN_CHANNELS, UP_CHANNELS, deviceTopic } from '../../../contract/wire/topics.ts';
import { MAX_MESSAGE_BYTES } from '../../../contract/wire/messages.ts';
import { CONSOLE_NAME } from '../pki/authority.ts';

export interface MosquittoOptions {
  readonly port: number;
  /** Address to listen on. */
  readonly host: string;
  /** Paths as Mosquitto sees them. */
  readonly authorityFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly aclFile: string;
  /** Where it keeps sessions and waiting messages over a restart. */
  readonly persistenceFolder: string;
  readonly revocationFile?: string;
}

export function mosquittoConfig(options: MosquittoOptions): string {
  return [
    'per_listener_settings false',
    'allow_anonymous false',
    `listener ${options.port} ${options.host}`,
    `cafile ${options.authorityFile}`,
    `certfile ${options.certificateFile}`,
    `keyfile ${options.keyFile}`,
    ...(options.revocationFile === undefined ? [] : [`crlfile ${options.revocationFile}`]),
    'require_certificate true',
    // The common name is the user; a client that calls itself otherwise is given that name.
    'use_identity_as_username true',
    'use_username_as_clientid true',
    `acl_file ${options.aclFile}`,
    `message_size_limit ${MAX_MESSAGE_BYTES}`,
    'retain_available false',
    'persistence true',
    `persistence_location ${options.persistenceFolder.replace(/\/?$/u, '/')}`,
    // The whole of it is written each time: at every change, 10,000 sessions leave no time for anything else. What a broker that is killed
    // forgets is said again: devices keep reports until the console has them, the console orders until a device has carried them out.
    'autosave_interval 60',
    'max_queued_messages 1000',
    'persistent_client_expiration 30d',
    '',
  ].join('\n');
}

export function mosquittoAcl(): string {
  return [
    `user ${CONSOLE_NAME}`,
    ...UP_CHANNELS.map((channel) => `topic read ${deviceTopic('+', channel)}`),
    ...DOWN_CHANNELS.map((channel) => `topic write ${deviceTopic('+', channel)}`),
    '',
    ...UP_CHANNELS.map((channel) => `pattern write ${deviceTopic('%u', channel)}`),
    ...DOWN_CHANNELS.map((channel) => `pattern read ${deviceTopic('%u', channel)}`),
    '',
  ].join('\n');
}
