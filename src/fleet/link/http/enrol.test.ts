/** Joining: what a device believes, what it sends to whom, and what the server takes. Over real TLS. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:https';
import { afterEach, describe, expect, it } from 'vitest';
import { EdgewiseError } from '../../../base/errors.ts';
import { formatClaimCode, parseClaimCode, type ClaimCode, type EnrolmentAnswer, type EnrolmentRequest } from '../../../contract/wire/enrolment.ts';
import { createArtifactClient } from './client.ts';
import { enrol, type EnrolOptions } from './enrol.ts';
import type { Enrolments } from './ports.ts';
import { issue, testAuthority, type Issued, type TestAuthority, type Wish } from './testing/certificates.ts';
import { HOST, serve, type TestServer } from './testing/serve.ts';

const open: TestServer[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const SECRET = randomBytes(32).toString('base64url');
const never = new AbortController().signal;

function requestWith(device: Issued): Omit<EnrolmentRequest, 'secret'> {
  const inventory = { agentVersion: '1', hardware: 'linux-x64', cpu: 'test', cores: 1, memoryBytes: 1, freeDiskBytes: 1, os: 'test', accelerators: [], runtimes: [], energy: null };
  return { csrPem: 'a request', fingerprint: device.fingerprint, deviceId: 'device-1', inventory };
}

function acceptance(test: TestServer, device: Issued, change: Partial<Extract<EnrolmentAnswer, { state: 'accepted' }>> = {}): EnrolmentAnswer {
  return {
    state: 'accepted', deviceId: 'device-1', storeId: 's1', class: 'edge-box', workload: 'customer-flow', certificatePem: device.certPem, authorityPem: test.authority.certPem,
    brokerUrl: 'mqtts://127.0.0.1:1', brokerAuthorityPem: null, artifactsUrl: test.url, rootBase64: 'AA==', ...change,
  };
}

/** Answers one thing after the other, the last for ever. */
function answering(...answers: (() => EnrolmentAnswer)[]): Enrolments & { readonly requests: [EnrolmentRequest, string][]; readonly polls: [string, string][] } {
  const requests: [EnrolmentRequest, string][] = [];
  const polls: [string, string][] = [];
  const next = async (): Promise<EnrolmentAnswer> => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === undefined) throw new Error('nothing to answer');
    return answer();
  };
  return {
    requests,
    polls,
    request: (input, from) => (requests.push([input, from]), next()),
    poll: (id, secret) => (polls.push([id, secret]), next()),
  };
}

const waiting = (): EnrolmentAnswer => ({ state: 'waiting', id: 'request-1', retryAfterMs: 100 });

async function serving(enrolments: Enrolments, more: Parameters<typeof serve>[0] = {}): Promise<TestServer> {
  const test = await serve({ enrolments, ...more });
  open.push(test);
  return test;
}

function claimOf(test: TestServer, change: Partial<ClaimCode> = {}): ClaimCode {
  const claim = parseClaimCode(formatClaimCode({ v: 1, url: test.url, ca: test.ca, secret: SECRET, ...change }));
  if (claim === null) throw new Error('no claim code');
  return claim;
}

function joining(test: TestServer, device: Issued, more: Partial<EnrolOptions> = {}): Promise<unknown> {
  return enrol({ claim: claimOf(test), request: requestWith(device), signal: never, maxDelayMs: 100, timeoutMs: 5000, ...more });
}

describe('a device joins', () => {
  it('asks with its claim, waits for the operator, and gets a certificate that the server then serves', async () => {
    const seen: string[] = [];
    let device: Issued | undefined;
    const enrolments = answering(waiting, waiting, () => acceptance(test, device ?? stop()));
    const test = await serving(enrolments);
    device = await test.device('device-1');
    const accepted = await joining(test, device, { onWaiting: (id) => seen.push(id) });
    expect(accepted).toMatchObject({ deviceId: 'device-1', storeId: 's1' });
    expect(seen).toEqual(['request-1', 'request-1']);
    expect(enrolments.requests).toEqual([[{ secret: SECRET, ...requestWith(device) }, HOST]]);
    expect(enrolments.polls).toEqual([['request-1', SECRET], ['request-1', SECRET]]);
    test.documents.set('time', Buffer.from('time'));
    expect(Buffer.from(await test.client(device).time('a'.repeat(32))).toString('utf8')).toBe('time');
  });

  it('is refused: the reason is told, and it stops asking', async () => {
    const enrolments = answering(waiting, () => ({ state: 'refused', reason: 'nobody knows this box' }));
    const test = await serving(enrolments);
    await expect(joining(test, await test.device('device-1'))).rejects.toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('nobody knows this box') });
    expect(enrolments.polls).toHaveLength(1);
  });

  it('asks again after a fault, a restart that forgot it, and too many requests; it stops when it is told to', async () => {
    const troubles: string[] = [];
    let device: Issued | undefined;
    const enrolments = answering(
      () => { throw new Error('a fault'); },
      waiting,
      () => { throw new EdgewiseError('NOT_FOUND', 'There is no such request.'); },
      waiting,
      () => { throw new EdgewiseError('SERVER_BUSY', 'Too many wait.'); },
      () => acceptance(test, device ?? stop()),
    );
    const test = await serving(enrolments);
    device = await test.device('device-1');
    await joining(test, device, { onTrouble: ({ code }) => troubles.push(code) });
    expect(troubles).toEqual(['DOWNLOAD_FAILED', 'NOT_FOUND', 'SERVER_BUSY']);
    const controller = new AbortController();
    await expect(joining(await serving(answering(waiting)), device, { signal: controller.signal, onWaiting: () => controller.abort() })).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('with a claim that does not hold is told so and does not ask again', async () => {
    const enrolments = answering(() => { throw new EdgewiseError('FORBIDDEN', 'This claim is used.'); });
    const test = await serving(enrolments);
    await expect(joining(test, await test.device('device-1'))).rejects.toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('This claim is used.') });
    expect(enrolments.requests).toHaveLength(1);
  });
});

describe('the secret goes to nobody else', () => {
  it.each([
    ['another authority in the chain', async () => ({ authority: await testAuthority(), wish: { name: 'server', usage: 'server', host: HOST } })],
    ['a certificate that claims the authority by name alone', async (own: TestAuthority) => ({ authority: { ...(await testAuthority()), certPem: own.certPem }, wish: { name: 'server', usage: 'server', host: HOST } })],
    ['a certificate for another host', async (own: TestAuthority) => ({ authority: own, wish: { name: 'server', usage: 'server', host: '127.0.0.2' } })],
    ['the certificate of a device', async (own: TestAuthority) => ({ authority: own, wish: { name: 'device-7', usage: 'device', host: HOST } })],
    ['a certificate that says nothing of its use', async (own: TestAuthority) => ({ authority: own, wish: { name: 'server', usage: 'none', host: HOST } })],
  ] as const)('not to a server with %s', async (_, make) => {
    const honest = await serving(answering(waiting));
    const { authority, wish } = await make(honest.authority);
    const own = await issue(authority, wish as Wish);
    const enrolments = answering(waiting);
    const thief = await serving(enrolments, { tls: { keyPem: own.keyPem, certPem: own.certPem, authorityPem: authority.certPem } });
    const device = await honest.device('device-1');
    const claim = claimOf(honest, { url: thief.url });
    await expect(enrol({ claim, request: requestWith(device), signal: never })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(enrolments.requests).toEqual([]);
    // Nor does a device that has joined ask there for anything.
    thief.documents.set('time', Buffer.from('time'));
    const client = createArtifactClient({ url: thief.url, tls: { authority: { pem: honest.authority.certPem }, identity: device } });
    await expect(client.time('a'.repeat(32))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    client.close();
  });

  it('the dates of the server\'s certificate are no reason: a device without a clock must reach it to learn the time', async () => {
    const first = await serving(answering(waiting));
    const old = await issue(first.authority, { name: 'server', usage: 'server', host: HOST, notBefore: new Date(Date.now() - 9e9), notAfter: new Date(Date.now() - 8e9) });
    let device: Issued | undefined;
    const test: TestServer = await serving(answering(() => acceptance(first, device ?? stop())), { tls: { keyPem: old.keyPem, certPem: old.certPem, authorityPem: first.authority.certPem } });
    device = await first.device('device-1');
    expect(await enrol({ claim: claimOf(first, { url: test.url }), request: requestWith(device), signal: never })).toMatchObject({ deviceId: 'device-1' });
  });
});

describe('an answer that does not fit is not taken', () => {
  it.each([
    ['a certificate for another key', async (test: TestServer) => ({ certificatePem: (await test.device('device-1')).certPem })],
    ['a certificate of another authority', async () => ({ certificatePem: (await issue(await testAuthority(), { name: 'device-1', usage: 'device' })).certPem })],
    ['another authority', async () => ({ authorityPem: (await testAuthority()).certPem })],
    ['another name than the certificate has', async () => ({ deviceId: 'device-2' })],
    ['no certificate at all', async () => ({ certificatePem: 'hello' })],
  ] as const)('%s', async (_, change) => {
    let answer: EnrolmentAnswer | undefined;
    const test = await serving(answering(() => answer ?? stop()));
    const device = await test.device('device-1');
    answer = acceptance(test, device, await change(test));
    await expect(joining(test, device)).rejects.toMatchObject({ code: 'BAD_DOCUMENT' });
  });
});

describe('what the server takes', () => {
  function post(test: TestServer, body: string, headers: Record<string, string> = {}, method = 'POST', path = '/v1/enrolments'): Promise<{ status: number; body: string; retryAfter: string | undefined }> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: HOST, port: test.server.port, path, method, agent: false, rejectUnauthorized: false, headers: { 'content-type': 'application/json', ...headers } }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, retryAfter: response.headers['retry-after'] }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  it.each([
    ['no JSON', 'hello', {}, 400],
    ['JSON under another type', '{}', { 'content-type': 'text/plain' }, 400],
    ['fields that are missing', '{"secret":"a"}', {}, 400],
    ['more than 64 KiB', JSON.stringify({ secret: 'a'.repeat(70_000) }), {}, 413],
  ])('%s is refused by name, and nothing of it is repeated', async (_, body, headers, status) => {
    const enrolments = answering(waiting);
    const test = await serving(enrolments);
    const answer = await post(test, body, headers);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ code: expect.any(String), message: expect.any(String) });
    expect(answer.body).not.toContain('aaaa');
    expect(enrolments.requests).toEqual([]);
  });

  it('other methods are not known; a poll needs the secret', async () => {
    const test = await serving(answering(waiting));
    expect((await post(test, '', {}, 'GET')).status).toBe(405);
    expect((await post(test, '{}', {}, 'POST', '/v1/enrolments/request-1')).status).toBe(405);
    expect((await post(test, '', {}, 'GET', '/v1/enrolments/request-1')).status).toBe(403);
    expect((await post(test, '', { authorization: `Bearer ${SECRET}` }, 'GET', '/v1/enrolments/request-1')).status).toBe(202);
  });

  it('so many requests and polls from one address a minute, each counted for itself', async () => {
    const enrolments = answering(waiting);
    const test = await serving(enrolments, { limits: { enrolmentsPerMinute: 2, pollsPerMinute: 1 } });
    expect([(await post(test, 'x')).status, (await post(test, 'x')).status]).toEqual([400, 400]);
    const third = await post(test, 'x');
    expect([third.status, third.retryAfter]).toEqual([429, '30']);
    const poll = (): Promise<{ status: number }> => post(test, '', { authorization: `Bearer ${SECRET}` }, 'GET', '/v1/enrolments/request-1');
    expect([(await poll()).status, (await poll()).status]).toEqual([202, 429]);
  });
});

function stop(): never {
  throw new Error('asked too early');
}
