/** Finds commands by typed letters: every word has to occur; titles that begin with what was typed come first. */
interface Named {
  readonly title: string;
  readonly group: string;
}

export function matching<T extends Named>(commands: readonly T[], typed: string): readonly T[] {
  const wanted = typed.trim().toLowerCase();
  if (wanted === '') return commands;
  const words = wanted.split(/\s+/);
  const rank = ({ title }: T): number => {
    const text = title.toLowerCase();
    return text.startsWith(wanted) ? 0 : words.every((word) => text.includes(word)) ? 1 : 2;
  };
  return commands
    .filter(({ title, group }) => words.every((word) => `${title} ${group}`.toLowerCase().includes(word)))
    .map((command, index) => ({ command, index, rank: rank(command) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ command }) => command);
}
