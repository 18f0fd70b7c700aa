/** The embedded broker takes a new certificate while devices are connected. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { connectAsync, type MqttClient } from 'mqtt';
import { expect, it } from 'vitest';
import { deviceTopic } from '../../../contract/wire/topics.ts';
import { createAuthority, createDeviceRequest, issueDeviceCertificate, issueServerCertificate } from '../pki/authority.ts';
import { startEmbeddedBroker } from './embedded-broker.ts';

it('shows the new one to who connects from now on, and drops nobody', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-broker-'));
  const authority = await createAuthority('Test', Date.now());
  const tlsNow = async (): Promise<{ certPem: string; keyPem: string; authorityPem: string }> => ({ ...(await issueServerCertificate(authority, ['127.0.0.1'], Date.now())), authorityPem: authority.certPem });
  const broker = await startEmbeddedBroker({ folder, host: '127.0.0.1', port: 0, tls: await tlsNow(), mayConnect: () => true });
  const enter = async (id: string): Promise<MqttClient> => {
    const { csrPem, keyPem } = await createDeviceRequest();
    const { certPem } = await issueDeviceCertificate(authority, csrPem, id, Date.now());
    return connectAsync(broker.url, { clientId: id, ca: authority.certPem, cert: certPem, key: keyPem, reconnectPeriod: 0, protocolVersion: 4 });
  };
  const before = await enter('till-1');
  let dropped = false;
  before.on('close', () => (dropped = true));
  const next = await tlsNow();
  broker.setTls(next);
  const after = await enter('till-2');
  await before.publishAsync(deviceTopic('till-1', 'birth'), '{}', { qos: 1 });
  expect([dropped, broker.sessions()]).toEqual([false, 2]);
  const shown = await new Promise<string | undefined>((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port: broker.port, ca: authority.certPem }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
  expect(shown).toBe(new X509Certificate(next.certPem).fingerprint256);
  // Who has no certificate is still not let in.
  await expect(connectAsync(broker.url, { clientId: 'till-3', ca: authority.certPem, reconnectPeriod: 0, connectTimeout: 5000 }, false)).rejects.toThrow();
  await Promise.all([before.endAsync(true), after.endAsync(true)]);
  await broker.close();
  rmSync(folder, { recursive: true, force: true });
});
