/**
 * Moves a device along the install table. The next state is on the disk before its effect begins; a device that dies anywhere comes back
 * through `boot`, which does the effect of the state that it finds once more.
 */
import { EdgewiseError, toEdgewiseError } from '../../../base/errors.ts';
import type { AcceptedManifest } from '../../artifact/verify.ts';
import type { InstallDisk } from './disk.ts';
import { DOWNLOADS, downloadBlob, type DownloadPolicy, type DownloadPorts } from './download.ts';
import { installRecord, otherSlot, type Candidate, type InstallRecord, type SlotName, type SlotRecord } from './install-record.ts';
import { INSTALL_TABLE, type InstallEvent, type InstallState } from './install-table.ts';
import { confirmedIn, fillSlot, forgetConfirmed, noteConfirmed, recordFromSlots, slotFolder, sourceFor, takeFromSlots, verifySlot } from './slots.ts';

/** A slot as the programs that use it see it. */
export interface InstalledModel {
  readonly slot: SlotName;
  readonly folder: string;
  readonly record: SlotRecord;
}

/** What runs the model. */
export interface ModelHost {
  /** Starts it in place of what runs. @returns the manifest digest that the started model reports */
  start(model: InstalledModel): Promise<string>;
  /** Ends what runs; nothing where nothing does. */
  stop(): Promise<void>;
  /** Watches a candidate that was started until it has proven itself. @throws why it has not */
  watch(model: InstalledModel, signal: AbortSignal): Promise<void>;
}

/** Measures a candidate against what runs (null before the first install). @throws GATE_NOT_MET or whatever went wrong */
export type Benchmark = (candidate: InstalledModel, active: InstalledModel | null, signal: AbortSignal) => Promise<void>;

export interface InstallerPorts extends DownloadPorts {
  readonly disk: InstallDisk;
  readonly host: ModelHost;
  readonly benchmark: Benchmark;
  /** Told after each state is on the disk. */
  readonly onChange?: (record: InstallRecord) => void;
  /** The good model does not start: nothing here can help, and updates must stay possible. */
  readonly onTrouble?: (error: EdgewiseError) => void;
  /** The record could not be written; the work waits for `resume`. */
  readonly onStuck?: (error: EdgewiseError) => void;
}

export interface InstallerOptions {
  readonly download: DownloadPolicy;
  /** A candidate that was started so often without being confirmed goes back. */
  readonly maxStarts: number;
}

export interface Installer {
  /** Reads what is on the disk, starts the active model, and goes on with what was under way. Once, before anything else. */
  boot(): Promise<void>;
  /** @returns false when this very manifest is active already. @throws CONFLICT while a swap is under way */
  offer(accepted: AcceptedManifest, baseUrl: string): Promise<boolean>;
  /** The window is open: measure, swap, confirm. @throws CONFLICT when nothing is staged */
  proceed(): Promise<void>;
  /** @throws CONFLICT when there is nothing to call off, or it is too late */
  cancel(): Promise<void>;
  /** Back to `staged`: what was measured is not used. @throws CONFLICT when nothing is being measured */
  postpone(): Promise<void>;
  /** To the version before, from the other slot. @throws NO_GOOD_SLOT where it is not whole and confirmed, CONFLICT while something is under way */
  rollBack(): Promise<void>;
  /** Does the effect of the state on the disk once more, after `onStuck`; nothing where nothing is stuck. */
  resume(): void;
  /** Waits until the work at hand has come to rest. @throws what kept the record from being written */
  settled(): Promise<InstallRecord>;
  record(): InstallRecord;
  /** Breaks off what is under way, as a kill would, but lets go of everything. */
  close(): Promise<void>;
}

const RECORD = 'install.json';

type Change = Partial<Omit<InstallRecord, 'state' | 'format'>>;
interface Step {
  readonly event: InstallEvent;
  readonly change?: Change;
}

export function createInstaller(ports: InstallerPorts, options: InstallerOptions): Installer {
  const { disk, host } = ports;
  let current: InstallRecord | null = null;
  let work: Promise<void> = Promise.resolve();
  let orders: Promise<unknown> = Promise.resolve();
  let controller = new AbortController();
  let stuck = false;

  function record(): InstallRecord {
    if (current === null) throw new EdgewiseError('INTERNAL', 'The installer was used before it was booted.');
    return current;
  }

  async function persist(next: InstallRecord): Promise<void> {
    await disk.writeAtomically(RECORD, JSON.stringify(next));
    current = next;
    ports.onChange?.(next);
  }

  async function apply(event: InstallEvent, change: Change = {}): Promise<boolean> {
    const state = INSTALL_TABLE[record().state][event];
    if (state === null) return false;
    await persist({ ...record(), ...change, state });
    return true;
  }

  function modelIn(slot: SlotName | null): InstalledModel | null {
    const held = slot === null ? null : record().slots[slot];
    return slot === null || held === null ? null : { slot, folder: disk.absolute(slotFolder(slot)), record: held };
  }

  function candidate(): Candidate {
    const { candidate } = record();
    if (candidate === null) throw new EdgewiseError('STORE_CORRUPT', `The device is ${record().state} without a candidate.`);
    return candidate;
  }

  function candidateModel(): InstalledModel {
    const model = modelIn(candidate().slot);
    if (model === null) throw new EdgewiseError('STORE_CORRUPT', 'The slot of the candidate has no record.');
    return model;
  }

  async function startGood(model: InstalledModel): Promise<void> {
    try {
      await host.start(model);
    } catch (error) {
      ports.onTrouble?.(toEdgewiseError(error));
    }
  }

  async function download(signal: AbortSignal): Promise<Step> {
    const wanted = candidate();
    const active = modelIn(record().active)?.record ?? null;
    const sources = wanted.files.map((file) => sourceFor(file, wanted, active));
    const parts = new Set(wanted.files.flatMap((file) => file.sources.map((source) => `${source.blob.sha256}.part`)));
    for (const name of await disk.list(DOWNLOADS)) if (!parts.has(name)) await disk.remove(`${DOWNLOADS}/${name}`);
    await refuseWithoutRoom(wanted, sources.map((source) => source.blob.length));
    for (const [index, file] of wanted.files.entries()) {
      const source = sources[index];
      if (source === undefined || (await takeFromSlots(disk, file, record(), signal))) continue;
      await downloadBlob(ports, options.download, wanted.baseUrl, source.blob, signal);
    }
    // The slot is about to be written: from here on it holds nothing.
    return { event: 'downloaded', change: { slots: { ...record().slots, [wanted.slot]: null } } };
  }

  /** Blobs and files beside each other, less what goes away: what is in the slot, and what was downloaded before. */
  async function refuseWithoutRoom(wanted: Candidate, blobBytes: readonly number[]): Promise<void> {
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
    const sizes = async (folder: string): Promise<number> => sum(await Promise.all((await disk.list(folder)).map(async (name) => (await disk.size(`${folder}/${name}`)) ?? 0)));
    const needed = sum(blobBytes) + sum(wanted.files.map((file) => file.length)) - (await sizes(DOWNLOADS)) - (await sizes(slotFolder(wanted.slot)));
    const free = await disk.freeBytes();
    if (needed <= free) return;
    throw new EdgewiseError('DISK_FULL', `The update needs ${needed} more bytes on the disk of the device and ${free} are free. What runs is unchanged.`, { hint: 'Free space on the device.', details: { needed, free } });
  }

  async function verify(signal: AbortSignal): Promise<Step> {
    const wanted = candidate();
    try {
      const filled = await fillSlot(disk, record(), wanted, signal);
      return { event: 'verified', change: { slots: { ...record().slots, [wanted.slot]: filled } } };
    } catch (error) {
      const active = modelIn(record().active)?.record ?? null;
      const tried = wanted.files.some((file) => sourceFor(file, wanted, active).form === 'zstd-delta');
      const content = error instanceof EdgewiseError && (error.code === 'WRONG_CONTENT' || error.code === 'ENDLESS_DATA');
      if (!content || !tried) throw error;
      return { event: 'delta_failed', change: { candidate: { ...wanted, useDeltas: false } } };
    }
  }

  async function measure(signal: AbortSignal): Promise<Step> {
    await ports.benchmark(candidateModel(), modelIn(record().active), signal);
    return { event: 'passed' };
  }

  async function swap(signal: AbortSignal): Promise<Step> {
    const model = candidateModel();
    await verifySlot(disk, model.slot, model.record, signal);
    return { event: 'swapped', change: { active: model.slot, starts: 0 } };
  }

  async function confirm(signal: AbortSignal): Promise<Step> {
    const model = candidateModel();
    const { starts } = record();
    if (starts >= options.maxStarts) {
      throw new EdgewiseError('INTERRUPTED', `The new model was started ${starts} times and not confirmed once.`, { hint: 'It ended the device or its program each time. Look at the log of the device.', details: { starts } });
    }
    await host.stop();
    // On the disk first: a start that takes the device down has counted.
    await persist({ ...record(), starts: starts + 1 });
    await verifySlot(disk, model.slot, model.record, signal);
    const reported = await host.start(model);
    if (reported !== model.record.manifestSha256) {
      throw new EdgewiseError('WRONG_CONTENT', `The started model reports ${reported.slice(0, 80)} where ${model.record.manifestSha256} was installed.`, { hint: 'Look at the log of the device.' });
    }
    await host.watch(model, signal);
    return { event: 'healthy', change: { good: model.slot, failure: null } };
  }

  async function goBack(): Promise<Step> {
    await host.stop();
    const good = modelIn(record().good);
    if (good === null) return { event: 'restored', change: { active: null, good: null } };
    try {
      await verifySlot(disk, good.slot, good.record);
    } catch (error) {
      return withoutGood(error);
    }
    await startGood(good);
    // What was left on purpose must not come back by itself on the day on which the record is lost.
    await forgetConfirmed(disk, otherSlot(good.slot));
    return { event: 'restored', change: { active: good.slot } };
  }

  /** A version that was confirmed and is to be left runs on where there is nothing to go back to; a candidate never does. */
  async function withoutGood(cause: unknown): Promise<Step> {
    const { active, slots } = record();
    const failure = noGoodSlot(cause).toRecord();
    const held = active === null ? null : await confirmedIn(disk, active);
    if (active === null || held === null) return { event: 'restored', change: { active: null, good: null, failure } };
    await startGood({ slot: active, folder: disk.absolute(slotFolder(active)), record: held });
    return { event: 'restored', change: { good: active, slots: active === 'a' ? { ...slots, a: held } : { ...slots, b: held }, failure } };
  }

  async function finish(): Promise<null> {
    const model = modelIn(record().active);
    if (model !== null) await noteConfirmed(disk, model.slot, model.record);
    await disk.remove(DOWNLOADS);
    return null;
  }

  /** Downloads are kept for another try, unless it was they that did harm. */
  async function clear(): Promise<null> {
    const code = record().failure?.code;
    if (code === 'DISK_FULL' || code === 'WRONG_CONTENT' || code === 'ENDLESS_DATA') await disk.remove(DOWNLOADS);
    return null;
  }

  const EFFECTS: Readonly<Record<InstallState, ((signal: AbortSignal) => Promise<Step | null>) | null>> = {
    idle: null,
    downloading: download,
    verifying: verify,
    staged: null,
    benchmarking: measure,
    swapping: swap,
    confirming: confirm,
    succeeded: finish,
    rolling_back: goBack,
    rolled_back: null,
    rejected: clear,
  };

  async function drive(signal: AbortSignal): Promise<void> {
    for (let effect = EFFECTS[record().state]; effect !== null && !signal.aborted; effect = EFFECTS[record().state]) {
      const { state } = record();
      let step: Step | null;
      try {
        step = await effect(signal);
      } catch (error) {
        if (signal.aborted) return;
        // Without a way on from here the error is for whoever waits; the next boot tries again.
        if (INSTALL_TABLE[state].failed === null) throw error;
        step = { event: 'failed', change: { failure: toEdgewiseError(error).toRecord() } };
      }
      if (step === null || signal.aborted) return;
      try {
        if (!(await apply(step.event, step.change))) return;
      } catch (error) {
        // The record cannot be written. A candidate must not run on unconfirmed; the good model may, whatever the disk says.
        const good = modelIn(record().good);
        if (state === 'confirming') await (good === null ? host.stop() : startGood(good));
        throw error;
      }
    }
  }

  function go(): void {
    controller = new AbortController();
    stuck = false;
    const own = drive(controller.signal);
    work = own;
    own.catch((error: unknown) => {
      stuck = work === own;
      if (stuck) ports.onStuck?.(toEdgewiseError(error));
    });
  }

  /** One order at a time; what is under way is broken off first, if the order counts at all. */
  function order(event: InstallEvent, change: () => Change | Promise<Change>): Promise<void> {
    const refuse = (): never => {
      throw new EdgewiseError('CONFLICT', `This is not possible while the device is ${record().state}.`, { hint: 'Wait until it has come to rest.', details: { state: record().state, event } });
    };
    const done = orders.then(async () => {
      if (INSTALL_TABLE[record().state][event] === null) refuse();
      controller.abort();
      await work.catch(() => {});
      try {
        if (!(await apply(event, await change()))) refuse();
      } finally {
        go();
      }
    });
    orders = done.catch(() => {});
    return done;
  }

  /** @returns `kept`: this very record is on the disk */
  async function readRecord(): Promise<{ readonly found: InstallRecord; readonly kept: boolean }> {
    try {
      const text = await disk.readText(RECORD);
      const parsed = installRecord.safeParse(text === null ? null : JSON.parse(text));
      if (parsed.success) return { found: parsed.data, kept: true };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    return { found: await recordFromSlots(disk), kept: false };
  }

  /** The active model, when it is what was signed; else the other one, when that was confirmed once and is whole. */
  async function withGoodActive(found: InstallRecord): Promise<InstallRecord> {
    const { active } = found;
    const held = active === null ? null : found.slots[active];
    if (active === null || held === null) return found;
    try {
      await verifySlot(disk, active, held);
      return found;
    } catch (error) {
      const other = otherSlot(active);
      const spare = await confirmedIn(disk, other);
      const failure = spare === null ? noGoodSlot(error) : toEdgewiseError(error);
      const slots = active === 'a' ? { a: null, b: spare } : { a: spare, b: null };
      const slot = spare === null ? null : other;
      return { ...found, state: 'rolled_back', active: slot, good: slot, slots, candidate: null, failure: failure.toRecord() };
    }
  }

  return {
    async boot() {
      await disk.makeFolder('slots');
      const { found, kept } = await readRecord();
      // Confirming and going back look at their slot themselves, and know what to do when it is bad.
      const looksItself = found.state === 'confirming' || found.state === 'rolling_back';
      const sound = looksItself ? found : await withGoodActive(found);
      // A device with a full disk starts its model all the same.
      if (kept && sound === found) current = sound;
      else await persist(sound);
      const active = modelIn(sound.active);
      if (!looksItself && active !== null) await startGood(active);
      go();
    },
    async offer(accepted, baseUrl) {
      const { sha256, manifest, variant } = accepted;
      const held = modelIn(record().active);
      if (held?.record.manifestSha256 === sha256 && record().good === held.slot) return false;
      const files = variant.files;
      await order('offered', () => ({
        candidate: { slot: otherSlot(record().active), artifact: manifest.artifact, version: manifest.version, manifestSha256: sha256, files, baseUrl, useDeltas: true },
        starts: 0,
        failure: null,
      }));
      return true;
    },
    proceed: () => order('proceed', () => ({})),
    cancel: () => order('cancelled', () => ({ failure: new EdgewiseError('CANCELLED', 'The update was called off.').toRecord() })),
    resume() {
      if (stuck) go();
    },
    postpone: () => order('postponed', () => ({})),
    rollBack: () =>
      order('roll_back', async () => {
        const { active, slots } = record();
        const before = otherSlot(active);
        const spare = active === null ? null : await confirmedIn(disk, before);
        if (spare === null) {
          throw new EdgewiseError('NO_GOOD_SLOT', 'There is no version before this one on the device, or it is not whole any more.', { hint: 'Roll the version that you want out again, under a higher number.' });
        }
        return { good: before, slots: before === 'a' ? { ...slots, a: spare } : { ...slots, b: spare }, candidate: null, failure: null };
      }),
    async settled() {
      await orders;
      await work;
      return record();
    },
    record,
    async close() {
      controller.abort();
      await host.stop();
      await work.catch(() => {});
    },
  };
}

function noGoodSlot(cause: unknown): EdgewiseError {
  return new EdgewiseError('NO_GOOD_SLOT', `No installed model is whole: ${toEdgewiseError(cause).message}`, { hint: 'Roll a model out to this device again; it takes any.', cause });
}
