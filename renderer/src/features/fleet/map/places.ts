/** Stores as marks on a map. */
import type { StoreRow } from '../fleet.store.ts';
import { project, type Point } from '../../../parts/map/projection.ts';

/** `none`: it has no device yet. */
export type PlaceState = 'all' | 'some' | 'out' | 'none';

export interface Place extends Point {
  /** Of the store. */
  readonly id: string;
  readonly shop: StoreRow;
  readonly state: PlaceState;
}

export function stateOf(shops: readonly Pick<StoreRow, 'devices' | 'online'>[]): PlaceState {
  const devices = shops.reduce((sum, shop) => sum + shop.devices, 0);
  const online = shops.reduce((sum, shop) => sum + shop.online, 0);
  if (devices === 0) return 'none';
  return online === devices ? 'all' : online === 0 ? 'out' : 'some';
}

/** Those with coordinates. */
export function placesOf(shops: readonly StoreRow[]): readonly Place[] {
  return shops.flatMap((shop) => (shop.latitude === null || shop.longitude === null ? [] : [{ ...project(shop.latitude, shop.longitude), id: shop.id, shop, state: stateOf([shop]) }]));
}
