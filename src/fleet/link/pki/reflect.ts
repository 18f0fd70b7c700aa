/** The certificate library looks for this at its start and then uses nothing of it. */
Object.assign(Reflect, { getMetadata: () => undefined, getOwnMetadata: () => undefined, defineMetadata: () => undefined });
