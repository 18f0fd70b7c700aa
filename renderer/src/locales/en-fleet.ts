/** The words of the fleet pages in English. */
export const enFleet = {
  about: 'Devices, stores, and how they are reached.',
};
