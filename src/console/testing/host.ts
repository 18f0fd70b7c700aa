/** A host in a process of its own, to be killed: starts a job that waits and prints the process ids of the job and of what runs below it. */
import { join } from 'node:path';
import { createConsole } from '../create-console.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';

const [dataFolder = '', modelId = ''] = process.argv.slice(2);
const console = await createConsole({
  dataFolder,
  processHost: createNodeProcessHost(),
  entries: { jobProcess: join(import.meta.dirname, 'scripted-job-process.ts'), inferenceChild: '' },
  host: 'browser',
  version: 'test',
});
const { id } = console.jobs.start({ modelId, recipe: { version: 1, name: 'wait', steps: [{ step: 'remove-identity' }] } }, 'wait');
console.events.subscribe((event) => {
  if (event.type === 'job.updated' && event.job.progress?.stage === 'hanging') process.stdout.write(`${JSON.stringify([console.jobs.runningPid()])}\n`);
  if (event.type === 'job.updated' && event.job.id === id && event.job.state === 'failed') process.exit(1);
});
