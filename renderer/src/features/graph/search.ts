/** Finds boxes by operator or name. Names that begin with the words, or have them after a separator, come first. */
import type { Box } from './picture.ts';

export function findBoxes(boxes: readonly Box[], query: string, most: number): { readonly shown: readonly number[]; readonly count: number } {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return { shown: [], count: 0 };
  const ranked: { box: number; rank: number }[] = [];
  boxes.forEach((box, index) => {
    const rank = Math.min(rankIn(box.name.toLowerCase(), wanted), rankIn(box.title.toLowerCase(), wanted));
    if (rank < NOT_FOUND) ranked.push({ box: index, rank });
  });
  const shown = ranked.toSorted((a, b) => a.rank - b.rank || a.box - b.box).slice(0, most).map(({ box }) => box);
  return { shown, count: ranked.length };
}

const NOT_FOUND = 9;

function rankIn(text: string, wanted: string): number {
  const at = text.indexOf(wanted);
  if (at < 0) return NOT_FOUND;
  if (text === wanted) return 0;
  return at === 0 || /[^a-z0-9]/.test(text[at - 1] ?? '') ? 1 : 2;
}
