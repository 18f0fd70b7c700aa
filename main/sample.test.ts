import { describe, expect, it } from 'vitest';
import { EdgewiseError } from '../src/base/errors.ts';
import { createEventHub } from '../src/console/events.ts';
import type { JobRecord } from '../src/contract/records/job.ts';
import type { OptimizeReport } from '../src/contract/records/report.ts';
import { startSample, type SampleConsole } from './sample.ts';

const job: JobRecord = { id: 'j', kind: 'optimize', title: 'shelf-products · int8', state: 'queued', input: { modelId: 'm', recipe: 'int8' }, progress: null, result: null, error: null, createdAt: '', startedAt: null, endedAt: null };
const side = { bytes: 400, sha256: 'a', nodes: 1, macs: 1, parameters: 1 };
const report: OptimizeReport = {
  version: 1,
  model: 'shelf-products',
  createdAt: '',
  seed: 0,
  recipe: { version: 1, name: 'int8', summary: '', steps: [{ step: 'int8' }] },
  input: side,
  output: { ...side, bytes: 100 },
  steps: [],
  data: null,
  fidelity: null,
  accuracy: null,
  latency: { threads: 1, pairs: 9, beforeMs: { median: 2, p95: 2 }, afterMs: { median: 1, p95: 1 }, ratio: 2, ci95: [1.9, 2.1] },
  gates: [],
  warnings: [],
  machine: { cpu: '', cores: 1, memoryBytes: 1, os: '', node: '', onnxruntime: '', edgewise: '' },
  seconds: 1,
  peakRssBytes: 1,
};

function setUp(firstRun: SampleConsole['firstRun']) {
  const events = createEventHub(() => {});
  const lines: string[] = [];
  const started = startSample({ firstRun, events, reportFile: () => ({ name: 'r.json', text: JSON.stringify(report) }) }, (line) => lines.push(line));
  return { events, lines, started };
}

describe('the first start', () => {
  it('says what it does, and once the true before and after', async () => {
    const { events, lines, started } = setUp(() => Promise.resolve(job));
    await started;
    events.emit({ type: 'job.updated', job: { ...job, state: 'running' } });
    events.emit({ type: 'job.updated', job: { ...job, id: 'another', state: 'failed' } });
    for (let time = 0; time < 2; time++) events.emit({ type: 'job.updated', job: { ...job, state: 'succeeded', result: { modelId: 'n', reportId: 'r' } } });
    expect(lines).toEqual([
      'First start: making the sample model smaller (shelf-products · int8) ...',
      'The sample model, before and after: 400 -> 100 bytes, 2.000 -> 1.000 ms (2.00x)',
    ]);
  });

  it('says what became of a sample that did not succeed', async () => {
    const failed = setUp(() => Promise.resolve(job));
    await failed.started;
    failed.events.emit({ type: 'job.updated', job: { ...job, state: 'failed', error: { code: 'DISK_FULL', message: 'There is no room left.' } } });
    expect(failed.lines[1]).toBe('The sample ended as failed: There is no room left. [DISK_FULL]');

    const refused = setUp(() => Promise.reject(new EdgewiseError('FILE_NOT_FOUND', 'There is no sample.')));
    await refused.started;
    expect(refused.lines).toEqual(['The sample could not be started: There is no sample. [FILE_NOT_FOUND]']);
  });

  it('is silent at every later start', async () => {
    const later = setUp(() => Promise.resolve(undefined));
    await later.started;
    expect(later.lines).toEqual([]);
  });
});
