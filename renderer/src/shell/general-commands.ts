import { useI18n } from 'vue-i18n';
import { useRouter } from 'vue-router';
import { offerCommands, type Command } from '../stores/commands.store.ts';
import { useJobs } from '../stores/jobs.store.ts';
import { useModels } from '../stores/models.store.ts';
import { useSettings } from '../stores/settings.store.ts';
import { useToasts } from '../stores/toasts.store.ts';
import type { Settings } from '../../../src/contract/records/settings.ts';
import { useToggleRail } from './use-toggle-rail.ts';

/** Enough to find any by typing; more would only be slower to draw. */
const RECENT_JOBS = 50;

export function offerGeneralCommands(): void {
  const { t } = useI18n();
  const router = useRouter();
  const jobs = useJobs();
  const models = useModels();
  const settings = useSettings();
  const toasts = useToasts();
  const toggleRail = useToggleRail();
  const set = (changes: Partial<Settings>) => () => settings.change(changes).catch((error: unknown) => toasts.fail(t('settings.failed'), error));

  offerCommands((): readonly Command[] => {
    const go = t('palette.go');
    const show = t('palette.show');
    return [
      { id: 'go.optimize', group: go, title: t('nav.optimize'), run: () => router.push('/optimize') },
      { id: 'go.models', group: go, title: t('nav.models'), run: () => router.push('/models') },
      { id: 'go.fleet', group: go, title: t('nav.fleet'), run: () => router.push('/fleet') },
      { id: 'go.rollouts', group: go, title: t('nav.rollouts'), run: () => router.push('/rollouts') },
      { id: 'go.savings', group: go, title: t('nav.savings'), run: () => router.push('/savings') },
      { id: 'go.advisor', group: go, title: t('advisor.title'), run: () => router.push('/savings/advisor') },
      { id: 'go.settings', group: go, title: t('nav.settings'), run: () => router.push('/settings') },
      ...jobs.active.map((job) => ({ id: `cancel.${job.id}`, group: t('palette.jobs'), title: t('job.cancelNamed', { name: job.title }), run: () => jobs.cancel(job.id).catch((error: unknown) => toasts.fail(t('job.cancelFailed'), error)) })),
      ...jobs.list.slice(0, RECENT_JOBS).map((job) => ({ id: `job.${job.id}`, group: t('palette.jobs'), title: `${job.title} (${t(`jobState.${job.state}`)})`, run: () => router.push(`/optimize/job/${job.id}`) })),
      ...models.list.flatMap((model) => [
        { id: `optimize.${model.id}`, group: t('palette.models'), title: t('models.optimizeNamed', { name: model.name }), run: () => router.push({ path: '/optimize', query: { model: model.id } }) },
        { id: `model.${model.id}`, group: t('palette.models'), title: t('models.showNamed', { name: model.name }), run: () => router.push(`/models/${model.id}`) },
      ]),
      { id: 'rail', group: show, title: settings.settings.railCollapsed ? t('nav.expand') : t('nav.collapse'), run: toggleRail },
      ...(['light', 'dark', 'system'] as const).map((theme) => ({ id: `theme.${theme}`, group: show, title: `${t('settings.theme')}: ${t(`settings.themes.${theme}`)}`, run: set({ theme }) })),
      ...(['en', 'zh-CN', 'system'] as const).map((locale) => ({ id: `locale.${locale}`, group: show, title: `${t('settings.language')}: ${t(`settings.languages.${locale}`)}`, run: set({ locale }) })),
    ];
  });
}
