/** How a device joins: it shows its claim to the one console that the claim names, and waits until an operator has looked at its fingerprint. */
import { createHash, X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { EdgewiseError, cancelled } from '../../../base/errors.ts';
import { enrolmentAnswer, type ClaimCode, type EnrolmentAnswer, type EnrolmentRequest } from '../../../contract/wire/enrolment.ts';
import { get, refuseStatus, type SmallRequest } from './client.ts';
import { PinnedAgent, certificateSha256 } from './pinned-tls.ts';

export type AcceptedEnrolment = Extract<EnrolmentAnswer, { state: 'accepted' }>;

export interface EnrolOptions {
  readonly claim: ClaimCode;
  readonly request: Omit<EnrolmentRequest, 'secret'>;
  readonly signal: AbortSignal;
  /** Told each time the console says that the request waits. `id` is of the request. */
  readonly onWaiting?: (id: string) => void;
  /** Told of a try that failed and is made again. */
  readonly onTrouble?: (error: EdgewiseError) => void;
  /** Milliseconds before a try that failed is made again, at most; the first waits a twentieth. */
  readonly maxDelayMs?: number;
  readonly timeoutMs?: number;
}

const MAX_ANSWER_BYTES = 262_144;
const TRY_AGAIN: ReadonlySet<string> = new Set(['DOWNLOAD_FAILED', 'DOWNLOAD_SLOW', 'SERVER_BUSY', 'NOT_FOUND']);

/**
 * Asks until there is an answer. The secret leaves the device only for a server whose authority is the one of the claim.
 * @throws FORBIDDEN (another console, or the claim is refused), BAD_REQUEST, BAD_DOCUMENT (an answer that does not fit), ENDLESS_DATA, CANCELLED
 */
export async function enrol(options: EnrolOptions): Promise<AcceptedEnrolment> {
  const { claim, request, signal } = options;
  const agent = new PinnedAgent({ authority: { sha256: claim.ca } }, { keepAlive: false });
  const base = `${claim.url.replace(/\/+$/, '')}/v1/enrolments`;
  const common = { agent, what: 'the answer to the request to join', maxBytes: MAX_ANSWER_BYTES, timeoutMs: options.timeoutMs ?? 30_000, signal };
  const asks: SmallRequest = { ...common, url: base, method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ secret: claim.secret, ...request }) };
  let id: string | null = null;
  let failures = 0;
  try {
    for (;;) {
      let waitMs: number;
      try {
        const answer: EnrolmentAnswer = await ask(id === null ? asks : { ...common, url: `${base}/${id}`, headers: { authorization: `Bearer ${claim.secret}` } });
        failures = 0;
        if (answer.state === 'accepted') return checked(answer, claim, request);
        if (answer.state === 'refused') throw new EdgewiseError('FORBIDDEN', `The request to join was refused: ${answer.reason}`, { hint: 'Ask the operator for a new claim code.' });
        id = answer.id;
        options.onWaiting?.(id);
        waitMs = answer.retryAfterMs;
      } catch (error) {
        // An id that is not known any more: the console was set back, and is asked anew.
        const lost = error instanceof EdgewiseError && error.code === 'NOT_FOUND' && id !== null;
        if (!(error instanceof EdgewiseError) || !TRY_AGAIN.has(error.code) || (error.code === 'NOT_FOUND' && !lost)) throw error;
        if (lost) id = null;
        options.onTrouble?.(error);
        const most = options.maxDelayMs ?? 60_000;
        const asked = error.details?.['retryAfterMs'];
        waitMs = Math.max(typeof asked === 'number' ? asked : 0, Math.min(most, (most / 20) * 2 ** failures++));
      }
      await delay(waitMs, undefined, { signal }).catch(() => {
        throw cancelled();
      });
    }
  } finally {
    agent.destroy();
  }
}

async function ask(request: SmallRequest): Promise<EnrolmentAnswer> {
  const response = await get(request);
  if (![200, 202, 410].includes(response.status)) return refuseStatus(response, request.what);
  try {
    return enrolmentAnswer.parse(JSON.parse(Buffer.from(response.bytes).toString('utf8')));
  } catch (error) {
    throw misfit('it cannot be read', error);
  }
}

/** The certificate must be for the key that was asked with, and of the authority that the claim names. */
function checked(answer: AcceptedEnrolment, claim: ClaimCode, request: EnrolOptions['request']): AcceptedEnrolment {
  let certificate: X509Certificate;
  let authority: X509Certificate;
  try {
    certificate = new X509Certificate(answer.certificatePem);
    authority = new X509Certificate(answer.authorityPem);
  } catch (error) {
    throw misfit('its certificates cannot be read', error);
  }
  if (certificateSha256(answer.authorityPem) !== claim.ca) throw misfit('its authority is another one than in the claim code');
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) throw misfit('the certificate is not of its authority');
  const digest = createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('hex').toUpperCase();
  if (digest.match(/../g)?.join(':') !== request.fingerprint) throw misfit('the certificate is for another key');
  if (!certificate.subject.split('\n').includes(`CN=${answer.deviceId}`)) throw misfit('the certificate is for another device');
  return answer;
}

function misfit(what: string, cause?: unknown): EdgewiseError {
  return new EdgewiseError('BAD_DOCUMENT', `The answer to the request to join does not fit: ${what}.`, { hint: 'Check that this device runs a version of Edgewise that fits the console.', ...(cause === undefined ? {} : { cause }) });
}
