/** The browser host: the console behind HTTP and a WebSocket on the loopback address. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { EdgewiseError } from '../base/errors.ts';
import { pageHeaders } from '../contract/csp.ts';
import type { Console } from '../console/create-console.ts';
import { createRpcSocket } from './rpc-socket.ts';
import { checkedHost, createSessions, originAllowed } from './security.ts';
import { createStaticFiles } from './static-files.ts';
import { answerError, download, upload } from './transfers.ts';

export interface ServerOptions {
  readonly console: Console;
  /** 0 takes any free port. */
  readonly port: number;
  /** The built page. */
  readonly rendererFolder: string;
  /** Largest file that a page may send; 2 GiB by default, the most an ONNX file can hold. */
  readonly maxUploadBytes?: number;
}

export interface RunningServer {
  /** The address with a token that opens one session. */
  readonly url: string;
  readonly port: number;
  /** The cookie of a session for programs of the same user. A secret. */
  localCookie(): string;
  /** Another address, for another browser. */
  newUrl(): string;
  close(): Promise<void>;
}

/** @throws EdgewiseError CONFLICT where the port is taken, FILE_NOT_FOUND where the page has not been built */
export async function startServer({ console, port: wantedPort, rendererFolder, maxUploadBytes = 2 ** 31 }: ServerOptions): Promise<RunningServer> {
  const files = openPage(rendererFolder);
  let port = wantedPort;
  const sessions = createSessions(() => port);
  const socket = createRpcSocket(console);

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const host = checkedHost(request, port);
    if (host === undefined) return refuse(response, 421, 'This server answers to 127.0.0.1 only.');
    for (const [name, value] of Object.entries(pageHeaders([`ws://${host}`]))) response.setHeader(name, value);
    const url = new URL(request.url ?? '/', `http://${host}`);
    const reading = request.method === 'GET' || request.method === 'HEAD';
    const token = url.searchParams.get('token');
    if (reading && url.pathname === '/' && token !== null) {
      const session = sessions.exchange(token);
      if (session !== undefined) response.setHeader('Set-Cookie', sessions.cookie(session));
      if (session !== undefined || sessions.has(request)) {
        response.writeHead(303, { Location: '/', 'Cache-Control': 'no-store' });
        response.end();
        return;
      }
    }
    if (!sessions.has(request)) {
      return refuse(response, 401, 'This address has been used, or Edgewise has been started again since. Open the newest address that Edgewise has printed, or press Enter there for another.');
    }
    if (request.method === 'PUT' && url.pathname === '/upload') {
      if (!originAllowed(request, host, true)) return refuse(response, 403, 'This origin may not send files.');
      return upload(console, request, response, maxUploadBytes);
    }
    if (!reading) return refuse(response, 405, 'This method is not allowed here.');
    if (url.pathname.startsWith('/download/') && (await download(console, url.pathname, response))) return;
    if (!files.serve(url.pathname, response, request.method === 'HEAD')) refuse(response, 404, 'There is nothing at this address.');
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => answerError(response, error));
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const host = checkedHost(request, port);
    const allowed = host !== undefined && originAllowed(request, host, true) && sessions.has(request) && request.url === '/rpc';
    if (allowed) socket.accept(request, stream, head);
    else stream.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  server.headersTimeout = 20_000;
  server.requestTimeout = 0;

  await listen(server, wantedPort);
  port = (server.address() as AddressInfo).port;
  const newUrl = (): string => `http://127.0.0.1:${port}/?token=${sessions.newToken()}`;
  return {
    url: newUrl(),
    port,
    newUrl,
    localCookie: () => sessions.openLocal(),
    close: () =>
      new Promise((resolve) => {
        socket.close();
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 500).unref();
      }),
  };
}

function openPage(folder: string) {
  try {
    return createStaticFiles(folder);
  } catch (error) {
    throw new EdgewiseError('FILE_NOT_FOUND', `The page has not been built: there is no folder ${folder}.`, { hint: 'Run: npm run setup', cause: error });
  }
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new EdgewiseError('CONFLICT', `Port ${port} is in use.`, { hint: 'Choose another with --port, or --port 0 for any free one.' })
          : new EdgewiseError('INTERNAL', `Port ${port} cannot be opened: ${error.message}.`, { cause: error }),
      );
    });
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  response.end(text);
}
