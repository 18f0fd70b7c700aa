/** How charts look: colours of the theme, the page's letters, and the pieces that every chart shares. */
import type { EChartsCoreOption } from 'echarts/core';
import { csvText, type CsvValue } from '../../../../src/base/csv.ts';
import { tokenColor } from '../../ui/token-color.ts';

export interface ChartLook {
  color(token: string): string;
  readonly text: { readonly fontFamily: string; readonly fontSize: number; readonly color: string };
  /** Okabe-Ito, in the order in which series take them. */
  readonly series: readonly string[];
  /** Axis of categories, moments or values, with quiet lines. */
  axis(more?: Record<string, unknown>): Record<string, unknown>;
  /** Drawn on the canvas, since the page's policy allows no styles of a script. */
  tooltip(more?: Record<string, unknown>): Record<string, unknown>;
  readonly grid: Record<string, unknown>;
  /** Wheel with Ctrl and a strip below. */
  zoom(more?: Record<string, unknown>): Record<string, unknown>[];
}

export type ChartOption = EChartsCoreOption;

/** The other way to read a chart: the same figures, in words and digits. */
export interface ChartTable {
  readonly columns: readonly { readonly header: string; readonly right?: boolean }[];
  readonly rows: readonly (readonly CsvValue[])[];
}

export function chartLook(element: HTMLElement): ChartLook {
  const color = (token: string): string => tokenColor(element, token);
  const text = { fontFamily: getComputedStyle(element).fontFamily, fontSize: 11, color: color('--text-quiet') };
  return {
    color,
    text,
    series: ['--series-1', '--series-2', '--series-3', '--series-4', '--series-5', '--series-6'].map(color),
    axis: (more = {}) => ({
      axisLine: { lineStyle: { color: color('--line-strong') } }, axisTick: { show: false }, axisLabel: { ...text, hideOverlap: true }, splitLine: { lineStyle: { color: color('--line-quiet') } }, nameTextStyle: text, ...more,
    }),
    tooltip: (more = {}) => ({
      renderMode: 'richText', confine: true, backgroundColor: color('--surface-raised'), borderColor: color('--line-strong'), borderWidth: 1, padding: [6, 10], textStyle: { ...text, fontSize: 12, color: color('--text') }, transitionDuration: 0, ...more,
    }),
    grid: { left: 8, right: 16, top: 28, bottom: 8, containLabel: true },
    zoom: (more = {}) => [
      { type: 'inside', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: true, ...more },
      {
        type: 'slider', height: 18, bottom: 4, borderColor: color('--line'), fillerColor: color('--accent-soft'), handleStyle: { color: color('--surface-raised'), borderColor: color('--accent-line') }, moveHandleSize: 0, showDetail: false, brushSelect: false,
        dataBackground: { lineStyle: { color: color('--line') }, areaStyle: { color: color('--surface-pressed') } }, selectedDataBackground: { lineStyle: { color: color('--accent-line') }, areaStyle: { color: color('--accent-soft') } }, ...more,
      },
    ],
  };
}

export function tableCsv({ columns, rows }: ChartTable): string {
  return csvText([columns.map(({ header }) => header), ...rows]);
}
