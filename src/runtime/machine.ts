/** The machine that a measurement was made on. */
import { createRequire } from 'node:module';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { MachineRecord } from '../contract/records/report.ts';

/** @param version of Edgewise */
export function machineRecord(version: string): MachineRecord {
  const runtime = createRequire(import.meta.url)('onnxruntime-node/package.json') as { readonly version: string };
  return {
    cpu: cpus()[0]?.model.trim() || process.arch,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    os: `${type()} ${release()} ${process.arch}`,
    node: process.versions.node,
    onnxruntime: runtime.version,
    edgewise: version,
  };
}
