/** A library with a database on a real folder, and the service that publishes from it. */
import { mkdirSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createEventHub, type EventHub } from '../../events.ts';
import { createModelLibrary, type ModelLibrary } from '../../models/model-library.ts';
import { createModelStore } from '../../models/model-store.ts';
import { openStore, type Store } from '../../store/open-store.ts';
import { createArtifactService, type ArtifactService, type ArtifactServiceOptions, type PublishRequest } from '../artifact-service.ts';

export interface TestPublisher {
  readonly store: Store;
  readonly library: ModelLibrary;
  readonly events: EventHub;
  readonly service: ArtifactService;
  close(): Promise<void>;
}

export async function openPublisher(root: string, options: Partial<ArtifactServiceOptions> & { readonly fileBytes?: number } = {}): Promise<TestPublisher> {
  mkdirSync(root, { recursive: true });
  const store = openStore(join(root, 'edgewise.sqlite'), 'now');
  const events = createEventHub((error) => {
    throw error;
  });
  const { fileBytes, ...more } = options;
  const library = createModelLibrary({
    store,
    files: createModelStore(join(root, 'models'), randomUUID),
    events,
    now: () => new Date().toISOString(),
    newId: randomUUID,
    inUse: () => false,
    ...(fileBytes === undefined ? {} : { fileBytes }),
  });
  const service = await createArtifactService({
    store,
    library,
    events,
    folder: join(root, 'artifacts'),
    signingFolder: join(root, 'signing'),
    runtimeVersion: '1.23.0',
    every: () => () => {},
    onFault: (error) => {
      throw error;
    },
    ...more,
  });
  return {
    store,
    library,
    events,
    service,
    async close() {
      await service.close();
      store.close();
    },
  };
}

export function wish(modelId: string, change: Partial<PublishRequest> = {}): PublishRequest {
  return { modelId, artifact: 'flow', workload: 'customer-flow', deviceClasses: [], hardware: ['linux-x64'], validForDays: 90, ...change };
}
