/** An inference child of the tests: doubles numbers, and ends when told or when the job has gone. */
import { openParentChannel } from '../../../src/console/processes/parent-channel.ts';

const channel = openParentChannel();
channel.onClose(() => process.exit(0));
channel.onMessage((message) => {
  if (message === 'end') process.exit(8);
  channel.send((message as Float32Array).map((value) => value * 2));
});
