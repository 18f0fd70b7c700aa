/**
 * Writes docs/passes.md from the declarations of the passes: `node scripts/passes-doc.ts`. A test fails where the page is not current.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Pass, PassFamily } from '../src/engine/passes/define-pass.ts';
import { passes, simplifyOrder } from '../src/engine/passes/index.ts';

export const passesPage = join(dirname(fileURLToPath(import.meta.url)), '../docs/passes.md');

const FAMILIES: Readonly<Record<PassFamily, string>> = {
  cleanup: 'Cleaning up', folding: 'Folding', fusion: 'Fusing', layout: 'Layout', merging: 'Merging', precision: 'Precision', version: 'Versions',
};

interface OptionSchema {
  readonly description?: string;
  readonly default?: unknown;
}

function optionsOf(pass: Pass): string[] {
  const schema = z.toJSONSchema(pass.options, { io: 'input', unrepresentable: 'any' });
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const { description, default: fallback } = property as OptionSchema;
    return `\`${name}\` (default \`${JSON.stringify(fallback) ?? 'none'}\`)${description === undefined ? '' : `: ${description}`}`;
  });
}

function section(family: PassFamily): string {
  const rows = passes
    .filter((pass) => pass.family === family)
    .map((pass) => `| [${pass.name}](../src/engine/passes/${pass.name}.ts) | ${pass.summary} | ${simplifyOrder.includes(pass.name) ? 'yes' : 'no'} | ${optionsOf(pass).join('; ')} |`);
  return rows.length === 0 ? '' : `\n## ${FAMILIES[family]}\n| pass | what it does | in \`simplify\` | options |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

/** The page as it should be. */
export function renderPasses(): string {
  return `# Passes

<!-- Made by scripts/passes-doc.ts from the declarations; edit those. -->

A pass rewrites the graph and leaves the outputs as they were. The header of each file says what it looks for, when it fires, and why the
result is equal. \`simplify\` runs its passes in the order below until none finds anything more, and can compare the outputs through
the runtime: a change that alters them is found, undone and named in the report, and the smallest model that shows it is kept beside it.

The bodies of If, Loop and Scan are left as they are: what they read from outside counts as read, and nothing inside is rewritten. Attention is
only counted: the standard operator for it exists from opset 23, and older runtimes cannot read that.

Order of \`simplify\`: ${simplifyOrder.join(', ')}.
${(Object.keys(FAMILIES) as PassFamily[]).map(section).join('')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(passesPage, renderPasses());
