import { describe, expect, it } from 'vitest';
import { eventParts } from './event-parts.ts';

describe('the history of a device', () => {
  it.each([
    ['online, session 3, runs flow 2', { word: 'onlineRuns', values: { runs: 'flow 2' } }],
    ['online, session 1, runs nothing', { word: 'onlineNothing', values: {} }],
    ['offline, session 12', { word: 'offline', values: {} }],
    ['asked to join from 10.0.0.7, key ab:cd', { word: 'asked', values: { from: '10.0.0.7', key: 'ab:cd' } }],
    ['accepted, key ab:cd', { word: 'accepted', values: { key: 'ab:cd' } }],
    ['the request to join was refused', { word: 'refused', values: {} }],
    ['its certificates count no more', { word: 'revoked', values: {} }],
    ['two devices use its certificate; it is shut out', { word: 'cloned', values: {} }],
  ])('has words for "%s"', (text, parts) => {
    expect(eventParts(text)).toEqual(parts);
  });

  it('leaves alone what it does not know', () => {
    for (const text of ['', 'online', 'running', 'online, session x, runs flow 2', 'offline, session 1, and more']) expect(eventParts(text)).toBeNull();
  });
});
