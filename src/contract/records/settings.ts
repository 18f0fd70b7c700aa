/** Settings that the console keeps. */
import { z } from 'zod';

export const settings = z.object({
  theme: z.enum(['system', 'light', 'dark']),
  locale: z.enum(['system', 'en', 'zh-CN']),
  railCollapsed: z.boolean(),
  /** Intra-op threads for latency measurements. */
  benchThreads: z.number().int().min(1).max(256),
  /** Outputs are compared after the rewrites. */
  verifyPasses: z.boolean(),
  /** In whose name rollouts are acted on; empty: the user that runs the console. */
  personName: z.string().max(100),
});

export const defaultSettings: Settings = { theme: 'system', locale: 'system', railCollapsed: false, benchThreads: 1, verifyPasses: true, personName: '' };

export type Settings = z.infer<typeof settings>;
