// Running other programs from the set-up scripts.
import { spawn } from 'node:child_process';

/** Runs a command; resolves with its exit code and, where `capture` is set, what it printed. */
export function run(command, args, { cwd, env, capture = false, stdio } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: stdio ?? (capture ? ['ignore', 'pipe', 'pipe'] : 'inherit') });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? 1, signal, output }));
  });
}
