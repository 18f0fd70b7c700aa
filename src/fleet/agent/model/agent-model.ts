/** The entry of the process that one model lives in. */
import { serveModel } from './serve-model.ts';

// onnxruntime 1.30 reports its use to its maker over the network, and leaves files of that in the folder for temporary files, unless this
// is set before the first session. A model and what is done with it are nobody else's business.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

serveModel({
  send: (message) => {
    if (process.connected) process.send?.(message, undefined, {}, () => {});
  },
  onMessage: (listener) => process.on('message', listener),
  onClose: (listener) => process.on('disconnect', listener),
});
