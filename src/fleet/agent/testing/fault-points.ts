/**
 * Points at which a device may die: before and after everything that its agent does to the disk, the server, the line and its models, with the state of the
 * installer at that moment. And a ledger of what it did: each step from one state to the next, written down outside of its folder.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { installRecord, type InstallRecord } from '../install/install-record.ts';
import type { InstallDisk } from '../install/disk.ts';
import type { AgentArtifacts, AgentLink, AgentPorts, LoadedModel } from '../ports.ts';

/** One line of the ledger. `boot`: what a start found; `try` is written before a step is on the disk, `done` after it. */
export interface LedgerLine {
  readonly what: 'boot' | 'try' | 'done' | 'taken';
  readonly from?: InstallRecord['state'];
  readonly to?: InstallRecord['state'];
  readonly digest?: string | null;
  readonly command?: string;
}

export interface FaultPoints {
  readonly around: (ports: AgentPorts) => AgentPorts;
}

/** @param onPoint may end the process; @param installPath where the record of the installer is kept */
export function faultPoints(installPath: string, ledgerPath: string, onPoint: (state: InstallRecord['state'], what: string) => void): FaultPoints {
  let known = readRecord(installPath);
  const write = (line: LedgerLine): void => appendFileSync(ledgerPath, `${JSON.stringify(line)}\n`);
  write({ what: 'boot', to: known?.state ?? 'idle', digest: known?.candidate?.manifestSha256 ?? null });
  let taken: readonly string[] | null = null;

  const point = (what: string): void => onPoint(known?.state ?? 'idle', what);
  async function around<T>(what: string, action: () => Promise<T>): Promise<T> {
    point(`before ${what}`);
    const result = await action();
    point(`after ${what}`);
    return result;
  }

  const stepTo = async (text: string, action: () => Promise<void>): Promise<void> => {
    const next = installRecord.parse(JSON.parse(text));
    const step = { from: known?.state ?? 'idle', to: next.state, digest: next.candidate?.manifestSha256 ?? null } as const;
    const moved = step.from !== step.to;
    if (moved) write({ what: 'try', ...step });
    await action();
    known = next;
    if (moved) write({ what: 'done', ...step });
  };

  const disk = (inner: InstallDisk): InstallDisk => ({
    ...inner,
    writeAtomically: (path, text) =>
      around(`writing ${path.replace(/\d+/u, 'n')}`, async () => {
        if (path === 'install.json') return stepTo(text, () => inner.writeAtomically(path, text));
        await inner.writeAtomically(path, text);
        if (path !== 'agent.json') return;
        const now = (JSON.parse(text) as { readonly taken: readonly string[] }).taken;
        for (const command of now) if (taken !== null && !taken.includes(command)) write({ what: 'taken', command });
        taken = now;
      }),
    // Half of it first: a process can die within a write.
    writeAt: (path, offset, bytes) =>
      around(`writing to ${place(path)}`, async () => {
        const half = bytes.length >> 1;
        if (half > 0) await inner.writeAt(path, offset, bytes.subarray(0, half));
        if (half > 0) point(`within writing to ${place(path)}`);
        await inner.writeAt(path, offset + half, bytes.subarray(half));
      }),
    truncate: (path, length) => around(`cutting ${place(path)}`, () => inner.truncate(path, length)),
    sync: (path) => around(`sync of ${place(path)}`, () => inner.sync(path)),
    makeFolder: (path) => around(`making ${place(path)}`, () => inner.makeFolder(path)),
    remove: (path) => around(`removing ${place(path)}`, () => inner.remove(path)),
    async readText(path) {
      const text = await inner.readText(path);
      if (path === 'agent.json' && taken === null) taken = text === null ? [] : ((JSON.parse(text) as { readonly taken?: readonly string[] }).taken ?? []);
      return text;
    },
  });

  const artifacts = (inner: AgentArtifacts): AgentArtifacts => ({
    ...inner,
    documents: (...given) => around('asking for documents', () => inner.documents(...given)),
    time: (...given) => around('asking for the time', () => inner.time(...given)),
    async fetch(url, init) {
      const response = await around('asking for a blob', () => inner.fetch(url, init));
      const { body } = response;
      async function* pieces(): AsyncGenerator<Uint8Array> {
        if (body !== null) {
          for await (const piece of body) {
            point('between pieces of a blob');
            yield piece;
          }
        }
        point('after the last piece of a blob');
      }
      return { ...response, body: body === null ? null : pieces() };
    },
  });

  const loaded = (inner: LoadedModel): LoadedModel => ({
    ...inner,
    async infer(count) {
      const counts = known?.state === 'benchmarking' || known?.state === 'confirming';
      return counts ? around('an inference', () => inner.infer(count)) : inner.infer(count);
    },
    check: (...given) => around('the check set', () => inner.check(...given)),
    close: () => around('ending a model', () => inner.close()),
  });

  const link = (inner: AgentLink): AgentLink => ({
    ...inner,
    report(message) {
      point(`before telling ${message.report.kind}`);
      inner.report(message);
      point(`after telling ${message.report.kind}`);
    },
  });

  return {
    around: (ports) => ({
      ...ports,
      disk: disk(ports.disk),
      artifacts: (url) => artifacts(ports.artifacts(url)),
      models: { load: (model) => around('loading a model', async () => loaded(await ports.models.load(model))) },
      connect: (handlers) =>
        link(
          ports.connect({
            ...handlers,
            onWelcome(message) {
              point('before a welcome');
              handlers.onWelcome(message);
            },
            onCommand(message) {
              const what = message.kind === 'rollout' ? message.command : message.kind;
              point(`before the order to ${what}`);
              handlers.onCommand(message);
              point(`after the order to ${what}`);
            },
            onAck(message) {
              point('before an acknowledgement');
              handlers.onAck(message);
            },
          }),
        ),
    }),
  };
}

/** Steps that really are on the disk, by what the next start found, and commands that were taken more than once. */
export function readLedger(path: string): { readonly steps: readonly Required<Pick<LedgerLine, 'from' | 'to' | 'digest'>>[]; readonly takenTwice: readonly string[] } {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as LedgerLine) : [];
  const steps: Required<Pick<LedgerLine, 'from' | 'to' | 'digest'>>[] = [];
  const taken = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    if (line.what === 'taken' && line.command !== undefined) taken.set(line.command, (taken.get(line.command) ?? 0) + 1);
    if (line.what !== 'try' || line.from === undefined || line.to === undefined) continue;
    const next = lines.slice(index + 1).find((each) => each.what === 'boot' || (each.what === 'done' && each.to === line.to && each.from === line.from));
    const kept = next === undefined || next.what === 'done' || (next.to === line.to && next.digest === line.digest);
    if (kept) steps.push({ from: line.from, to: line.to, digest: line.digest ?? null });
  }
  return { steps, takenTwice: [...taken].flatMap(([command, count]) => (count > 1 ? [command] : [])) };
}

function readRecord(path: string): InstallRecord | null {
  try {
    return installRecord.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}

/** The name without what differs from download to download. */
function place(path: string): string {
  return path.replaceAll(/[0-9a-f]{64}/gu, 'HASH').replace(/^slots\/[ab]/u, 'slots/x');
}
