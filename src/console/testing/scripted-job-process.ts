/**
 * A job process that does what the model's name says, over the real channel: for tests of what the host does with a child.
 * `succeed`, `fail`, `hang` (ignores a cancel, has a child), `wait` (ignores a cancel), `polite` (ends on a cancel), `exit`, `die` (SIGKILL), `babble` (a message out of contract), `eat` (memory).
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openParentChannel } from '../processes/parent-channel.ts';
import { toJobProcess, type FromJobProcess, type JobTask } from '../processes/messages.ts';
import { sampleReport } from './sample-report.ts';

const channel = openParentChannel();
const send = (message: FromJobProcess): void => channel.send(message);
const eaten: Uint8Array[] = [];
let polite = false;

channel.onClose(() => process.exit(1));
channel.onMessage((raw) => {
  const message = toJobProcess.parse(raw);
  if (message.type === 'start') play(message.task);
  else if (message.type === 'release') process.exit(0);
  else if (polite) send({ type: 'failed', error: { code: 'CANCELLED', message: 'Cancelled.' } });
});

function play(task: JobTask): void {
  writeFileSync(join(task.workspace, 'intermediate.onnx'), 'something');
  send({ type: 'progress', stage: 'passes', fraction: 0.2 });
  send({ type: 'log', level: 'info', message: `playing ${task.recipe.name}` });
  switch (task.recipe.name) {
    case 'succeed': {
      const outputPath = join(task.workspace, 'output.onnx');
      writeFileSync(outputPath, `result of ${task.modelName}`);
      send({ type: 'progress', stage: 'calibrate', fraction: 0.7, detail: '7 of 10' });
      send({ type: 'done', outputPath, report: sampleReport(task), gatesMet: true });
      break;
    }
    case 'fail':
      send({ type: 'failed', error: { code: 'BAD_DATASET', message: 'The data set is empty.', hint: 'Choose another.' } });
      break;
    case 'polite':
      polite = true;
      break;
    case 'exit':
      process.stderr.write('last words\n', () => process.exit(7));
      break;
    case 'die':
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'babble':
      channel.send({ type: 'nonsense' });
      break;
    case 'eat':
      setInterval(() => eaten.push(new Uint8Array(32 << 20).fill(1)), 5);
      break;
    case 'wait':
      send({ type: 'progress', stage: 'hanging', fraction: 0.5 });
      setInterval(() => {}, 1000);
      break;
    case 'hang': {
      const below = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      send({ type: 'log', level: 'info', message: `below ${below.pid}` });
      send({ type: 'progress', stage: 'hanging', fraction: 0.5 });
      setInterval(() => {}, 1000);
      break;
    }
    default:
      throw new Error(`no script for ${task.recipe.name}`);
  }
}
