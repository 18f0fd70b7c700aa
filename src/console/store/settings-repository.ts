import type { DatabaseSync } from 'node:sqlite';
import type { z } from 'zod';
import { defaultSettings, settings, type Settings } from '../../contract/records/settings.ts';

export interface SettingsRepository {
  /** Stored values over the defaults; a value that no longer parses falls back to its default. */
  get(): Settings;
  set(changes: { readonly [K in keyof Settings]?: Settings[K] | undefined }): Settings;
  /** A mark that something has been done once, for example the first run of the sample. */
  flag(name: string): boolean;
  setFlag(name: string): void;
  /** Something of a service's own; undefined where there is none, or it no longer parses. */
  own<S extends z.ZodType>(name: string, schema: S): z.infer<S> | undefined;
  setOwn(name: string, value: unknown): void;
}

export function createSettingsRepository(database: DatabaseSync): SettingsRepository {
  const all = database.prepare('SELECT key, value FROM settings');
  const one = database.prepare('SELECT value FROM settings WHERE key = ?');
  const put = database.prepare('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value');
  const read = (): Settings => {
    const result: Record<string, unknown> = { ...defaultSettings };
    for (const row of all.all()) {
      const key = String(row['key']);
      if (!(key in settings.shape)) continue;
      const parsed = settings.shape[key as keyof Settings].safeParse(tryJson(row['value']));
      if (parsed.success) result[key] = parsed.data;
    }
    return settings.parse(result);
  };
  return {
    get: read,
    set(changes) {
      for (const [key, value] of Object.entries(changes)) if (value !== undefined) put.run(key, JSON.stringify(value));
      return read();
    },
    flag: (name) => one.get(`flag:${name}`) !== undefined,
    setFlag(name) {
      put.run(`flag:${name}`, 'true');
    },
    own(name, schema) {
      const row = one.get(`own:${name}`);
      const parsed = row === undefined ? undefined : schema.safeParse(tryJson(row['value']));
      return parsed?.success === true ? parsed.data : undefined;
    },
    setOwn(name, value) {
      put.run(`own:${name}`, JSON.stringify(value));
    },
  };
}

function tryJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}
