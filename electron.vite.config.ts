import { resolve } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'electron-vite';
import icons from 'unplugin-icons/vite';

const at = (path: string): string => resolve(import.meta.dirname, path);

/**
 * Three builds: `main` holds the desktop shell and, beside it, the same console as a command line and its child processes
 * (one folder, shared chunks); `preload` is one CommonJS file, as a sandboxed preload must be; `renderer` is the page.
 */
export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      target: 'node24',
      minify: false,
      rollupOptions: {
        input: {
          index: at('main/index.ts'),
          cli: at('src/cli/index.ts'),
          'job-process': at('src/console/processes/job-process.ts'),
          'simulate-process': at('src/console/processes/simulate-process.ts'),
          'agent-model': at('src/fleet/agent/model/agent-model.ts'),
          'inference-child': at('src/console/processes/inference-child.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      rollupOptions: {
        input: { index: at('main/preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: at('renderer'),
    base: './',
    plugins: [vue(), icons({ compiler: 'vue3' })],
    define: { __VUE_I18N_FULL_INSTALL__: 'false', __VUE_I18N_LEGACY_API__: 'false', __INTLIFY_PROD_DEVTOOLS__: 'false' },
    build: {
      outDir: at('out/renderer'),
      emptyOutDir: true,
      target: 'chrome140',
      // Fonts and icons stay files: data: URLs would need a wider policy.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: { input: at('renderer/index.html') },
    },
  },
});
