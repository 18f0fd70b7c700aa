/** The only two channels between the page and this process. */
export const CALL_CHANNEL = 'edgewise:call';
export const EVENT_CHANNEL = 'edgewise:event';
