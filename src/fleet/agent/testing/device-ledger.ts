/** For tests: what a device really did, written down as it does it: each step from one state of its installer to the next, and each command that it took. */
import type { InstallRecord } from '../install/install-record.ts';
import type { InstallDisk } from '../install/disk.ts';
import type { AgentPorts } from '../ports.ts';

export interface DeviceLedger {
  readonly steps: { readonly from: InstallRecord['state']; readonly to: InstallRecord['state']; readonly digest: string | null }[];
  readonly taken: string[];
  /** Digest of what is active and good on the disk. */
  runs(): string | null;
  record(): InstallRecord | null;
  readonly around: (ports: AgentPorts) => AgentPorts;
}

export function deviceLedger(): DeviceLedger {
  const steps: DeviceLedger['steps'] = [];
  const taken: string[] = [];
  let known: InstallRecord | null = null;
  let before: readonly string[] = [];
  const disk = (inner: InstallDisk): InstallDisk => ({
    ...inner,
    async writeAtomically(path, text) {
      await inner.writeAtomically(path, text);
      if (path === 'install.json') {
        const next = JSON.parse(text) as InstallRecord;
        const from = known?.state ?? 'idle';
        if (from !== next.state) steps.push({ from, to: next.state, digest: next.candidate?.manifestSha256 ?? null });
        known = next;
      } else if (path === 'agent.json') {
        const now = (JSON.parse(text) as { readonly taken?: readonly string[] }).taken ?? [];
        taken.push(...now.filter((command) => !before.includes(command)));
        before = now;
      }
    },
  });
  return {
    steps,
    taken,
    record: () => known,
    runs: () => (known === null || known.active === null || known.active !== known.good ? null : (known.slots[known.active]?.manifestSha256 ?? null)),
    around: (ports) => ({ ...ports, disk: disk(ports.disk) }),
  };
}
