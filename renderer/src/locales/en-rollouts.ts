/** The words of the rollout pages in English. */
export const enRollouts = {
  about: 'Models on their way to the stores.',
};
