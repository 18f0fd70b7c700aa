/**
 * Recipe int8 on trained networks that were not made here, through the command line as a user would. Prints one JSON object; with
 * `--markdown` the tables of docs/figures.md. Needs the models and data sets (EDGEWISE_DATA, or ../shared/data).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { sharedData, sharedDataset, sharedModel } from '../test/support/shared-data.ts';

const root = join(import.meta.dirname, '..');
const side = z.object({ bytes: z.number(), nodes: z.number() });
const result = z.object({
  input: side,
  output: side,
  fidelity: z.object({ cosine: z.number(), top1Agreement: z.number().nullable() }).nullable(),
  accuracy: z.object({ before: z.object({ top1: z.number(), samples: z.number() }), after: z.object({ top1: z.number() }), topOneDrop: z.object({ mean: z.number(), ci95: z.tuple([z.number(), z.number()]) }) }).nullish(),
  latency: z.object({ ratio: z.number(), ci95: z.tuple([z.number(), z.number()]), beforeMs: z.object({ median: z.number() }), afterMs: z.object({ median: z.number() }) }),
  seconds: z.number(),
  peakRssBytes: z.number(),
});
const comparison = z.object({
  fidelity: z.object({ top1Agreement: z.number() }),
  accuracy: z.object({ a: z.object({ top1: z.number(), samples: z.number() }), b: z.object({ top1: z.number() }) }),
  latency: z.object({ ratio: z.number(), ci95: z.tuple([z.number(), z.number()]) }),
});

/** [model, calibration and measurement data, data that calibration never saw] */
const RUNS: readonly (readonly [model: string, data: string, other?: string])[] = [
  ['squeezenet1.1-reassembled/squeezenet1.1.onnx', 'imagenet-sample'],
  ['derived-retail/grocery81_mobilenetv2_bn_relu.onnx', 'grocery-store/train', 'grocery-store/val'],
  ['onnc-resnet20/resnet20.onnx', 'cifar10-images/train'],
  ['fashion-mnist-edwin/fashion_mnist.onnx', 'fashion-mnist/train10k-images-idx3-ubyte.gz'],
  ['yolox-nano/yolox_nano.onnx', 'coco128/images'],
  ['ultraface/version-RFB-320.onnx', 'coco128/images'],
  ['yunet/yunet_n_dynamic.onnx', 'coco128/images'],
  ['paddleocr/ch_ppocr_mobile_v2.0_cls_infer.onnx', 'coco128/images'],
];

function edgewise(...args: readonly string[]): unknown {
  return JSON.parse(execFileSync(process.execPath, [join(root, 'bin/edgewise.mjs'), ...args, '--json'], { encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'ignore'] }));
}

if (sharedData === undefined) {
  console.error('The models and data sets are not here: set EDGEWISE_DATA to the folder that holds models/ and datasets/.');
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));
interface Row {
  readonly model: string;
  readonly data: string;
  readonly nodes: { readonly before: number; readonly simplified: number };
  readonly simplifiedCosine: number | undefined;
  readonly int8: z.infer<typeof result>;
  readonly unseen: (z.infer<typeof comparison> & { readonly data: string }) | null;
}

const rows: Row[] = [];
try {
  for (const [model, data, other] of RUNS) {
    const output = join(folder, 'out.onnx');
    const simplified = result.parse(edgewise('optimize', sharedModel(model), '-o', output, '--recipe', 'simplify', '--data', sharedDataset(data)));
    const int8 = result.parse(edgewise('optimize', sharedModel(model), '-o', output, '--recipe', 'int8', '--data', sharedDataset(data)));
    const unseen = other === undefined ? null : comparison.parse(edgewise('compare', sharedModel(model), output, '--data', sharedDataset(other)));
    rows.push({ model, data, nodes: { before: simplified.input.nodes, simplified: simplified.output.nodes }, simplifiedCosine: simplified.fidelity?.cosine, int8, unseen: other === undefined || unseen === null ? null : { data: other, ...unseen } });
    console.error(model);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (process.argv.includes('--markdown')) console.log(markdown());
else console.log(JSON.stringify({ rows }, null, 1));

function markdown(): string {
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(2);
  const points = (share: number): string => (100 * share).toFixed(1);
  const head = ['| network | nodes, simplified | size MB | smaller | ms, one thread | faster (95 % interval) | top-1 % (samples) | same answer % | cosine | s | peak MB |', '|---|---|---|---|---|---|---|---|---|---|---|'];
  const lines = rows.map(({ model, nodes, int8 }) => {
    const { input, output, latency, accuracy, fidelity } = int8;
    return `| ${model.split('/').at(-1)?.replace('.onnx', '')} | ${nodes.before} → ${nodes.simplified} | ${mb(input.bytes)} → ${mb(output.bytes)} | ${(input.bytes / output.bytes).toFixed(2)}x | ${latency.beforeMs.median.toFixed(2)} → ${latency.afterMs.median.toFixed(2)} | ${latency.ratio.toFixed(2)}x (${latency.ci95.map((x) => x.toFixed(2)).join(' to ')}) | ${accuracy ? `${points(accuracy.before.top1)} → ${points(accuracy.after.top1)} (${accuracy.before.samples})` : 'no labels'} | ${fidelity?.top1Agreement == null ? '' : points(fidelity.top1Agreement)} | ${fidelity?.cosine.toFixed(4) ?? ''} | ${int8.seconds.toFixed(0)} | ${(int8.peakRssBytes / 1e6).toFixed(0)} |`;
  });
  const unseen = rows.flatMap(({ model, unseen: seen }) => (seen ? [`${model}: on ${seen.data} (${seen.accuracy.a.samples} pictures): top-1 ${points(seen.accuracy.a.top1)} → ${points(seen.accuracy.b.top1)}, same answer on ${points(seen.fidelity.top1Agreement)} %, ${seen.latency.ratio.toFixed(2)}x (${seen.latency.ci95.map((x) => x.toFixed(2)).join(' to ')})`] : []));
  return [...head, ...lines, '', ...unseen].join('\n');
}
