/** Rollouts: what a person sees of them and asks of them. */
import { userInfo } from 'node:os';
import { EdgewiseError } from '../../base/errors.ts';
import type { ArtifactService } from '../artifacts/artifact-service.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import { previewRollout } from '../rollouts/preview.ts';
import type { RolloutService } from '../rollouts/rollout-service.ts';
import type { Handlers } from '../router.ts';

type RolloutHandlers = Pick<Handlers, 'rollouts.list' | 'rollouts.get' | 'rollouts.devices' | 'rollouts.preview' | 'rollouts.create' | 'rollouts.edit' | 'rollouts.act' | 'rollouts.audit' | 'rollouts.auditCsv'>;

export function rolloutHandlers(services: { readonly rollouts: RolloutService; readonly registry: FleetRegistry; readonly artifacts: ArtifactService; readonly personName: () => string; readonly now: () => number; readonly random: () => number }): RolloutHandlers {
  const { rollouts, registry, artifacts } = services;
  return {
    'rollouts.list': () => rollouts.list(),
    'rollouts.get': ({ id }) => rollouts.get(id),
    'rollouts.devices': ({ id }) => rollouts.devices(id),
    'rollouts.preview'(draft) {
      const published = artifacts.manifest(draft.artifact, draft.version);
      if (published === null) throw new EdgewiseError('NOT_FOUND', `There is no published version ${draft.version} of ${draft.artifact}.`, { hint: 'Publish it first, or choose another version.' });
      const found = registry.match(draft.filter);
      if ('problem' in found) return { waves: [], risks: [], filterError: found.problem, downloadBytes: 0 };
      const { plan, risks, downloadBytes } = previewRollout(draft, published, { registry, rollouts, now: services.now(), random: services.random });
      const waves = (plan?.waves ?? []).map(({ kind, deviceIds }) => ({ kind, deviceIds: [...deviceIds], stores: new Set(deviceIds.map((id) => registry.row(id)?.storeId)).size }));
      return { waves, risks: risks.map((risk) => ({ ...risk })), filterError: null, downloadBytes };
    },
    'rollouts.create': (draft) => rollouts.create(draft, services.personName().trim() || person()),
    'rollouts.edit': ({ id, revision, draft }) => rollouts.edit(id, revision, draft, services.personName().trim() || person()),
    'rollouts.act': ({ id, action, by, note, confirm }) => rollouts.act(id, action, by, note, confirm),
    'rollouts.audit': ({ id, before, limit }) => rollouts.audit(id, before, limit),
    'rollouts.auditCsv': ({ id, after }) => rollouts.auditCsv(id, after),
  };
}

/** Whoever runs the console: a rollout's author, where nobody has given a name. */
function person(): string {
  try {
    return userInfo().username;
  } catch {
    return 'operator';
  }
}
