/** A sandboxed preload script must be one CommonJS file that requires electron only: built here as the project builds it, and run. */
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { build } from 'vite';
import { describe, expect, it } from 'vitest';
import config from '../../electron.vite.config.ts';
import { BRIDGE_KEYS } from './bridge.ts';

interface Built {
  readonly output: readonly { readonly fileName: string; readonly type: string; readonly code?: string }[];
}

describe('the built preload script', () => {
  it('is one file, requires electron only, and exposes the two keys under one name', async () => {
    const options = (config as { readonly preload: { readonly build: { readonly rollupOptions: object } } }).preload.build.rollupOptions;
    const result = (await build({
      configFile: false,
      root: join(import.meta.dirname, '../..'),
      logLevel: 'silent',
      build: { write: false, minify: false, ssr: true, rollupOptions: { ...options, external: ['electron'] } },
    })) as unknown as Built;
    expect(result.output.map((file) => file.fileName)).toEqual(['index.cjs']);

    const exposed: Record<string, object> = {};
    const required: string[] = [];
    const electron = {
      contextBridge: { exposeInMainWorld: (name: string, value: object) => void (exposed[name] = value) },
      ipcRenderer: { invoke: () => Promise.resolve(), on: () => {}, removeListener: () => {} },
    };
    runInNewContext(result.output[0]?.code ?? '', {
      require: (name: string) => {
        required.push(name);
        if (name !== 'electron') throw new Error(`a sandboxed preload script cannot require ${name}`);
        return electron;
      },
    });
    expect(required).toEqual(['electron']);
    expect(Object.keys(exposed)).toEqual(['edgewise']);
    expect(Object.keys(exposed['edgewise'] ?? {})).toEqual([...BRIDGE_KEYS]);
  });
});
