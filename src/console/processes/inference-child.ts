/** The process that onnxruntime lives in: the runtime's server, composed with the engine's streaming statistics. */
import { reducers } from '../../engine/recipe/index.ts';
import { serveInference } from '../../runtime/index.ts';
import { openParentChannel } from './parent-channel.ts';

// onnxruntime 1.30 reports its use to its maker over the network, and leaves files of that in the folder for temporary files, unless this
// is set before the first session. A model and what is done with it are nobody else's business.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

serveInference({ channel: openParentChannel(), reducers });
