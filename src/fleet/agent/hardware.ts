/** What a device is made of and how it is doing, as far as its system tells. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, release, totalmem, type as systemName } from 'node:os';
import type { Inventory } from '../../contract/wire/messages.ts';
import type { AgentSensors, EnergyMeter } from './ports.ts';

/** Device files by which accelerators are known. */
const ACCELERATORS: readonly (readonly [string, string])[] = [
  ['/dev/nvidia0', 'NVIDIA GPU'], ['/dev/nvhost-gpu', 'NVIDIA Jetson GPU'], ['/dev/apex_0', 'Coral Edge TPU'], ['/dev/hailo0', 'Hailo'], ['/dev/davinci0', 'Ascend NPU'], ['/dev/rknpu', 'Rockchip NPU'], ['/dev/accel/accel0', 'Intel NPU'],
  ['/dev/dri/renderD128', 'GPU'],
];

export async function readInventory(folder: string, agentVersion: string, energy: Inventory['energy']): Promise<Inventory> {
  const disk = await statfs(folder);
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return {
    agentVersion, hardware: `${platform()}-${arch()}`, cpu: cpus()[0]?.model.trim().slice(0, 200) ?? 'unknown', cores: availableParallelism(), memoryBytes: totalmem(), freeDiskBytes: disk.bavail * disk.bsize,
    os: `${systemName()} ${release()}`.slice(0, 200), accelerators: ACCELERATORS.filter(([path]) => existsSync(path)).map(([, name]) => name),
    runtimes: [{ name: 'onnxruntime', version, providers: ['cpu'] }], energy,
  };
}

/** @param children processes of the agent's that live now */
export function systemSensors(children: () => readonly number[]): AgentSensors {
  let before = { at: performance.now(), cpuMs: 0 };
  return {
    temperatureC() {
      try {
        const zones = readdirSync('/sys/class/thermal').filter((name) => name.startsWith('thermal_zone'));
        const degrees = zones.map((name) => Number(readFileSync(`/sys/class/thermal/${name}/temp`, 'utf8')) / 1000).filter((value) => value > 0 && value < 200);
        return degrees.length === 0 ? null : Math.max(...degrees);
      } catch {
        return null;
      }
    },
    cpuShare() {
      const { user, system } = process.cpuUsage();
      const now = { at: performance.now(), cpuMs: (user + system) / 1000 + children().reduce((sum, pid) => sum + cpuMsOf(pid), 0) };
      const passed = now.at - before.at;
      // A model's process that has ended takes its time along: then there is no difference to tell.
      const share = passed <= 0 || now.cpuMs < before.cpuMs ? null : Math.min(1, (now.cpuMs - before.cpuMs) / passed / availableParallelism());
      before = now;
      return share;
    },
  };
}

/** Ticks are hundredths of a second wherever Linux runs. */
function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

/** Energy by a model where nothing measures it: so much when idle, so much while an inference runs. */
export function modelledEnergy(idleW: number, busyW: number): EnergyMeter {
  const begun = performance.now();
  return { source: `modelled ${idleW} W idle, ${busyW} W busy`, tier: 'modelled', idleW, read: (busyMs) => (idleW * (performance.now() - begun) + (busyW - idleW) * busyMs) / 1000 };
}
