// A real MQTT broker for the tests of the fleet. Without one they are skipped, and say so.
import { existsSync } from 'node:fs';
import { hasApt, installPackages } from './debian.mjs';

const PATHS = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto'];

/** Installs it where Debian's packages can be had. Never throws. */
export async function ensureMosquitto(log) {
  const found = () => PATHS.find((path) => existsSync(path));
  if (found() !== undefined) return log(`mosquitto: ${found()}`);
  if (!hasApt()) return log('mosquitto: not here, and there is no apt-get; its tests are skipped');
  log("mosquitto: installing it from Debian's packages ...");
  try {
    await installPackages(['mosquitto']);
    log(`mosquitto: ${found() ?? 'installed, but not found; its tests are skipped'}`);
  } catch (error) {
    log(`mosquitto: not installed, its tests are skipped (${error instanceof Error ? error.message.split('\n').at(-1) : error})`);
  }
}
