// `npm run setup`: installs and builds what is missing, and says what it does.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp } from './lib/setup.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
try {
  await setUp({ root, log: (line) => console.log(line) });
  console.log('Edgewise is set up. Start it with: npm start');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
