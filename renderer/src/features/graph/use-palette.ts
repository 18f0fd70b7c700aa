/** The tokens' colours for the canvas, and again when the theme changes. */
import { onMounted, shallowRef, watch, type Ref } from 'vue';
import { useSettings } from '../../stores/settings.store.ts';
import { tokenColor } from '../../ui/token-color.ts';
import type { Palette } from './painter.ts';
import { toneToken, TONES, type Tint } from './tones.ts';

export function usePalette(element: Ref<HTMLElement | null>, tint: () => Tint): Ref<Palette | null> {
  const settings = useSettings();
  const palette = shallowRef<Palette | null>(null);
  const read = (): void => {
    const box = element.value;
    if (!box) return;
    const color = (token: string): string => tokenColor(box, token);
    palette.value = {
      surface: color('--surface-sunken'), raised: color('--surface-raised'), line: color('--line-strong'), edge: color('--line-strong'),
      text: color('--text'), quiet: color('--text-quiet'), accent: color('--accent'), accentSoft: color('--accent-soft'), hit: color('--warn'),
      tones: TONES[tint()].map((_, tone) => color(toneToken(tint(), tone))),
      font: getComputedStyle(box).fontFamily,
    };
  };
  onMounted(read);
  watch(() => [settings.palette, tint()], read, { flush: 'post' });
  return palette;
}
