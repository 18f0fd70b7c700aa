/** The console's settings, and what they mean for this page: theme and language. */
import { defineStore } from 'pinia';
import { computed, ref, type Ref } from 'vue';
import { defaultSettings, type Settings } from '../../../src/contract/records/settings.ts';
import { api } from '../transport/client.ts';

export type Language = 'en' | 'zh-CN';

export const useSettings = defineStore('settings', () => {
  const settings = ref<Settings>({ ...defaultSettings });
  const loaded = ref(false);

  const language = computed<Language>(() => {
    if (settings.value.locale !== 'system') return settings.value.locale;
    return navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
  });

  const darkSystem = useMedia('(prefers-color-scheme: dark)');
  const moreContrast = useMedia('(prefers-contrast: more)');
  const theme = computed<'light' | 'dark'>(() => {
    if (settings.value.theme !== 'system') return settings.value.theme;
    return darkSystem.value ? 'dark' : 'light';
  });
  /** Changes whenever colours do: what paints on a canvas watches it. */
  const palette = computed(() => `${theme.value}${moreContrast.value ? '-contrast' : ''}`);

  async function load(): Promise<void> {
    settings.value = await api.invoke('settings.get', {});
    loaded.value = true;
  }

  /** Shown at once; taken back where the console refuses. */
  async function change(changes: Partial<Settings>): Promise<void> {
    const before = settings.value;
    settings.value = { ...before, ...changes };
    try {
      settings.value = await api.invoke('settings.set', changes);
    } catch (error) {
      settings.value = before;
      throw error;
    }
  }

  api.on((event) => {
    if (event.type === 'settings.changed') settings.value = event.settings;
  });

  /** Too narrow for a rail with words, as at 200 % zoom on a small screen. */
  const narrow = useMedia('(width < 900px)');
  const railCollapsed = computed(() => settings.value.railCollapsed || narrow.value);

  return { settings, narrow, railCollapsed, loaded, language, theme, palette, load, change };
});

function useMedia(query: string): Ref<boolean> {
  const media = matchMedia(query);
  const matches = ref(media.matches);
  media.addEventListener('change', () => (matches.value = media.matches));
  return matches;
}
