/** `edgewise rollout ...` and `edgewise artifact ...`: what is published, and how it reaches the stores. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { EdgewiseError } from '../../base/errors.ts';
import type { RouteOutput } from '../../contract/rpc/routes.ts';
import { rolloutDraft, type RolloutAction, type RolloutSummary } from '../../contract/rpc/rollout-routes.ts';
import { withConsole } from '../console-client.ts';
import { bytesText, tableText, type Io } from '../io.ts';
import type { Places } from '../places.ts';

export type RolloutVerb = 'list' | 'show' | 'preview' | 'create' | 'edit' | 'audit' | 'submit' | 'withdraw' | 'approve' | 'send-back' | 'pause' | 'resume' | 'accept-and-resume' | 'stop' | 'roll-back' | 'watch';

export interface RolloutFlags {
  readonly by?: string;
  readonly note?: string;
  readonly confirm?: string;
  readonly csv?: boolean;
  readonly revision?: number;
}

const ENDED: ReadonlySet<string> = new Set(['finished', 'stopped', 'rolled_back', 'draft', 'paused', 'awaiting_approval']);
const WATCH_MS = 1000;
const AUDIT_PAGE = 5000;

/** @param file edit: the draft that takes the place of the one that is there */
export async function rollout(verb: RolloutVerb, argument: string | undefined, file: string | undefined, flags: RolloutFlags, places: Places, io: Io, signal: AbortSignal): Promise<void> {
  const named = (what: string): string => {
    if (argument === undefined) throw new EdgewiseError('USAGE', `rollout ${verb} needs ${what}.`, { hint: 'Run: edgewise rollout --help' });
    return argument;
  };
  await withConsole(places, async (call) => {
    const find = async (): Promise<RolloutSummary> => {
      const wish = named('a rollout, by id or name');
      const list = await call('rollouts.list', {});
      const found = list.find(({ rollout: { id } }) => id === wish) ?? list.find(({ rollout: { name } }) => name === wish);
      if (found === undefined) throw new EdgewiseError('NOT_FOUND', `There is no rollout "${wish}".`, { hint: 'Run: edgewise rollout list' });
      return found;
    };
    switch (verb) {
      case 'list': {
        const list = await call('rollouts.list', {});
        return io.result(list, () => tableText([['rollout', 'name', 'state', 'artifact', 'devices', 'succeeded'], ...list.map(({ rollout: one, devices, states }) => [one.id, one.name, one.state, `${one.artifact} ${one.version}`, String(devices), String(states.succeeded ?? 0)])]));
      }
      case 'show': {
        const summary = await find();
        const devices = await call('rollouts.devices', { id: summary.rollout.id });
        return io.result({ ...summary, list: devices }, () => [textOf(summary), tableText([['device', 'wave', 'state', 'why'], ...devices.map((device) => [device.deviceId, String(device.wave), device.state, device.reason ?? ''])])].join('\n'));
      }
      case 'preview':
      case 'create': {
        const draft = readDraft(named('a file with the draft (JSON)'));
        if (verb === 'create') {
          const summary = await call('rollouts.create', draft);
          return io.result(summary, () => `${summary.rollout.id}\n${textOf(summary)}`);
        }
        const preview = await call('rollouts.preview', draft);
        if (preview.filterError) throw new EdgewiseError('BAD_REQUEST', `The filter is wrong at character ${preview.filterError.at + 1}: ${preview.filterError.message}`);
        return io.result(preview, () => [...preview.waves.map((wave, index) => `${wave.kind} ${index}: ${wave.deviceIds.length} devices in ${wave.stores} stores`), `downloads at most ${bytesText(preview.downloadBytes)}`, ...preview.risks.map((risk) => `${risk.level}: ${risk.text}`)].join('\n'));
      }
      case 'edit': {
        const { rollout: { id, effects } } = await find();
        if (file === undefined) throw new EdgewiseError('USAGE', 'rollout edit needs a rollout and a file with the draft (JSON).', { hint: 'For example: edgewise rollout edit "flow 2" draft.json' });
        const summary = await call('rollouts.edit', { id, revision: flags.revision ?? effects, draft: readDraft(file) });
        return io.result(summary, () => textOf(summary));
      }
      case 'audit': {
        const { rollout: { id } } = await find();
        if (flags.csv === true) {
          let text = '';
          for (let after: number | null = null, more = true; more; more = after !== null) {
            const part: RouteOutput<'rollouts.auditCsv'> = await call('rollouts.auditCsv', { id, after });
            text += part.text;
            after = part.next;
          }
          return io.result({ csv: text }, () => text.trimEnd());
        }
        const entries: RouteOutput<'rollouts.audit'>['entries'] = [];
        for (let before: number | null = null, more = true; more; more = before !== null) {
          const page: RouteOutput<'rollouts.audit'> = await call('rollouts.audit', { id, before, limit: AUDIT_PAGE });
          entries.push(...page.entries);
          before = page.older;
        }
        entries.reverse();
        return io.result(entries, () => tableText([['at', 'who', 'what', 'from', 'to', 'note'], ...entries.map((entry) => [new Date(entry.atMs).toISOString(), `${entry.actor.kind} ${entry.actor.id}`, `${entry.subject.kind} ${entry.subject.id}: ${entry.event}`, entry.from, entry.to, entry.note])]));
      }
      case 'watch': {
        let said = '';
        for (;;) {
          const summary = await find();
          const text = textOf(summary);
          if (text !== said) io.note(text);
          said = text;
          if (ENDED.has(summary.rollout.state) || signal.aborted) return io.result(summary, () => summary.rollout.state);
          await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
        }
      }
      default: {
        const { rollout: { id } } = await find();
        const action = verb.replaceAll('-', '_') as RolloutAction;
        const summary = await call('rollouts.act', { id, action, by: flags.by ?? userInfo().username, note: flags.note ?? '', confirm: flags.confirm ?? null });
        return io.result(summary, () => textOf(summary));
      }
    }
  });
}

export interface ArtifactFlags {
  readonly workload?: string;
  readonly class?: string[];
  readonly hardware?: string[];
  readonly days?: number;
  readonly confirm?: string;
}

/** @param name of the artifact; @param what the model to publish (id or name), or the version to withdraw */
export async function artifact(verb: 'list' | 'publish' | 'withdraw', name: string | undefined, what: string | undefined, flags: ArtifactFlags, places: Places, io: Io): Promise<void> {
  await withConsole(places, async (call) => {
    if (verb === 'list') {
      const list = await call('artifacts.list', {});
      return io.result(list, () => tableText([['artifact', 'version', 'workload', 'model', 'bytes', 'packed', 'delta', ''], ...list.map((one) => [one.artifact, String(one.version), one.workload, one.modelName, bytesText(one.bytes), bytesText(one.packedBytes), one.deltaBytes === null ? '' : bytesText(one.deltaBytes), one.withdrawn ? 'withdrawn' : ''])]));
    }
    if (name === undefined || what === undefined) throw new EdgewiseError('USAGE', `artifact ${verb} needs an artifact and a ${verb === 'publish' ? 'model' : 'version'}.`, { hint: 'Run: edgewise artifact --help' });
    if (verb === 'withdraw') {
      const done = await call('artifacts.withdraw', { artifact: name, version: Number(what), confirm: flags.confirm ?? '' });
      return io.result(done, () => `${done.artifact} ${done.version} is withdrawn.`);
    }
    const models = await call('models.list', {});
    const model = models.find(({ id }) => id === what) ?? models.find((one) => one.name === what);
    if (model === undefined) throw new EdgewiseError('NOT_FOUND', `There is no model "${what}" in the library.`, { hint: 'Import it first, or use its id.' });
    if (flags.workload === undefined) throw new EdgewiseError('USAGE', 'artifact publish needs --workload.', { hint: 'For example: --workload customer-flow' });
    const done = await call('artifacts.publish', { modelId: model.id, artifact: name, workload: flags.workload, deviceClasses: flags.class ?? [], hardware: flags.hardware ?? ['linux-x64'], validForDays: flags.days ?? 365 });
    io.result(done, () => `${done.artifact} ${done.version}: ${bytesText(done.bytes)}, packed ${bytesText(done.packedBytes)}\ndigest ${done.digest}`);
  });
}

function textOf({ rollout: one, waves, states, devices, tail, simulated }: RolloutSummary): string {
  const counts = Object.entries(states).map(([state, count]) => `${count} ${state}`).join(', ');
  const pause = one.pause === null ? '' : ` (${one.pause.reason}${one.pause.note === '' ? '' : `: ${one.pause.note}`})`;
  const waiting = tail.map(({ reason, devices: count }) => `${count} ${reason}`).join(', ');
  return `${one.name}: ${one.state}${pause}; waves ${waves.map(({ state }) => state).join(', ')}; ${devices} devices: ${counts}${waiting === '' ? '' : `; waits: ${waiting}`}${simulated === 0 ? '' : `; ${simulated} simulated`}`;
}

function readDraft(path: string): ReturnType<typeof rolloutDraft.parse> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new EdgewiseError('FILE_UNREADABLE', `${path} is no JSON file that can be read.`, { hint: 'docs/rollouts.md shows a draft.', cause });
  }
  const parsed = rolloutDraft.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new EdgewiseError('BAD_REQUEST', `The draft is wrong at ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}.`, { hint: 'docs/rollouts.md shows a draft.' });
}
