/** The parts of ECharts that the console uses; loaded with the first chart. */
import { BarChart, ScatterChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import { init, use, type EChartsType } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

use([BarChart, ScatterChart, GridComponent, CanvasRenderer]);

export function createChart(element: HTMLElement): EChartsType {
  return init(element, null, { renderer: 'canvas' });
}

/** A token's colour as a canvas understands it: `light-dark()` and `var()` resolved, OKLCH turned into sRGB. */
export function tokenColor(element: HTMLElement, token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${token})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  const context = document.createElement('canvas').getContext('2d');
  if (!context) return color;
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}
