/** Publishes a model in a process of its own, which ends itself without warning at a step. Arguments: folder, model, and which step it is. */
import { openPublisher, wish } from './publisher.ts';

const [root = '', modelId = '', last = ''] = process.argv.slice(2);
let steps = 0;
const { service } = await openPublisher(root, {
  onStep: () => {
    if (++steps === Number(last)) process.kill(process.pid, 'SIGKILL');
  },
});
await service.publish(wish(modelId));
process.exit(0);
