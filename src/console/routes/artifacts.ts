import type { ArtifactService } from '../artifacts/artifact-service.ts';
import type { Handlers } from '../router.ts';

type ArtifactHandlers = Pick<Handlers, Extract<keyof Handlers, `artifacts.${string}`>>;

export function artifactHandlers(service: ArtifactService): ArtifactHandlers {
  return {
    'artifacts.list': () => service.list(),
    'artifacts.publish': (input) => service.publish(input),
    'artifacts.withdraw': ({ artifact, version, confirm }) => service.withdraw(artifact, version, confirm),
    'artifacts.keys': () => service.keys(),
    'artifacts.exportRoot': ({ path, passphrase, confirm }) => service.exportRoot(path, passphrase, confirm),
    'artifacts.rotate': ({ roles, root, confirm }) => service.rotate(roles, root, confirm),
  };
}
