/** Tells of a job that has ended while its own page was not in sight. */
import { onScopeDispose } from 'vue';
import { useI18n } from 'vue-i18n';
import { useRouter } from 'vue-router';
import { EdgewiseError } from '../../../src/base/errors.ts';
import { useToasts } from '../stores/toasts.store.ts';
import { api } from '../transport/client.ts';

export function announceEndedJobs(): void {
  const toasts = useToasts();
  const router = useRouter();
  const { t } = useI18n();
  const told = new Set<string>();
  const stop = api.on((event) => {
    if (event.type !== 'job.updated') return;
    const { id, state, title, error } = event.job;
    const to = `/optimize/job/${id}`;
    if (state === 'running' || state === 'queued') told.delete(id);
    else if (!told.has(id)) {
      told.add(id);
      if (router.currentRoute.value.path === to) return;
      if (state === 'succeeded') toasts.say(t('job.succeeded', { name: title }), { to, label: t('job.show') });
      else if (state === 'failed' && error) toasts.fail(t('job.failed', { name: title }), EdgewiseError.fromRecord(error as Parameters<typeof EdgewiseError.fromRecord>[0]));
    }
  });
  onScopeDispose(stop);
}
