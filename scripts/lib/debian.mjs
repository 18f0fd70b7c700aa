// Debian's packages for the tests.
import { existsSync } from 'node:fs';
import { run } from './run.mjs';

export const hasApt = () => existsSync('/usr/bin/apt-get');

/** Services that come along are not started. Throws with what apt-get said. */
export async function installPackages(names) {
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND,RUNLEVEL'];
  const apt = async (...args) => {
    const [command, ...rest] = [...asRoot, 'apt-get', ...args];
    const result = await run(command, rest, { env: { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }, capture: true });
    if (result.code !== 0) throw new Error(`apt-get ${args.join(' ')} failed:\n${result.output.slice(-2000)}`);
  };
  await apt('update', '-q');
  await apt('install', '-y', '-q', '--no-install-recommends', ...names);
}
