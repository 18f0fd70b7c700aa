import { describe, expect, test } from 'vitest';
import { EdgewiseError } from '../base/errors.ts';
import { defaultSettings } from '../contract/records/settings.ts';
import { createRouter, type Handlers } from './router.ts';

const trusted = { trusted: true };

function routerOver(handlers: Partial<Handlers>) {
  const faults: string[] = [];
  const router = createRouter({ handlers: handlers as Handlers, checkOutputs: true, onFault: (route) => faults.push(route) });
  return { router, faults };
}

describe('the router', () => {
  test('hands a well-formed call to its handler and the answer back', async () => {
    const { router } = routerOver({ 'settings.set': (changes) => ({ ...defaultSettings, ...(changes.theme === undefined ? {} : { theme: changes.theme }) }) });
    expect(await router.call({ id: 1, route: 'settings.set', input: { theme: 'dark' } }, trusted)).toEqual({ ok: true, data: { ...defaultSettings, theme: 'dark' } });
  });

  const refused = [
    { name: 'a caller that the host does not trust', frame: { id: 1, route: 'models.list', input: {} }, sender: { trusted: false }, code: 'FORBIDDEN' },
    { name: 'no frame at all', frame: undefined, sender: trusted, code: 'BAD_REQUEST' },
    { name: 'a frame with more than it should have', frame: { id: 1, route: 'models.list', input: {}, extra: 1 }, sender: trusted, code: 'BAD_REQUEST' },
    { name: 'a negative id', frame: { id: -1, route: 'models.list', input: {} }, sender: trusted, code: 'BAD_REQUEST' },
    { name: 'an unknown route', frame: { id: 1, route: 'models.steal', input: {} }, sender: trusted, code: 'NOT_FOUND' },
    { name: 'a name that every object has', frame: { id: 1, route: '__proto__', input: {} }, sender: trusted, code: 'NOT_FOUND' },
    { name: 'constructor', frame: { id: 1, route: 'constructor', input: {} }, sender: trusted, code: 'NOT_FOUND' },
    { name: 'an input of the wrong type', frame: { id: 1, route: 'models.get', input: { id: 7 } }, sender: trusted, code: 'BAD_REQUEST' },
    { name: 'an input left out', frame: { id: 1, route: 'models.get' }, sender: trusted, code: 'BAD_REQUEST' },
    { name: 'a field that the route does not know', frame: { id: 1, route: 'models.list', input: { all: true } }, sender: trusted, code: 'BAD_REQUEST' },
  ];
  for (const { name, frame, sender, code } of refused) {
    test(`refuses ${name}: ${code}`, async () => {
      const { router, faults } = routerOver({
        'models.get': () => {
          throw new Error('the handler must not be reached');
        },
      });
      expect(await router.call(frame, sender)).toMatchObject({ ok: false, error: { code } });
      expect(faults).toEqual([]);
    });
  }

  test('a named error arrives with its hint and details', async () => {
    const { router, faults } = routerOver({
      'models.list': () => {
        throw new EdgewiseError('DISK_FULL', 'No room.', { hint: 'Make some.', details: { bytes: 1 } });
      },
    });
    expect(await router.call({ id: 1, route: 'models.list', input: {} }, trusted)).toEqual({ ok: false, error: { code: 'DISK_FULL', message: 'No room.', hint: 'Make some.', details: { bytes: 1 } } });
    expect(faults).toEqual([]);
  });

  test('a fault of Edgewise itself, and an answer out of contract, are INTERNAL and told', async () => {
    const { router, faults } = routerOver({
      'models.list': () => [{ id: 1 }] as never,
      'jobs.list': () => {
        throw new TypeError('x is not a function');
      },
    });
    for (const route of ['models.list', 'jobs.list']) expect(await router.call({ id: 1, route, input: {} }, trusted)).toMatchObject({ ok: false, error: { code: 'INTERNAL' } });
    expect(faults).toEqual(['models.list', 'jobs.list']);
  });
});
