/** `edgewise savings` and `edgewise report`: the figures of the Savings page, for a script and for paper. */
import { extname, resolve } from 'node:path';
import { csvText } from '../../base/csv.ts';
import { EdgewiseError } from '../../base/errors.ts';
import type { Estimate, SavingResult } from '../../contract/records/savings.ts';
import { savingsView, type SavingsRow, type SavingsView } from '../../contract/rpc/savings-routes.ts';
import { writeFileAtomically } from '../../runtime/files/write-file.ts';
import { withConsole, type Call } from '../console-client.ts';
import { tableText, type Io } from '../io.ts';
import type { Places } from '../places.ts';

interface PeriodFlags {
  readonly from?: string;
  readonly to?: string;
  readonly baseline?: number;
  readonly method?: SavingsView['method'];
  readonly workload?: string;
}

export interface SavingsFlags extends PeriodFlags {
  readonly by: 'chain' | 'region' | 'store' | 'device';
  readonly csv?: boolean;
}

export interface ReportFlags extends PeriodFlags {
  readonly store?: string;
  readonly output: string;
  readonly lang: 'en' | 'zh-CN';
}

/** What a line of a list says, of a region as of a store. */
interface Line {
  readonly id: string;
  readonly name: string;
  readonly verdict: string;
  readonly method: string;
  readonly energyShare: Estimate | null;
  readonly cashEnergyCny: Estimate | null;
  readonly capacityCny: number;
  readonly totalShare: Estimate | null;
  readonly tier: string | null;
  readonly simulated: boolean;
  readonly devices: number;
}

export async function savings(flags: SavingsFlags, places: Places, io: Io): Promise<void> {
  await withConsole(places, async (call) => {
    const view = await viewOf(flags, call);
    const overview = await call('savings.overview', view);
    const lines: Line[] = [];
    if (flags.by === 'chain') lines.push(lineOf(overview.result, 'all stores'));
    else if (flags.by === 'region') lines.push(...overview.regions.map((result) => lineOf(result, result.name)));
    else if (flags.by === 'store') lines.push(...overview.stores.map(lineOfRow));
    else for (const { id } of overview.stores) lines.push(...(await call('savings.open', { view, scope: { kind: 'store', id } })).rows.map(lineOfRow));
    const result = { view, asOfMs: overview.asOfMs, by: flags.by, lines };
    io.result(result, () => (flags.csv === true ? csvOf(lines) : textOf(view, lines)));
  });
}

export async function report(region: string | undefined, flags: ReportFlags, places: Places, io: Io): Promise<void> {
  const kind = extname(flags.output).toLowerCase();
  if (kind !== '.pdf' && kind !== '.html') throw new EdgewiseError('USAGE', `A report is a .pdf or an .html file, not "${flags.output}".`, { hint: 'Name it with -o FILE.pdf' });
  if (region !== undefined && flags.store !== undefined) throw new EdgewiseError('USAGE', 'A report is of a region or of a store, not of both.', { hint: 'Leave one of them out.' });
  await withConsole(places, async (call) => {
    const scope = flags.store !== undefined ? ({ kind: 'store', id: flags.store } as const) : region !== undefined ? ({ kind: 'region', id: region } as const) : ({ kind: 'chain' } as const);
    const made = await call('savings.report', { view: await viewOf(flags, call), scope, locale: flags.lang });
    if (kind === '.pdf' && made.pdfBase64 === null) {
      throw new EdgewiseError('NOT_FOUND', 'There is no Chromium on this machine to print a PDF with.', { hint: 'Install chromium, name one in EDGEWISE_CHROMIUM, or write the report as HTML with -o FILE.html and print it from a browser.' });
    }
    const path = resolve(flags.output);
    const bytes = kind === '.pdf' ? Uint8Array.from(Buffer.from(made.pdfBase64 ?? '', 'base64')) : new TextEncoder().encode(made.html);
    await writeFileAtomically(path, [bytes]);
    io.result({ path, bytes: bytes.length }, () => `wrote ${path} (${bytes.length} bytes)`);
  });
}

async function viewOf(flags: PeriodFlags, call: Call): Promise<SavingsView> {
  const { known, view } = await call('savings.extent', {});
  if (known === null) throw new EdgewiseError('NOT_FOUND', 'No device has measured anything yet.', { hint: 'Devices report what they use by themselves, as soon as they run a model; edgewise fleet list shows them.' });
  const parsed = savingsView.safeParse({ fromDay: flags.from ?? view.fromDay, toDay: flags.to ?? view.toDay, baselineDays: flags.baseline ?? view.baselineDays, method: flags.method ?? view.method, workload: flags.workload ?? null });
  if (parsed.success) return parsed.data;
  throw new EdgewiseError('USAGE', `The period is wrong: ${parsed.error.issues[0]?.message ?? 'not understood'}.`, { hint: 'Name days as 2026-03-01, with --from and --to.' });
}

function lineOf(result: SavingResult, name: string): Line {
  const { energy } = result;
  return {
    id: result.scope.kind === 'chain' ? '' : result.scope.id, name, verdict: energy.verdict, method: energy.method, energyShare: energy.share, cashEnergyCny: result.cashEnergyCny, capacityCny: result.capacityCny, totalShare: result.totalShare,
    tier: energy.evidence.tier, simulated: energy.evidence.simulated, devices: energy.evidence.devices,
  };
}

function lineOfRow(row: SavingsRow): Line {
  const { id, name, verdict, method, energyShare, cashEnergyCny, capacityCny, totalShare, tier, simulated, updatedDevices } = row;
  return { id, name: name === '' ? id : name, verdict, method, energyShare, cashEnergyCny, capacityCny, totalShare, tier, simulated, devices: updatedDevices };
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const withInterval = (estimate: Estimate | null, as: (value: number) => string): string => (estimate === null ? '-' : estimate.ci95 === null ? as(estimate.value) : `${as(estimate.value)} (${as(estimate.ci95[0])} to ${as(estimate.ci95[1])})`);

function textOf(view: SavingsView, lines: readonly Line[]): string {
  const head = `${view.fromDay} to ${view.toDay}, each device against ${view.baselineDays} days before its update; 95 % intervals`;
  const table = tableText([
    ['id', 'name', 'energy saved', 'verdict', 'electricity, CNY', 'of all costs', 'evidence'],
    ...lines.map((line) => [line.id, line.name, withInterval(line.energyShare, percent), line.verdict.replaceAll('_', ' '), withInterval(line.cashEnergyCny, (value) => value.toFixed(2)), withInterval(line.totalShare, percent), `${line.tier ?? 'none'}${line.simulated ? ', simulated' : ''}`]),
  ]);
  return lines.length === 0 ? `${head}\nNothing was measured in this period.` : `${head}\n${table}`;
}

function csvOf(lines: readonly Line[]): string {
  return csvText([
    ['id', 'name', 'verdict', 'method', 'energy_saved_share', 'energy_low', 'energy_high', 'electricity_saved_cny', 'electricity_low_cny', 'electricity_high_cny', 'capacity_cny', 'total_saved_share', 'total_low', 'total_high', 'evidence', 'simulated', 'devices'],
    ...lines.map((line) => [
      line.id, line.name, line.verdict, line.method, line.energyShare?.value ?? null, line.energyShare?.ci95?.[0] ?? null, line.energyShare?.ci95?.[1] ?? null, line.cashEnergyCny?.value ?? null, line.cashEnergyCny?.ci95?.[0] ?? null,
      line.cashEnergyCny?.ci95?.[1] ?? null, line.capacityCny, line.totalShare?.value ?? null, line.totalShare?.ci95?.[0] ?? null, line.totalShare?.ci95?.[1] ?? null, line.tier, line.simulated ? 'yes' : 'no', line.devices,
    ]),
  ]).trimEnd();
}
