/** `edgewise doctor`: what this machine has and lacks, and what each lack costs. */
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { defaultDataFolder } from '../../console/data-folder.ts';
import { findMeters, whyNone, type EnergyMeter } from '../../runtime/index.ts';
import { bytesText, joulesText, type Io } from '../io.ts';
import type { Places } from '../places.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Without it Edgewise cannot do its work. */
  readonly required: boolean;
  readonly detail: string;
  readonly hint?: string;
}

/** @returns whether everything that is required is here */
export async function doctor(places: Places, io: Io, { wallMeter }: { readonly wallMeter?: string } = {}): Promise<boolean> {
  const checks = [nodeCheck(), await onnxruntimeCheck(), await sharpCheck(), electronCheck(), chromiumCheck(), cpuCheck(), memoryCheck(), dataFolderCheck(), pageCheck(places), await energyCheck(wallMeter)];
  const ok = checks.every((check) => check.ok || !check.required);
  io.result({ version: places.version, ok, checks }, () =>
    checks.map(({ name, ok: here, detail, hint }) => `${here ? 'has  ' : 'lacks'} ${name.padEnd(14)} ${detail}${!here && hint !== undefined ? `\n      ${' '.repeat(14)} ${hint}` : ''}`).join('\n'),
  );
  return ok;
}

function nodeCheck(): Check {
  const [major = 0] = process.versions.node.split('.').map(Number);
  return { name: 'node', ok: major >= 24, required: true, detail: `${process.versions.node} at ${process.execPath}`, hint: 'Run: npm run setup' };
}

async function onnxruntimeCheck(): Promise<Check> {
  const name = 'onnxruntime';
  try {
    const runtime = await import('onnxruntime-node');
    const versions = (runtime.env as { versions?: { common?: string; node?: string } }).versions;
    return { name, ok: true, required: true, detail: `${versions?.node ?? versions?.common ?? 'unknown version'}, on the CPU` };
  } catch (error) {
    return { name, ok: false, required: true, detail: firstLine(error), hint: 'There is no runtime for this platform, or the packages are not installed: npm run setup' };
  }
}

async function sharpCheck(): Promise<Check> {
  try {
    const { default: sharp } = await import('sharp');
    return { name: 'sharp', ok: true, required: false, detail: `${sharp.versions.sharp ?? ''} with libvips ${sharp.versions.vips}` };
  } catch (error) {
    return { name: 'sharp', ok: false, required: false, detail: firstLine(error), hint: 'Pictures cannot be read; arrays and CSV files can.' };
  }
}

function electronCheck(): Check {
  const hint = 'The console opens in the browser instead. To have the window: npx install-electron';
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
    const executable = join(folder, 'dist', existsSync(join(folder, 'path.txt')) ? readFileSync(join(folder, 'path.txt'), 'utf8').trim() : 'electron');
    const here = existsSync(executable);
    return { name: 'electron', ok: here, required: false, detail: here ? executable : 'its executable has not been fetched', hint };
  } catch {
    return { name: 'electron', ok: false, required: false, detail: 'not installed', hint };
  }
}

function chromiumCheck(): Check {
  const paths = [process.env['EDGEWISE_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];
  const found = paths.find((path) => path !== undefined && existsSync(path));
  return { name: 'chromium', ok: found !== undefined, required: false, detail: found ?? 'not found', hint: 'The browser tests need it: npm test installs it. Any browser shows the console.' };
}

function cpuCheck(): Check {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(readOr('/proc/cpuinfo'))?.[1]?.trim().split(/\s+/) ?? []);
  const dotProducts = ['avx512_vnni', 'avx_vnni', 'asimddp', 'i8mm'].filter((flag) => flags.has(flag));
  return {
    name: 'cpu',
    ok: dotProducts.length > 0,
    required: false,
    detail: `${model}, ${cpus().length} cores, ${dotProducts.length > 0 ? `int8 dot products: ${dotProducts.join(', ')}` : 'no int8 dot products found'}`,
    hint: 'int8 models still get four times smaller here, but may not get faster.',
  };
}

function memoryCheck(): Check {
  const enough = 2e9;
  return { name: 'memory', ok: totalmem() >= enough, required: false, detail: `${bytesText(totalmem())}, ${bytesText(freemem())} free`, hint: 'Large models may not fit.' };
}

function dataFolderCheck(): Check {
  const name = 'data folder';
  const folder = defaultDataFolder();
  let at = folder;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  try {
    accessSync(at, constants.W_OK);
    const { bavail, bsize } = statfsSync(at);
    const free = bavail * bsize;
    return { name, ok: free > 1e9, required: false, detail: `${folder}, ${bytesText(free)} free on its disk`, hint: 'Free some space, or name another folder in EDGEWISE_HOME.' };
  } catch {
    return { name, ok: false, required: true, detail: `${folder} cannot be written`, hint: 'Name another folder in EDGEWISE_HOME.' };
  }
}

function pageCheck(places: Places): Check {
  const here = existsSync(join(places.renderer, 'index.html'));
  return { name: 'console page', ok: here, required: false, detail: here ? places.renderer : 'not built', hint: 'Run: npm run setup' };
}

/** The meter that measurements would use, or each kind that is not here with its reason. */
async function energyCheck(wallMeter: string | undefined): Promise<Check> {
  const name = 'energy meter';
  const found = await findMeters(wallMeter === undefined ? {} : { wallMeter });
  for (const meter of found.meters) await meter.read();
  const best = found.meters.find(({ scope }) => scope !== 'gpu');
  const detail = best === undefined ? whyNone(found) : `${best.source}: tier ${best.tier}, resolution ${joulesText(best.resolutionJ)}, +-${Math.round(best.uncertainty * 100)} %${others(found.meters.filter((meter) => meter !== best))}`;
  for (const meter of found.meters) await meter.close();
  return { name, ok: best !== undefined, required: false, detail, hint: 'Energy is not measured here. A wall meter (--wall-meter URL) does it, or a model: --idle-w W --busy-w W, or --hardware NAME.' };
}

function others(meters: readonly EnergyMeter[]): string {
  return meters.length === 0 ? '' : `; also ${meters.map(({ source }) => source).join(', ')}`;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? 'unknown reason';
}
