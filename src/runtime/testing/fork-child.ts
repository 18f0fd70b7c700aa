/** Starts the tests' inference child with node's own fork. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { InferenceChild } from '../inference/channel.ts';

export function forkInferenceChild(): InferenceChild {
  const child = fork(join(import.meta.dirname, 'inference-child.ts'), [], { serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: ['--disable-warning=ExperimentalWarning'] });
  return {
    pid: child.pid,
    send: (message) => {
      if (child.connected) child.send(message as object, () => {});
    },
    onMessage: (listener) => child.on('message', listener),
    onOutput: (listener) => {
      child.stdout?.on('data', (text: Buffer) => listener(text.toString()));
      child.stderr?.on('data', (text: Buffer) => listener(text.toString()));
    },
    onExit: (listener) => child.on('exit', (code, signal) => listener({ code, signal })),
    kill: () => child.kill('SIGKILL'),
  };
}
