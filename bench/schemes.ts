/**
 * Size and signal to noise of each kind of quantization on trained networks, and what each would lose on x86 processors without VNNI.
 *
 *     node bench/schemes.ts [--markdown] [--samples N]
 *
 * Through the command line as a user would, on pictures that calibration has not seen. Prints one JSON object; with `--markdown` the table of
 * docs/quantization.md. Needs the models and data sets (EDGEWISE_DATA, or ../shared/data).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { optimizeReport } from '../src/contract/records/report.ts';
import { sharedData, sharedDataset, sharedModel } from '../test/support/shared-data.ts';

const { values: flags } = parseArgs({ options: { markdown: { type: 'boolean', default: false }, samples: { type: 'string', default: '32' } } });

const int8 = (options: object = {}) => ({ step: 'quantize-static-int8', options });
const SCHEMES: Readonly<Record<string, { readonly step: string; readonly options?: object }>> = {
  'float': { step: 'remove-identity' },
  'fp16 weights': { step: 'fp16-weights' },
  'u8s8': int8(),
  'u8s8, one scale a tensor': int8({ weights: 'per-tensor' }),
  'u8s8, `where-needed`': int8({ reduceRange: 'where-needed' }),
  'u8s8, 7 bits in all': int8({ reduceRange: 'all' }),
  's8s8': int8({ scheme: 's8s8' }),
  'dynamic int8': { step: 'quantize-dynamic-int8' },
  '4-bit blocks of 32': { step: 'quantize-int4-blocks' },
  '4-bit blocks of 128': { step: 'quantize-int4-blocks', options: { blockSize: 128 } },
};

const NETWORKS = [
  { name: 'SqueezeNet 1.1', file: 'squeezenet1.1-reassembled/squeezenet1.1.onnx', data: 'imagenet-sample', products: false },
  { name: 'grocery MobileNetV2', file: 'derived-retail/grocery81_mobilenetv2_bn_relu.onnx', data: 'grocery-store/val', products: false },
  { name: 'Fashion-MNIST CNN', file: 'fashion-mnist-edwin/fashion_mnist.onnx', data: 'fashion-mnist/train10k-images-idx3-ubyte.gz', products: true },
];

interface Row {
  readonly network: string;
  readonly scheme: string;
  readonly bytes: number;
  readonly sqnrDb: number | null;
  readonly top1Agreement: number | null;
  /** Estimated signal to noise on processors without VNNI, as the report tells it; null: the same, or not estimated (only u8s8 is). */
  readonly withoutVnni: string | null;
}

if (sharedData === undefined) {
  console.error('The models and data sets are not here: set EDGEWISE_DATA to the folder that holds models/ and datasets/.');
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'edgewise-schemes-'));
const rows: Row[] = [];
try {
  for (const { name: network, file, data, products } of NETWORKS) {
    for (const [scheme, step] of Object.entries(SCHEMES)) {
      if (!products && /dynamic|blocks/.test(step.step)) continue;
      const recipe = join(folder, 'recipe.json');
      const report = join(folder, 'report.json');
      writeFileSync(recipe, JSON.stringify({ version: 1, name: 'scheme', steps: [{ step: 'simplify' }, step] }));
      const args = ['optimize', sharedModel(file), '-o', join(folder, 'out.onnx'), '--recipe', recipe, '--data', sharedDataset(data), '--samples', flags.samples, '--eval-samples', '100', '--report', report, '--json'];
      execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../src/cli/index.ts'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
      const { output, fidelity, steps } = optimizeReport.parse(JSON.parse(readFileSync(report, 'utf8')));
      const told = steps.at(-1)?.notes.join(' ') ?? '';
      rows.push({ network, scheme, bytes: output.bytes, sqnrDb: fidelity?.sqnrDb ?? null, top1Agreement: fidelity?.top1Agreement ?? null, withoutVnni: /Estimated there on \d+ samples: (\S+ dB signal to noise in place of \S+ dB)/.exec(told)?.[1] ?? null });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (flags.markdown) {
  const lines = rows.map(({ network, scheme, bytes, sqnrDb, top1Agreement, withoutVnni }) => `| ${network} | ${scheme} | ${(bytes / 1e6).toFixed(2)} MB | ${sqnrDb?.toFixed(1) ?? 'equal'} | ${top1Agreement === null ? '' : `${(top1Agreement * 100).toFixed(1)} %`} | ${withoutVnni ?? (scheme.startsWith('u8s8') ? 'the same' : '')} |`);
  console.log(['| network | scheme | size | dB | same answer | estimated without VNNI |', '|---|---|---|---|---|---|', ...lines].join('\n'));
} else console.log(JSON.stringify({ samples: Number(flags.samples), rows }, null, 2));
