/** Charts of the report as SVG, drawn by ECharts without a page. Grey, with patterns: they read the same from a black and white printer. */
import type { EChartsCoreOption } from 'echarts/core';
import type { WaterfallStep } from '../../../contract/records/savings.ts';
import type { SavingsDay, SavingsMark } from '../../../contract/rpc/savings-routes.ts';
import type { ReportWords } from './words.ts';

const TEXT = { fontFamily: 'sans-serif', fontSize: 10, color: '#222' };
const LINE = { lineStyle: { color: '#ddd' } };
const WIDTH = 680;
const MARK_GAP_MS = 4 * 86_400_000;
const STRIPES = { symbol: 'rect', color: 'rgba(0,0,0,0.35)', dashArrayX: [1, 0], dashArrayY: [1, 4], rotation: -Math.PI / 4 };

async function draw(option: EChartsCoreOption, height: number): Promise<string> {
  // Only whoever prints a report pays for the library.
  const [{ init, use }, { BarChart, LineChart }, { AriaComponent, GridComponent, LegendComponent, MarkLineComponent }, { LegacyGridContainLabel }, { SVGRenderer }] = await Promise.all([import('echarts/core'), import('echarts/charts'), import('echarts/components'), import('echarts/features'), import('echarts/renderers')]);
  use([BarChart, LineChart, AriaComponent, GridComponent, LegacyGridContainLabel, LegendComponent, MarkLineComponent, SVGRenderer]);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

export function waterfallSvg(steps: readonly WaterfallStep[], words: ReportWords, money: (value: number) => string): Promise<string> {
  const total = ({ cause }: WaterfallStep): boolean => cause === 'baseline' || cause === 'optimized';
  const ends = steps.flatMap(({ fromCny, toCny }) => [fromCny, toCny]);
  const inner = steps.flatMap((step) => (total(step) ? [Math.max(step.fromCny, step.toCny)] : [step.fromCny, step.toCny]));
  const spread = Math.max(...ends) - Math.min(...inner);
  // The axis does not begin at zero where the steps would be too thin to see; its figures say so.
  const floor = Math.max(0, Math.min(...inner) - spread * 0.6);
  return draw({
    aria: { enabled: false, decal: { show: true } },
    grid: { left: 8, right: 8, top: 20, bottom: 8, containLabel: true },
    xAxis: { type: 'category', data: steps.map(({ cause }) => words.causes[cause]), axisTick: { show: false }, axisLabel: { ...TEXT, interval: 0, width: 90, overflow: 'break' } },
    yAxis: { type: 'value', min: floor, splitLine: LINE, axisLabel: { ...TEXT, formatter: (value: number) => (value === floor && value !== 0 ? '' : money(value)) } },
    series: [
      { type: 'bar', stack: 'all', silent: true, itemStyle: { color: 'transparent', decal: { symbol: 'none' } }, data: steps.map((step) => (total(step) ? 0 : Math.min(step.fromCny, step.toCny))) },
      {
        type: 'bar', stack: 'all', barMaxWidth: 54, label: { show: true, position: 'top', ...TEXT, formatter: ({ dataIndex }: { dataIndex: number }) => { const step = steps[dataIndex]; return step ? money(total(step) || step.cny === 0 ? step.cny : -step.cny) : ''; } },
        data: steps.map((step) => ({ value: total(step) ? step.cny : Math.abs(step.toCny - step.fromCny), itemStyle: { color: step.cause === 'baseline' ? '#888' : step.cause === 'optimized' ? '#444' : '#bbb', decal: total(step) ? { symbol: 'none' } : STRIPES } })),
      },
    ],
  }, 210);
}

export function curveSvg(days: readonly SavingsDay[], marks: readonly SavingsMark[], modelOf: (digest: string) => string): Promise<string> {
  const axis = [...new Set(days.map(({ day }) => day))].sort();
  const work = new Map<string, number>();
  for (const { digest, inferences } of days) work.set(digest, (work.get(digest) ?? 0) + inferences);
  const shown = [...work].sort((a, b) => b[1] - a[1]).slice(0, 4).map(([digest]) => digest);
  const byDay = new Map(days.map((day) => [`${day.day} ${day.digest}`, day]));
  const changed = new Map<string, number>();
  for (const mark of marks) changed.set(mark.day, (changed.get(mark.day) ?? 0) + mark.devices);
  // One count for updates of neighbouring days: their figures would lie on each other.
  const counted = new Map<string, number>();
  let lead = '';
  let last = '';
  for (const day of [...changed.keys()].sort()) {
    if (lead === '' || Date.parse(day) - Date.parse(last) > MARK_GAP_MS) lead = day;
    counted.set(lead, (counted.get(lead) ?? 0) + (changed.get(day) ?? 0));
    last = day;
  }
  return draw({
    grid: { left: 8, right: 12, top: 44, bottom: 8, containLabel: true },
    legend: { top: 0, left: 0, textStyle: TEXT, itemWidth: 26, itemHeight: 8 },
    xAxis: { type: 'category', data: axis, boundaryGap: false, axisTick: { show: false }, axisLabel: { ...TEXT, hideOverlap: true } },
    yAxis: { type: 'value', scale: true, splitLine: LINE, axisLabel: TEXT },
    series: shown.map((digest, at) => ({
      type: 'line', name: modelOf(digest), color: ['#111', '#666', '#999', '#444'][at], symbol: ['circle', 'diamond', 'rect', 'triangle'][at], symbolSize: 4, connectNulls: false, lineStyle: { width: 1.4, type: ['solid', 'dashed', 'dotted', 'solid'][at] },
      data: axis.map((day) => byDay.get(`${day} ${digest}`)?.joulesPerInference ?? null),
      ...(at === 0 ? { markLine: { silent: true, symbol: ['none', 'triangle'], symbolSize: 5, lineStyle: { color: '#444', type: 'solid', width: 0.8 }, label: { ...TEXT, fontSize: 9, formatter: '{b}' }, data: [...changed.keys()].map((day) => ({ xAxis: day, name: counted.has(day) ? `+${counted.get(day) ?? 0}` : '' })) } } : {}),
    })),
  }, 210);
}
