import type { enSavings } from './en-savings.ts';

/** The words of the savings pages in Simplified Chinese. */
export const zhCNSavings: typeof enSavings = {
  about: '优化模型节省了什么，由设备实测。',
};
