import { describe, expect, it } from 'vitest';
import { labelsOf, languageOf } from './labels.ts';
import { menuTemplate } from './menu/menu.ts';

describe('labels', () => {
  it('exist in both languages, none left untranslated or empty', () => {
    const [en, zh] = [labelsOf('en'), labelsOf('zh-CN')];
    expect(Object.keys(zh).toSorted()).toEqual(Object.keys(en).toSorted());
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect(zh[key], key).toMatch(/[\u4e00-\u9fff]/);
      expect(en[key].trim(), key).not.toBe('');
    }
  });

  it('follow the setting, else the system', () => {
    expect(languageOf('en', 'zh-CN')).toBe('en');
    expect(languageOf('system', 'zh-Hans-CN')).toBe('zh-CN');
    expect(languageOf('system', 'de-DE')).toBe('en');
  });
});

describe('the menu', () => {
  it('labels every item in the chosen language', () => {
    for (const mac of [true, false]) {
      const template = menuTemplate({ labels: labelsOf('zh-CN'), mac, devTools: true, showDataFolder: () => {} });
      for (const menu of template) {
        for (const item of menu.submenu as { type?: string; label?: string }[]) if (item.type !== 'separator') expect(item.label).toMatch(/[\u4e00-\u9fff]/);
      }
    }
  });

  it('offers no reload: the page keeps itself up to date', () => {
    const text = JSON.stringify(menuTemplate({ labels: labelsOf('en'), mac: false, devTools: true, showDataFolder: () => {} }));
    expect(text).not.toMatch(/"(force)?reload"/i);
    expect(text).toContain('toggleDevTools');
  });
});
