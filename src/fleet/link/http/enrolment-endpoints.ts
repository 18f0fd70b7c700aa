/** The two paths that a device may use before it has a certificate. Limited by address, in size and in time. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { EdgewiseError } from '../../../base/errors.ts';
import { enrolmentRequest, type EnrolmentAnswer } from '../../../contract/wire/enrolment.ts';
import { sendJson, sendRefusal } from './answers.ts';
import { askerOf, type Quotas } from './buckets.ts';
import type { Enrolments } from './ports.ts';

const MAX_BODY_BYTES = 65_536;
const ANSWER_STATUS: Readonly<Record<EnrolmentAnswer['state'], number>> = { waiting: 202, accepted: 200, refused: 410 };

export interface EnrolmentQuotas {
  readonly requests: Quotas;
  readonly polls: Quotas;
}

/** @param id null for the collection */
export async function answerEnrolment(request: IncomingMessage, response: ServerResponse, id: string | null, enrolments: Enrolments, quotas: EnrolmentQuotas): Promise<void> {
  const from = request.socket.remoteAddress ?? '';
  const method = id === null ? 'POST' : 'GET';
  if (request.method !== method) {
    sendRefusal(request, response, new EdgewiseError('BAD_REQUEST', `This path takes ${method} alone.`), { allow: method }, 405);
    return;
  }
  const waitMs = (id === null ? quotas.requests : quotas.polls).take(askerOf(from));
  if (waitMs > 0) {
    const error = new EdgewiseError('SERVER_BUSY', 'Too many requests to join came from this address.', { hint: 'The device asks again by itself.' });
    sendRefusal(request, response, error, { 'retry-after': String(Math.ceil(waitMs / 1000)) }, 429);
    return;
  }
  const answer = id === null ? await enrolments.request(await readRequest(request), from) : await enrolments.poll(id, secretOf(request));
  sendJson(request, response, ANSWER_STATUS[answer.state], answer);
}

async function readRequest(request: IncomingMessage): Promise<ReturnType<typeof enrolmentRequest.parse>> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) throw bad('it is no JSON by its type');
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_BODY_BYTES) throw new EdgewiseError('TOO_LARGE', `The request to join has more than ${MAX_BODY_BYTES} bytes.`, { hint: 'Check the program on the device.' });
    pieces.push(piece);
  }
  let raw: unknown;
  try {
    raw = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw bad('it is no JSON');
  }
  const parsed = enrolmentRequest.safeParse(raw);
  if (parsed.success) return parsed.data;
  // Only where: what was sent holds a secret.
  throw bad(`"${parsed.error.issues[0]?.path.join('.') ?? ''}" is not valid`);
}

function secretOf(request: IncomingMessage): string {
  const secret = /^Bearer ([A-Za-z0-9_-]{40,64})$/.exec(request.headers.authorization ?? '')?.[1];
  if (secret === undefined) throw new EdgewiseError('FORBIDDEN', 'The secret of the claim is missing.', { hint: 'Send it as `authorization: Bearer SECRET`.' });
  return secret;
}

function bad(what: string): EdgewiseError {
  return new EdgewiseError('BAD_REQUEST', `The request to join cannot be read: ${what}.`, { hint: 'Check that the device runs a version of Edgewise that fits this console.' });
}
