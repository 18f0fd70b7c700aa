/** The bundle's entry: `bin/edgewise.mjs` imports it; `node src/cli/index.ts` runs it from source. */
import { main } from './main.ts';

export { main };

if (import.meta.main) await main(process.argv.slice(2));
