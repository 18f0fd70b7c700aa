import { describe, expect, it } from 'vitest';
import { fromForm, toForm } from './store-form.ts';

const shop = {
  id: 's1', name: 'Store One', region: 'East', timeZone: 'Asia/Shanghai', openingHours: [{ days: [1, 2], from: '09:00', to: '24:00' }],
  tariffCnyPerKwh: 0.8, linkKbitPerS: null, latitude: 31.2, longitude: 121.5,
};

describe('the form of a store', () => {
  it('gives back what it was filled with', () => {
    expect(fromForm(toForm(shop, 'UTC'))).toEqual({ record: shop });
  });

  it('says which fields are wrong, and which opening hours', () => {
    const form = { ...toForm(shop, 'UTC'), timeZone: 'Mars/Olympus', latitude: '91', tariff: 'free', openingHours: [{ days: [1], from: '09:00', to: '22:00' }, { days: [], from: '9', to: '22:00' }] };
    const found = fromForm(form);
    expect('wrong' in found && [...found.wrong].toSorted()).toEqual(['latitude', 'openingHours', 'tariff', 'timeZone']);
    expect('spans' in found && [...found.spans]).toEqual([1]);
  });

  it('takes an empty figure as unknown, not as zero', () => {
    const found = fromForm({ ...toForm(shop, 'UTC'), tariff: ' ' });
    expect('record' in found && found.record.tariffCnyPerKwh).toBeNull();
  });
});
