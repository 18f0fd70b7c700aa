/** The process that onnxruntime lives in: the runtime's server, composed with the engine's streaming statistics. */
import { reducers } from '../../engine/recipe/index.ts';
import { serveInference } from '../../runtime/inference/serve.ts';
import { openParentChannel } from './parent-channel.ts';

serveInference({ channel: openParentChannel(), reducers });
