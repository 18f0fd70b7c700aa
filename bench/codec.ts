/**
 * Reading and writing models, against protobufjs with the schema of ONNX, which is what a JavaScript program would take instead.
 *
 *     node bench/codec.ts [--rounds 5]
 *
 * Prints one JSON object. Two models: ResNet-50 size (102 MB, 175 nodes) and a chain of 20,000 nodes without weights. A turn is a process
 * of its own; turns of the two alternate. `loadSeconds` is the same read call for both, and not in the others. Reading is from bytes to a
 * model: ours with every bound checked, without looking at weights (that is the check, `checkSeconds`, which protobufjs has no part of).
 * Writing is from a model to a file's bytes; ours gives pieces, which here are joined to one, as protobufjs does. Times are of the first call in a process, and
 * the median of ten further calls is beside it as `warm`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkModel, parseModel, type Model } from '../src/engine/onnx/index.ts';
import { buildModel, bytesSource, modelBytes, noExternalFiles } from '../test/support/build-model.ts';
import { resNet50 } from '../test/support/networks.ts';
import { ModelProto } from '../test/support/onnx-proto.ts';
import { spread } from './networks.ts';

const CHAIN = 20_000;
const WARM = 10;
const MODELS: Readonly<Record<string, () => Model>> = {
  'resnet50-size': () => resNet50(),
  'chain-of-20000': () => buildModel({
    inputs: { v0: [1, 8] }, outputs: [`v${CHAIN}`],
    nodes: Array.from({ length: CHAIN }, (_, i) => ({ op: i % 2 === 0 ? 'Relu' : 'LeakyRelu', in: [`v${i}`], out: [`v${i + 1}`], name: `node_${i}`, attrs: i % 2 === 0 ? {} : { alpha: 0.1 } })),
  }),
};

interface Turn {
  readonly loadSeconds: number;
  readonly readSeconds: number;
  readonly writeSeconds: number;
  readonly checkSeconds: number;
  readonly warmReadSeconds: number;
  readonly warmWriteSeconds: number;
  readonly peakBytes: number;
  readonly equal: boolean;
}

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, turn: { type: 'string' }, from: { type: 'string', default: '' } } });

function timed<T>(action: () => T): [T, number] {
  const start = performance.now();
  const result = action();
  return [result, (performance.now() - start) / 1000];
}

function warm(action: () => unknown): number {
  return spread(Array.from({ length: WARM }, () => timed(action)[1])).median;
}

const peak = (): number => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? Number.NaN) * 1024;

function turn(what: string, from: string): Turn {
  const [bytes, loadSeconds] = timed(() => readFileSync(from));
  const ours = what === 'ours';
  const read = (): unknown => (ours ? parseModel(bytesSource(bytes), noExternalFiles) : ModelProto.decode(bytes));
  const write = (model: unknown): Uint8Array => (ours ? modelBytes(model as Model) : ModelProto.encode(model as ReturnType<typeof ModelProto.decode>).finish());
  const [model, readSeconds] = timed(read);
  const [written, writeSeconds] = timed(() => write(model));
  const peakBytes = peak();
  const [, checkSeconds] = timed(() => ours && checkModel(model as Model));
  return { loadSeconds, readSeconds, writeSeconds, checkSeconds, warmReadSeconds: warm(read), warmWriteSeconds: warm(() => write(model)), peakBytes, equal: bytes.equals(written) };
}

function summary(turns: readonly Turn[]): Record<string, unknown> {
  const of = (key: Exclude<keyof Turn, 'equal'>) => spread(turns.map((each) => each[key]));
  return {
    loadSeconds: of('loadSeconds'), readSeconds: of('readSeconds'), writeSeconds: of('writeSeconds'), checkSeconds: of('checkSeconds'),
    warmReadSeconds: of('warmReadSeconds'), warmWriteSeconds: of('warmWriteSeconds'), peakBytes: of('peakBytes'), sameBytes: turns.every((each) => each.equal),
  };
}

function compare(): void {
  const rounds = Number(flags.rounds);
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));
  try {
    const models: Record<string, unknown> = {};
    for (const [name, make] of Object.entries(MODELS)) {
      const from = join(folder, `${name}.onnx`);
      writeFileSync(from, modelBytes(make()));
      const run = (what: string): Turn => JSON.parse(execFileSync(process.execPath, [import.meta.filename, '--turn', what, '--from', from], { encoding: 'utf8' })) as Turn;
      const [ours, theirs]: [Turn[], Turn[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        console.error(`${name}, round ${round + 1} of ${rounds}`);
        ours.push(run('ours'));
        theirs.push(run('protobufjs'));
      }
      const faster = (key: 'readSeconds' | 'writeSeconds' | 'warmReadSeconds' | 'warmWriteSeconds') => spread(ours.map((each, index) => (theirs[index] as Turn)[key] / each[key]));
      models[name] = {
        bytes: readFileSync(from).length, ours: summary(ours), protobufjs: summary(theirs),
        timesFaster: { read: faster('readSeconds'), write: faster('writeSeconds'), warmRead: faster('warmReadSeconds'), warmWrite: faster('warmWriteSeconds') },
      };
    }
    console.log(JSON.stringify({ bench: 'codec', rounds, cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, models }, null, 2));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (flags.turn === undefined) compare();
else console.log(JSON.stringify(turn(flags.turn, flags.from)));
