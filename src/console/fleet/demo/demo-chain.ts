/** A chain of shops that nobody owns: in real cities, with hours, prices of energy and lines as shops have them. The figures are made up. */
import type { StoreRecord, WeeklySpan } from '../../../contract/records/fleet.ts';
import { DEVICE_CLASSES } from '../../../fleet/agent/simulate/figures.ts';

/** Everything of the demo is called so; by this it is known when it is to be forgotten. */
export const DEMO_PREFIX = 'demo-';

export interface DemoDevice {
  readonly id: string;
  readonly storeId: string;
  readonly name: string;
  readonly class: string;
  readonly workload: string;
  readonly tags: string[];
}

const CHINA = 'Asia/Shanghai';
/** Name, region, latitude, longitude; time zone and price of energy where they are not those of the list's begin. */
const CITIES: readonly (readonly [string, string, number, number, string?, number?])[] = [
  ['Shanghai', 'East', 31.23, 121.47], ['Beijing', 'North', 39.9, 116.41], ['Guangzhou', 'South', 23.13, 113.26], ['Shenzhen', 'South', 22.54, 114.06], ['Chengdu', 'Southwest', 30.57, 104.07],
  ['Hangzhou', 'East', 30.27, 120.16], ['Chongqing', 'Southwest', 29.56, 106.55], ['Wuhan', 'Central', 30.59, 114.31], ["Xi'an", 'Northwest', 34.34, 108.94], ['Suzhou', 'East', 31.3, 120.59],
  ['Nanjing', 'East', 32.06, 118.8], ['Tianjin', 'North', 39.34, 117.36], ['Zhengzhou', 'Central', 34.75, 113.63], ['Changsha', 'Central', 28.23, 112.94], ['Singapore', 'Overseas', 1.35, 103.82, 'Asia/Singapore', 1.6],
  ['Dongguan', 'South', 23.02, 113.75], ['Qingdao', 'East', 36.07, 120.38], ['Shenyang', 'Northeast', 41.8, 123.43], ['Ningbo', 'East', 29.87, 121.54], ['Kunming', 'Southwest', 24.88, 102.83],
  ['Tokyo', 'Overseas', 35.68, 139.69, 'Asia/Tokyo', 1.5], ['Hefei', 'East', 31.82, 117.23], ['Foshan', 'South', 23.02, 113.12], ['Fuzhou', 'East', 26.07, 119.3], ['Xiamen', 'East', 24.48, 118.09],
  ['Harbin', 'Northeast', 45.8, 126.53], ['Jinan', 'East', 36.65, 117.12], ['Dalian', 'Northeast', 38.91, 121.61], ['Guiyang', 'Southwest', 26.65, 106.63], ['Nanning', 'South', 22.82, 108.37],
  ['Berlin', 'Overseas', 52.52, 13.41, 'Europe/Berlin', 1.9], ['Shijiazhuang', 'North', 38.04, 114.51], ['Taiyuan', 'North', 37.87, 112.55], ['Nanchang', 'Central', 28.68, 115.86], ['Changchun', 'Northeast', 43.82, 125.32],
  ['Urumqi', 'Northwest', 43.83, 87.62], ['Lanzhou', 'Northwest', 36.06, 103.83], ['Hohhot', 'North', 40.84, 111.75], ['Haikou', 'South', 20.04, 110.2], ['Kuala Lumpur', 'Overseas', 3.14, 101.69, 'Asia/Kuala_Lumpur', 0.8],
];

const DAYS = [1, 2, 3, 4, 5, 6, 7];
const HOURS: readonly (readonly WeeklySpan[])[] = [
  [{ days: DAYS, from: '09:00', to: '22:00' }],
  [{ days: [1, 2, 3, 4, 5], from: '08:00', to: '21:00' }, { days: [6, 7], from: '09:00', to: '23:00' }],
  [{ days: DAYS, from: '10:00', to: '22:30' }],
  // Round the clock.
  [{ days: DAYS, from: '00:00', to: '24:00' }],
];
const LINKS_KBIT_PER_S = [20_000, 50_000, 8000, 100_000];
const WORKLOADS = ['customer-flow', 'face-recognition', 'shelf-check'];

export function demoChain(stores: number, devicesPerStore: number): { readonly stores: StoreRecord[]; readonly devices: DemoDevice[] } {
  const chain = { stores: [] as StoreRecord[], devices: [] as DemoDevice[] };
  for (let at = 0; at < stores; at++) {
    const [city, region, latitude, longitude, timeZone = CHINA, tariffCnyPerKwh = 0.72 + 0.02 * (at % 8)] = CITIES[at % CITIES.length] ?? (CITIES[0] as (typeof CITIES)[number]);
    const turn = Math.floor(at / CITIES.length);
    const id = `${DEMO_PREFIX}${city.toLowerCase().replaceAll(/[^a-z]+/g, '-')}-${turn + 1}`;
    chain.stores.push({
      id, name: `${city} ${turn + 1}`, region, timeZone, openingHours: [...(HOURS[at % HOURS.length] ?? [])], tariffCnyPerKwh: Math.round(tariffCnyPerKwh * 100) / 100, linkKbitPerS: LINKS_KBIT_PER_S[at % LINKS_KBIT_PER_S.length] ?? null,
      // Shops of one city stand beside each other on the map.
      latitude: Math.round((latitude + 0.06 * Math.sin(turn * 2.4) * Math.sqrt(turn)) * 1e4) / 1e4,
      longitude: Math.round((longitude + 0.06 * Math.cos(turn * 2.4) * Math.sqrt(turn)) * 1e4) / 1e4,
    });
    for (let one = 0; one < devicesPerStore; one++) {
      const workload = WORKLOADS[one % WORKLOADS.length] ?? 'customer-flow';
      chain.devices.push({ id: `${id}-${one + 1}`, storeId: id, name: `${workload} ${one + 1}`, class: DEVICE_CLASSES[one % DEVICE_CLASSES.length] ?? 'edge-box', workload, tags: ['demo'] });
    }
  }
  return chain;
}
