/** Both halves of the broker together: the shell's host and what runs inside the job's and the inference child's processes. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ChildExit, ChildHandle } from '../../src/console/jobs/process-host.ts';
import { createBrokeredChildren, type BrokeredChildren } from '../../src/console/processes/brokered-children.ts';
import { BROKERED, openJoinedChannel } from '../../src/console/processes/joined-channel.ts';
import type { ShellPort } from '../../src/console/processes/utility-port.ts';
import { fakeUtility, type FakeUtility, type FakeUtilityChild, type Program } from '../testing/fake-utility.ts';
import { createUtilityHost } from './utility-host.ts';

const JOB = '/out/job-process.js';
const INFERENCE = '/out/inference-child.js';

/** An inference child that answers every message with `{ echo }`. */
const echo: Program = (shell) => {
  const channel = openJoinedChannel(shell);
  channel.onMessage((message) => channel.send({ echo: message }));
};

interface Job {
  readonly shell: ShellPort;
  readonly children: BrokeredChildren;
  readonly seen: unknown[];
}

function setUp(inference: Program = echo): { utility: FakeUtility; handle: ChildHandle; job: () => Job; inferenceAt: (index: number) => FakeUtilityChild } {
  let job: Job | undefined;
  const utility = fakeUtility({
    [JOB]: (shell) => {
      const seen: unknown[] = [];
      shell.on('message', ({ data }) => seen.push(data));
      job = { shell, children: createBrokeredChildren(shell), seen };
    },
    [INFERENCE]: inference,
  });
  const handle = createUtilityHost({ platform: utility, inferenceChild: INFERENCE }).fork(JOB, ['a']);
  return {
    utility,
    handle,
    job: () => {
      if (job === undefined) throw new Error('the job has not started');
      return job;
    },
    inferenceAt: (index) => {
      const child = utility.started.filter((process) => process.entry === INFERENCE)[index];
      if (child === undefined) throw new Error(`there is no inference child ${index}`);
      return child;
    },
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

describe('jobs in utility processes', () => {
  it('get what is added to the environment, and keep the rest of it', () => {
    const { utility } = setUp();
    createUtilityHost({ platform: utility, inferenceChild: INFERENCE }).fork(JOB, [], { EDGEWISE_ADDED: 'yes' });
    expect(utility.started.map(({ options }) => options.env)).toEqual([undefined, { ...process.env, EDGEWISE_ADDED: 'yes' }]);
  });

  it('carry messages both ways, those sent before the process has started too', async () => {
    const { handle, job } = setUp();
    const received: unknown[] = [];
    handle.onMessage((message) => received.push(message));
    handle.send({ type: 'start' });
    await settle();
    job().shell.postMessage({ type: 'progress' });
    await settle();
    expect(job().seen).toEqual([{ type: 'start' }]);
    expect(received).toEqual([{ type: 'progress' }]);
    expect(handle.pid).toBeTypeOf('number');
  });

  it('report their end once, also to a late listener', async () => {
    const { handle, utility } = setUp();
    const exits: ChildExit[] = [];
    handle.onExit((exit) => exits.push(exit));
    await settle();
    utility.started[0]?.exit(7);
    await settle();
    handle.onExit((exit) => exits.push(exit));
    expect(exits).toEqual([{ code: 7, signal: null }, { code: 7, signal: null }]);
    expect(() => handle.send('into the void')).not.toThrow();
  });

  it('are ended by the signal that native code cannot ignore, also when killed before they have started', async () => {
    const first = setUp();
    await settle();
    first.handle.kill();
    first.handle.kill();
    await settle();
    expect(first.utility.killed).toEqual([first.utility.started[0]?.pid]);

    const second = setUp();
    second.handle.kill();
    await settle();
    expect(second.utility.started[0]?.ended).toBe(true);
  });

  it('print into a bounded log', async () => {
    const { handle, utility } = setUp();
    let text = '';
    handle.onOutput((chunk) => {
      text += chunk;
    });
    await settle();
    for (let line = 0; line < 300; line++) utility.started[0]?.stderr.write('x'.repeat(1000));
    await settle();
    expect(text.length).toBe(64 * 1024);
  });
});

describe('inference children of a job', () => {
  it('talk to the job over a port of their own; the shell sees none of it', async () => {
    const { handle, job, inferenceAt } = setUp();
    const throughShell: unknown[] = [];
    handle.onMessage((message) => throughShell.push(message));
    await settle();
    const child = job().children.fork();
    const answers: unknown[] = [];
    child.onMessage((message) => answers.push(message));
    child.send({ bytes: new Uint8Array([1, 2, 3]) });
    await settle();
    child.send('later');
    await settle();
    expect(answers).toEqual([{ echo: { bytes: new Uint8Array([1, 2, 3]) } }, { echo: 'later' }]);
    expect(inferenceAt(0).args).toEqual([BROKERED]);
    expect(child.pid).toBe(inferenceAt(0).pid);
    expect(throughShell).toEqual([]);
  });

  it('report crash and output to the job', async () => {
    const { job, inferenceAt } = setUp();
    await settle();
    const child = job().children.fork();
    const exits: ChildExit[] = [];
    let output = '';
    child.onExit((exit) => exits.push(exit));
    child.onOutput((text) => {
      output += text;
    });
    await settle();
    inferenceAt(0).stderr.write('out of memory');
    await settle();
    inferenceAt(0).exit(8);
    await settle();
    expect(output).toBe('out of memory');
    expect(exits).toEqual([{ code: 8, signal: null }]);
    expect(() => child.send('gone')).not.toThrow();
  });

  it('can be killed by the job, and another one started in their place', async () => {
    const { job, utility, inferenceAt } = setUp(() => {});
    await settle();
    const first = job().children.fork();
    await settle();
    first.kill();
    await settle();
    expect(utility.killed).toEqual([inferenceAt(0).pid]);
    job().children.fork();
    await settle();
    expect(inferenceAt(1).ended).toBe(false);
  });

  it('end with the job, however that ends', async () => {
    const crashed = setUp();
    await settle();
    crashed.job().children.fork();
    await settle();
    crashed.utility.started[0]?.exit(11);
    await settle();
    expect(crashed.inferenceAt(0).ended).toBe(true);

    const killed = setUp();
    await settle();
    killed.job().children.fork();
    await settle();
    killed.handle.kill();
    await settle();
    expect(killed.inferenceAt(0).ended).toBe(true);
  });

  it('notice when the job is gone', async () => {
    let closed = false;
    const { job, utility } = setUp((shell) => {
      const channel = openJoinedChannel(shell);
      channel.onMessage(() => {});
      channel.onClose(() => {
        closed = true;
      });
    });
    await settle();
    job().children.fork();
    await settle();
    // The job's process holds its port; with the process the port goes.
    utility.started[0]?.exit(0);
    await settle();
    expect(closed).toBe(true);
  });

  it('are the only program that a job can have started, and not without end', async () => {
    const { job, utility } = setUp();
    await settle();
    job().shell.postMessage({ type: 'broker.fork', child: 0, entry: '/bin/sh' });
    job().shell.postMessage({ type: 'broker.fork', child: 'zero' });
    job().shell.postMessage({ type: 'broker.what' });
    await settle();
    expect(utility.started).toHaveLength(1);
    const exits: ChildExit[] = [];
    for (let count = 0; count < 6; count++) job().children.fork().onExit((exit) => exits.push(exit));
    await settle();
    expect(utility.started).toHaveLength(5);
    expect(exits).toEqual([{ code: null, signal: null }, { code: null, signal: null }]);
  });
});
