/** What a device reported about a rollout, in words; a code stays a code. */
import { useI18n } from 'vue-i18n';

export function useReportWords(): (text: string) => string {
  const { t, te } = useI18n();
  return (text) => {
    const [kind = '', ...code] = text.split(' ');
    return te(`fleet.page.reports.${kind}`) ? [t(`fleet.page.reports.${kind}`), ...code].join(' ') : text;
  };
}
