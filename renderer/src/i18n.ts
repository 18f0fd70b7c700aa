/** The page's words. Both languages are in the bundle: switching needs no host, and both are small. */
import { createI18n } from 'vue-i18n';
import { en, type Messages } from './locales/en.ts';
import { zhCN } from './locales/zh-CN.ts';

export const i18n = createI18n<[Messages], 'en' | 'zh-CN', false>({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  messages: { en, 'zh-CN': zhCN },
});
