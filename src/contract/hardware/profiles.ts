/** Hardware profiles that are shipped (resources/hardware), checked like anybody's own. */
import ascend310 from '../../../resources/hardware/ascend-310.json' with { type: 'json' };
import coralUsb from '../../../resources/hardware/coral-usb.json' with { type: 'json' };
import epyc9115 from '../../../resources/hardware/epyc-9115.json' with { type: 'json' };
import hailo8 from '../../../resources/hardware/hailo-8.json' with { type: 'json' };
import jetsonAgxOrin from '../../../resources/hardware/jetson-agx-orin.json' with { type: 'json' };
import jetsonNano from '../../../resources/hardware/jetson-nano.json' with { type: 'json' };
import jetsonOrinNano from '../../../resources/hardware/jetson-orin-nano.json' with { type: 'json' };
import jetsonOrinNx from '../../../resources/hardware/jetson-orin-nx.json' with { type: 'json' };
import kriaKv260 from '../../../resources/hardware/kria-kv260.json' with { type: 'json' };
import nvidiaL4 from '../../../resources/hardware/nvidia-l4.json' with { type: 'json' };
import nvidiaT4 from '../../../resources/hardware/nvidia-t4.json' with { type: 'json' };
import raspberryPi4 from '../../../resources/hardware/raspberry-pi-4.json' with { type: 'json' };
import raspberryPi5 from '../../../resources/hardware/raspberry-pi-5.json' with { type: 'json' };
import rk3568 from '../../../resources/hardware/rk3568.json' with { type: 'json' };
import rk3588 from '../../../resources/hardware/rk3588.json' with { type: 'json' };
import tda4vm from '../../../resources/hardware/tda4vm.json' with { type: 'json' };
import x861135g7 from '../../../resources/hardware/x86-1135g7.json' with { type: 'json' };
import x86155h from '../../../resources/hardware/x86-155h.json' with { type: 'json' };
import x868500t from '../../../resources/hardware/x86-8500t.json' with { type: 'json' };
import x86N100 from '../../../resources/hardware/x86-n100.json' with { type: 'json' };
import { hardwareProfile, type HardwareProfile } from '../records/hardware.ts';

export const hardwareProfiles: readonly HardwareProfile[] = [
  ascend310, coralUsb, epyc9115, hailo8, jetsonAgxOrin, jetsonNano, jetsonOrinNano, jetsonOrinNx, kriaKv260, nvidiaL4, nvidiaT4, raspberryPi4, raspberryPi5, rk3568, rk3588, tda4vm, x861135g7, x86155h, x868500t, x86N100,
].map((json) => hardwareProfile.parse(json));

export function hardwareProfileOf(id: string): HardwareProfile | undefined {
  return hardwareProfiles.find((profile) => profile.id === id);
}
