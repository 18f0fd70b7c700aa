import type { enRollouts } from './en-rollouts.ts';

/** The words of the rollout pages in Simplified Chinese. */
export const zhCNRollouts: typeof enRollouts = {
  about: '正在部署到门店的模型。',
};
