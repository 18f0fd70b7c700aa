/** `edgewise advise`: which machine and which recipe carry a model at a frame rate for least. */
import { EdgewiseError } from '../../base/errors.ts';
import { noProgress } from '../../base/progress.ts';
import { adviseOnFile } from '../../console/advisor/advisor.ts';
import { profileLike, type MeasuredModel } from '../../console/advisor/measured.ts';
import { benchModel } from '../../console/measure/measure-models.ts';
import { withModelFile } from '../../console/models/model-file.ts';
import { requireFile } from '../../console/models/model-library.ts';
import { hardwareProfiles } from '../../contract/hardware/profiles.ts';
import { advisorInput } from '../../contract/records/advisor.ts';
import { machineRecord } from '../../runtime/index.ts';
import { adviceText } from '../advice-text.ts';
import type { Io } from '../io.ts';

export interface AdviseFlags {
  readonly fps: number;
  readonly tariff?: number;
  readonly hours?: number;
  readonly life?: number;
  readonly pue?: number;
  readonly headroom?: number;
  readonly stores?: number;
  readonly maxMs?: number;
  readonly measure?: boolean;
  readonly thisMachine?: string;
  readonly all?: boolean;
}

export async function advise(path: string, flags: AdviseFlags, io: Io, signal: AbortSignal, version: string): Promise<void> {
  await requireFile(path);
  const given = { framesPerS: flags.fps, tariffCnyPerKWh: flags.tariff, hoursPerDay: flags.hours, lifeYears: flags.life, pue: flags.pue, headroom: flags.headroom, stores: flags.stores, maxLatencyMs: flags.maxMs, thisMachine: flags.thisMachine };
  const parsed = advisorInput.safeParse({ modelId: path, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) });
  if (!parsed.success) throw new EdgewiseError('USAGE', `The question does not hold: ${parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`).join('; ')}.`, { hint: 'Run: edgewise advise --help' });
  const answer = await adviseOnFile(path, parsed.data, flags.measure === true ? [await measureHere(path, flags, signal, version)] : []);
  io.result(answer, () => adviceText(answer, flags.all === true));
}

/** One thread: it says how fast a core is whatever else the machine does. */
async function measureHere(path: string, { thisMachine }: AdviseFlags, signal: AbortSignal, version: string): Promise<MeasuredModel> {
  const profileId = thisMachine ?? profileLike(machineRecord(version));
  if (profileId === null) throw new EdgewiseError('USAGE', 'This processor is like none of the profiles, so its times calibrate none.', { hint: `Say which it is most like: --this-machine ${hardwareProfiles.map(({ id }) => id).join(' | ')}.` });
  const quantized = await withModelFile(path, ({ facts }) => facts.quantized);
  const { ms } = await benchModel(path, { threads: 1, seconds: 5, signal, progress: noProgress });
  return { profileId, modelId: path, unit: 'cpu', computes: quantized ? 'int8' : 'fp32', ms: ms.median, threads: 1 };
}
