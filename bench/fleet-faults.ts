/** Rollouts while something goes wrong: `node bench/fleet-faults.ts [TIMES] [WORD of a row]`. Prints a table; exits with 1 where anything did not hold. */
import { FAULT_ROWS, runFaultRow } from '../src/console/testing/fleet-faults.ts';

const times = Number(process.argv[2] ?? 3);
const word = process.argv[3] ?? '';
const DEVICES = 4;

process.stdout.write(`| injected, over ${DEVICES} simulated devices | rollouts | times | installed | what did not hold |\n|---|---|---|---|---|\n`);
for (const row of FAULT_ROWS.filter(({ name }) => name.includes(word))) {
  const wrong: string[] = [];
  let [injected, installs] = [0, 0];
  for (let seed = 1; seed <= times; seed++) {
    try {
      const result = await runFaultRow(row, DEVICES, seed);
      injected += result.injected;
      installs += result.installs;
      wrong.push(...result.wrong);
    } catch (error) {
      wrong.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (wrong.length > 0) process.exitCode = 1;
  process.stdout.write(`| ${row.name} | ${times} | ${injected} | ${installs} of ${row.ends === 'new' ? DEVICES * times : 0} | ${wrong.length === 0 ? 'nothing' : wrong.join('; ').slice(0, 2500)} |\n`);
}
