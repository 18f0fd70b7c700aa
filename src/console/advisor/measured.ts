/** Times that this console has measured, in its reports, as evidence for the advisor. */
import { hardwareProfiles } from '../../contract/hardware/profiles.ts';
import type { ComputeType } from '../../contract/records/hardware.ts';
import type { MachineRecord } from '../../contract/records/report.ts';
import { formOf, type RecipeKind } from '../../savings/advisor/recipe-form.ts';
import type { StoredReport } from '../store/reports-repository.ts';

export interface MeasuredModel {
  readonly profileId: string;
  readonly modelId: string;
  readonly unit: string;
  readonly computes: ComputeType;
  readonly ms: number;
  readonly threads?: number | undefined;
  /** Model that it was made from; left out: itself. */
  readonly of?: string;
}

/** Words in a processor's name that say which profile it is like. */
const PROCESSORS: readonly (readonly [RegExp, string])[] = [
  [/\bN(95|97|100|200|305)\b/, 'x86-n100'],
  [/1135G7|1145G7|1165G7|1185G7/, 'x86-1135g7'],
  [/Ultra\s+\d\s+1\d5[HU]/, 'x86-155h'],
  [/i[357]-[6-9]\d{3}T?\b/, 'x86-8500t'],
  [/\bEPYC\b/, 'epyc-9115'],
  [/Cortex-A76|BCM2712/, 'raspberry-pi-5'],
  [/Cortex-A72|BCM2711/, 'raspberry-pi-4'],
];

/** The profile that a machine's processor is most like; null: none. */
export function profileLike({ cpu }: Pick<MachineRecord, 'cpu'>): string | null {
  const id = PROCESSORS.find(([words]) => words.test(cpu))?.[1];
  return hardwareProfiles.some((profile) => profile.id === id) ? (id ?? null) : null;
}

/** What the result of a recipe computes with on a processor; null: partly one, partly the other, so it says nothing about either. */
const COMPUTES: Readonly<Record<RecipeKind, ComputeType | null>> = { float: 'fp32', half: 'fp32', static: 'int8', 'as-is': 'int8', dynamic: null, blocks: null };

/**
 * Two times of each report: before and after.
 * @param thisMachine profile that the reports are for; undefined: by each report's own processor; null: leave them all out
 * @param quantized whether a model of the library is quantized; undefined where it is gone
 */
export function measuredInReports(reports: readonly StoredReport[], thisMachine: string | null | undefined, quantized: (modelId: string) => boolean | undefined): MeasuredModel[] {
  if (thisMachine === null) return [];
  return reports.flatMap(({ fromModelId, toModelId, report }) => {
    const profileId = thisMachine ?? profileLike(report.machine);
    if (profileId === null || report.latency === null) return [];
    const { threads, beforeMs, afterMs } = report.latency;
    const before = quantized(fromModelId);
    const after = COMPUTES[formOf(report.recipe).kind];
    const both: MeasuredModel[] = [];
    if (before === false) both.push({ profileId, modelId: fromModelId, unit: 'cpu', computes: 'fp32', ms: beforeMs.median, threads });
    if (before === false && after !== null && quantized(toModelId) !== undefined) both.push({ profileId, modelId: toModelId, unit: 'cpu', computes: after, ms: afterMs.median, threads, of: fromModelId });
    return both;
  });
}
