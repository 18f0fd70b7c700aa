/** A job of the tests: asks for an inference child, sends it what the host sends, and the host what it answers. */
import { createBrokeredChildren } from '../../../src/console/processes/brokered-children.ts';
import { openParentChannel } from '../../../src/console/processes/parent-channel.ts';
import { shellPort } from '../../../src/console/processes/utility-port.ts';

const channel = openParentChannel();
const shell = shellPort();
if (shell === undefined) throw new Error('no shell');
const child = createBrokeredChildren(shell).fork();
child.onMessage((message) => channel.send(message));
child.onExit(({ code }) => channel.send({ ended: code }));
channel.onMessage((message) => child.send(message));
