/**
 * NVIDIA graphics cards through `nvidia-smi`, which prints what NVML reads (docs.nvidia.com/deploy/nvml-api: `nvmlDeviceGetTotalEnergyConsumption`,
 * millijoules since the driver was loaded, Volta and newer; `nvmlDeviceGetPowerUsage`). Drivers whose nvidia-smi has no field for the counter give
 * power, which is integrated. On some cards the power sensor looks at a quarter of the time only (arXiv 2312.02741), so the counter goes first.
 * One program runs on and prints a line for each card (`--loop-ms`), as starting it each time costs more than the model under test.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createCounterSum, createPowerSum, type Accumulated, type CounterSum, type PowerSum } from './arithmetic.ts';
import type { Finding } from './types.ts';
import { watchedMeter } from './watched-meter.ts';

const EVERY_MS = 200;
const START_MS = 10_000;
/** Silence of this length is a loss: the driver stalls for some hundred milliseconds now and then. */
const LATE_MS = 2000;
const MOST_CARD_W = 2000;
const FIELDS = { counter: 'total_energy_consumption', power: 'power.draw' } as const;
type Field = keyof typeof FIELDS;

/** @param program name or path of nvidia-smi */
export async function findNvidia(program: string, now: () => number): Promise<Finding> {
  let why = ABSENT;
  for (const field of ['counter', 'power'] as const) {
    const stream = openStream(program, field, now);
    const problem = await stream.begun;
    if (problem === null) return nvidiaMeter(stream, field, now);
    await stream.close();
    why = problem;
    if (why === ABSENT) break;
  }
  return { kind: 'nvml', fixable: why !== ABSENT, reason: why };
}

const ABSENT = 'there is no nvidia-smi on this machine';

function nvidiaMeter(stream: Stream, field: Field, now: () => number): Finding {
  return watchedMeter({
    source: field === 'counter' ? `NVML energy counter, ${stream.cards()}` : `NVML power integrated, ${stream.cards()}`,
    tier: 'counter',
    scope: 'gpu',
    uncertainty: field === 'counter' ? 0.05 : 0.15,
    everyMs: EVERY_MS,
    now,
    // The counter moves on every 20 to 100 ms; power is an average of up to a second.
    resolutionJ: (watts) => (watts ?? 50) * (field === 'counter' ? 0.1 : 1),
    notes: ['counts graphics cards alone, not the machine that they are in', ...(field === 'power' ? ['this driver has no energy counter in nvidia-smi: power is integrated, and on some cards the sensor sees a part of the time only'] : [])],
    sample: () => stream.next(),
    close: () => stream.close(),
  });
}

interface Stream {
  /** null: figures come. Else why not. */
  readonly begun: Promise<string | null>;
  /** After the next line of every card, or a failure. */
  next(): Promise<Accumulated | { readonly failed: string }>;
  cards(): string;
  close(): Promise<void>;
}

interface Card {
  readonly name: string;
  readonly counter: CounterSum;
  readonly power: PowerSum;
}

function openStream(program: string, field: Field, now: () => number): Stream {
  const cards = new Map<string, Card>();
  let round = 0;
  let seen = new Set<string>();
  let ended: string | null = null;
  let waiting: (() => void)[] = [];
  let errors = '';
  let began: (why: string | null) => void = () => {};
  const begun = new Promise<string | null>((resolve) => (began = resolve));
  const child: ChildProcess = spawn(program, [`--query-gpu=index,name,${FIELDS[field]}`, '--format=csv,noheader,nounits', `--loop-ms=${EVERY_MS}`], { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  const wake = (): void => {
    for (const each of waiting) each();
    waiting = [];
  };
  const end = (why: string): void => {
    ended ??= why;
    began(ended);
    wake();
  };
  const late = setTimeout(() => end('nvidia-smi printed nothing'), START_MS);
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      end((error as NodeJS.ErrnoException).code === 'ENOENT' ? ABSENT : `nvidia-smi cannot be run: ${error.message}`);
      resolve();
    });
    child.once('exit', () => {
      end(`nvidia-smi ended${errors === '' ? '' : `: ${errors.trim().split('\n')[0]?.slice(0, 200) ?? ''}`}`);
      resolve();
    });
  });
  child.stderr?.on('data', (text: Buffer) => (errors = (errors + text.toString()).slice(0, 1000)));
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const row = parseNvidiaLine(line);
      if (row === null) {
        // Told on standard output: `Field "..." is not a valid field to query.`
        if (cards.size === 0) end(line.slice(0, 200));
        return;
      }
      if (row.value === null) return end(`${row.name} gives no ${field === 'counter' ? 'energy counter' : 'power'}`);
      const card: Card = cards.get(row.index) ?? { name: row.name, counter: createCounterSum({ rangeJ: null, mostW: MOST_CARD_W, stepJ: 100 }), power: createPowerSum({ longestMs: LATE_MS }) };
      cards.set(row.index, card);
      if (field === 'counter') card.counter.add(now(), row.value / 1000);
      else card.power.add(now(), row.value);
      // A card that is told again begins the next round: only then is the number of cards known.
      if (seen.has(row.index)) {
        round++;
        seen = new Set();
        clearTimeout(late);
        began(ended);
        wake();
      }
      seen.add(row.index);
    });
  }
  return {
    begun,
    async next() {
      const from = round;
      const timeout = setTimeout(wake, LATE_MS);
      if (ended === null) await new Promise<void>((resolve) => waiting.push(resolve));
      clearTimeout(timeout);
      if (ended !== null) return { failed: ended };
      if (round === from) {
        for (const { power } of cards.values()) power.lose('nvidia-smi gave no figure in time');
        return { failed: 'nvidia-smi gave no figure in time' };
      }
      const sums = [...cards.values()].map((card) => (field === 'counter' ? card.counter : card.power).sum());
      return { joules: sums.reduce((sum, { joules }) => sum + joules, 0), segment: sums.reduce((sum, { segment }) => sum + segment, 0), reason: sums.findLast(({ reason }) => reason !== null)?.reason ?? null };
    },
    cards: () => [...cards.values()].map(({ name }) => name).join(' and ').slice(0, 60),
    async close() {
      clearTimeout(late);
      ended ??= 'the meter has been closed';
      child.kill();
      wake();
      await exited;
    },
  };
}

/** `0, NVIDIA L4, 27.40`; the value is null for `[N/A]` and `[Not Supported]`. @returns null: not such a line */
export function parseNvidiaLine(line: string): { readonly index: string; readonly name: string; readonly value: number | null } | null {
  const match = /^\s*(\d+),\s*(.+?),\s*(\d+(?:\.\d+)?|\[.+\]|N\/A)\s*$/u.exec(line.slice(0, 1000));
  const [, index, name, value] = match ?? [];
  if (index === undefined || name === undefined || value === undefined) return null;
  return { index, name, value: /^\d/u.test(value) ? Number(value) : null };
}
