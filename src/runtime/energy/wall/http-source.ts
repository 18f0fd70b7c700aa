/** A wall meter that answers over HTTP. What it is shows itself: Shelly tells at `/shelly` (`gen` from the second generation on), else Tasmota is asked. */
import { createHash, randomBytes } from 'node:crypto';
import { parseWall, type WallFormat } from './formats.ts';
import type { WallSource } from './source.ts';

const MOST_BYTES = 64 * 1024;
const ANSWER_MS = 3000;

/** @param url `http://[USER:PASSWORD@]HOST[:PORT][?channel=N][&format=shelly1|shelly2|tasmota]`. @returns or why it does not work, without the password */
export async function openHttpSource(url: URL): Promise<WallSource | { readonly failed: string }> {
  const channel = Number(url.searchParams.get('channel') ?? 0);
  const login = url.username === '' ? null : { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  const ask = (path: string): Promise<unknown> => getJson(new URL(path, `${url.protocol}//${url.host}`), login);
  const known = url.searchParams.get('format');
  const format = known === 'shelly1' || known === 'shelly2' || known === 'tasmota' ? known : await formatOf(ask);
  if (typeof format !== 'string') return format;
  const tasmotaLogin = login === null ? '' : `&user=${encodeURIComponent(login.user)}&password=${encodeURIComponent(login.password)}`;
  const paths: Readonly<Record<WallFormat, readonly string[]>> = {
    shelly1: ['/status', `/meter/${channel}`],
    shelly2: [`/rpc/Switch.GetStatus?id=${channel}`, `/rpc/PM1.GetStatus?id=${channel}`, `/rpc/EM1.GetStatus?id=${channel}`],
    tasmota: [`/cm?cmnd=Status%208${tasmotaLogin}`],
  };
  let why = 'it gave no power';
  for (const path of paths[format]) {
    const sample = async () => {
      const answer = await ask(path).catch((error: unknown) => ({ failed: told(error) }));
      if (isFailed(answer)) return answer;
      return parseWall(format, answer, channel) ?? { failed: 'its answer has no valid power' };
    };
    const first = await sample();
    if (!('failed' in first)) return { name: `${NAMES[format]} at ${url.host}`, format, sample, close: () => Promise.resolve() };
    why = first.failed;
  }
  return { failed: `${NAMES[format]} at ${url.host}: ${why}` };
}

export const NAMES: Readonly<Record<WallFormat, string>> = { shelly1: 'Shelly', shelly2: 'Shelly Gen2+', tasmota: 'Tasmota' };

async function formatOf(ask: (path: string) => Promise<unknown>): Promise<WallFormat | { readonly failed: string }> {
  try {
    const shelly = await ask('/shelly');
    if (typeof shelly === 'object' && shelly !== null) return 'gen' in shelly && Number(shelly.gen) >= 2 ? 'shelly2' : 'shelly1';
  } catch (error) {
    // Tasmota answers 404 there, and some of its versions the start page.
    if (!(error instanceof AnswerError)) return { failed: told(error) };
  }
  return 'tasmota';
}

/** It answered, but not what was asked for. */
class AnswerError extends Error {}

async function getJson(url: URL, login: { readonly user: string; readonly password: string } | null): Promise<unknown> {
  const get = (headers: Record<string, string>) => fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS) });
  let response = await get({});
  if (response.status === 401) {
    const asked = response.headers.get('www-authenticate') ?? '';
    await response.body?.cancel();
    if (login === null) throw new AnswerError('it asks for a password: put USER:PASSWORD@ into the address');
    response = await get({ Authorization: asked.startsWith('Digest') ? digest(asked, url, login) : `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}` });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new AnswerError(response.status === 401 ? 'it does not accept this password' : `it answered ${response.status}`);
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.length;
    if (length > MOST_BYTES) throw new AnswerError('its answer does not end');
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8')) as unknown;
  } catch {
    throw new AnswerError('its answer is no JSON');
  }
}

/** RFC 7616 with SHA-256, as Shelly asks for since its second generation. */
function digest(asked: string, url: URL, { user, password }: { readonly user: string; readonly password: string }): string {
  const field = (name: string): string => new RegExp(`${name}="?([^",]+)"?`, 'u').exec(asked)?.[1] ?? '';
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  const [realm, nonce, cnonce, uri] = [field('realm'), field('nonce'), randomBytes(8).toString('hex'), url.pathname + url.search];
  const response = hash(`${hash(`${user}:${realm}:${password}`)}:${nonce}:00000001:${cnonce}:auth:${hash(`GET:${uri}`)}`);
  return `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="${cnonce}", response="${response}"`;
}

function isFailed(answer: unknown): answer is { readonly failed: string } {
  return typeof answer === 'object' && answer !== null && 'failed' in answer && typeof answer.failed === 'string';
}

/** In words, and never with the address, which may hold a password. */
function told(error: unknown): string {
  if (error instanceof AnswerError) return error.message;
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${ANSWER_MS / 1000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  return `it cannot be reached${cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''}`;
}
