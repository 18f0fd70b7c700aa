/** The words of the savings pages in English. */
export const enSavings = {
  about: 'What optimized models saved, as measured by the devices.',
};
