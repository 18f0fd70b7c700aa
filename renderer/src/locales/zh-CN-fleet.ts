import type { enFleet } from './en-fleet.ts';

/** The words of the fleet pages in Simplified Chinese. */
export const zhCNFleet: typeof enFleet = {
  about: '设备、门店及其连接方式。',
};
