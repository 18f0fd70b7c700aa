/** `edgewise serve`: the browser host, until it is told to stop. */
import { spawn } from 'node:child_process';
import { EdgewiseError, toEdgewiseError } from '../../base/errors.ts';
import { createConsole, type Console } from '../../console/create-console.ts';
import { defaultDataFolder } from '../../console/data-folder.ts';
import { createNodeProcessHost } from '../../console/jobs/node-process-host.ts';
import { findEntries } from '../../console/processes/entries.ts';
import { startServer, type RunningServer } from '../../server/start-server.ts';
import { leaveAddress } from '../console-client.ts';
import type { Io } from '../io.ts';
import type { Places } from '../places.ts';
import { summaryLines } from '../report-text.ts';

export interface ServeFlags {
  readonly port?: number;
  readonly firstRun?: boolean;
  readonly open?: boolean;
}

const USUAL_PORT = 4870;

export async function serve(flags: ServeFlags, places: Places, io: Io, signal: AbortSignal): Promise<void> {
  const dataFolder = defaultDataFolder();
  const console = await createConsole({
    dataFolder,
    processHost: createNodeProcessHost(),
    entries: findEntries(),
    host: 'browser',
    version: places.version,
    ...(places.sample === undefined ? {} : { sample: places.sample }),
    log: (line) => io.note(line),
  });
  let server: RunningServer | undefined;
  let forgetAddress = (): void => {};
  try {
    server = await listen(console, places.renderer, flags.port);
    const { url, newUrl } = server;
    forgetAddress = await leaveAddress(dataFolder, server.port, server.localCookie());
    if (io.json) io.result({ url, dataFolder, pid: process.pid }, () => '');
    else process.stdout.write(`Edgewise is open at\n\n  ${url}\n\nThe address opens one browser session.${process.stdin.isTTY ? ' Press Enter for another, Ctrl+C to stop.' : ''}\nData folder: ${dataFolder}\n`);
    if (flags.open) openBrowser(newUrl(), io);
    if (process.stdin.isTTY) process.stdin.on('data', () => process.stdout.write(`  ${newUrl()}\n`));
    if (flags.firstRun) await startSample(console, io);
    await aborted(signal);
  } finally {
    process.stdin.pause();
    forgetAddress();
    await server?.close();
    await console.close();
  }
}

/** The usual port where it is free, so that the address stays the same; a port that was asked for or none. */
async function listen(console: Console, rendererFolder: string, port: number | undefined): Promise<RunningServer> {
  try {
    return await startServer({ console, rendererFolder, port: port ?? USUAL_PORT });
  } catch (error) {
    if (port !== undefined || !(error instanceof EdgewiseError) || error.code !== 'CONFLICT') throw error;
    return startServer({ console, rendererFolder, port: 0 });
  }
}

async function startSample(console: Console, io: Io): Promise<void> {
  try {
    const job = await console.firstRun();
    if (job === undefined) return;
    io.note(`\nFirst start: making the sample model smaller (${job.title}) ...`);
    const stop = console.events.subscribe((event) => {
      if (event.type !== 'job.updated' || event.job.id !== job.id) return;
      const { state, result, error } = event.job;
      if (state === 'queued' || state === 'running') return;
      stop();
      if (state !== 'succeeded' || result === null) return io.note(`The sample ended as ${state}${error === null ? '' : `: ${error.message} [${error.code}]`}`);
      const report = JSON.parse(console.reportFile(result.reportId, 'json').text) as Parameters<typeof summaryLines>[0];
      io.note(['The sample model, before and after:', ...summaryLines(report).map((line) => `  ${line}`)].join('\n'));
    });
  } catch (error) {
    const { message, code } = toEdgewiseError(error);
    io.note(`The sample could not be started: ${message} [${code}]`);
  }
}

function openBrowser(url: string, io: Io): void {
  const [command, ...args] = process.platform === 'darwin' ? ['open', url] : process.platform === 'win32' ? ['cmd', '/c', 'start', '', url] : ['xdg-open', url];
  const child = spawn(command ?? '', args, { stdio: 'ignore', detached: true });
  child.on('error', () => io.note('No browser could be opened here; open the address above yourself.'));
  child.unref();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    // The console's own work keeps the process alive; without a page and a job only this does.
    const alive = setInterval(() => {}, 1 << 30);
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}
