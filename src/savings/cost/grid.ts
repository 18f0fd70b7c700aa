/**
 * Carbon intensity of electricity, by province of China. CO2 only, mean of a year, of what was generated for the province; edited by the user where a newer
 * or nearer figure is at hand.
 */
import type { GridEntry } from '../../contract/records/savings.ts';

const SOURCE = 'Ministry of Ecology and Environment and National Bureau of Statistics of China, CO2 emission factors of electricity 2022, published 20 December 2024';

const FACTORS: readonly (readonly [id: string, name: string, kgPerKwh: number])[] = [
  ['cn', 'China', 0.5366],
  ['cn-beijing', 'Beijing', 0.558], ['cn-tianjin', 'Tianjin', 0.7041], ['cn-hebei', 'Hebei', 0.7252], ['cn-shanxi', 'Shanxi', 0.7096], ['cn-inner-mongolia', 'Inner Mongolia', 0.6849],
  ['cn-liaoning', 'Liaoning', 0.5626], ['cn-jilin', 'Jilin', 0.4932], ['cn-heilongjiang', 'Heilongjiang', 0.5368], ['cn-shanghai', 'Shanghai', 0.5849], ['cn-jiangsu', 'Jiangsu', 0.5978],
  ['cn-zhejiang', 'Zhejiang', 0.5153], ['cn-anhui', 'Anhui', 0.6782], ['cn-fujian', 'Fujian', 0.4092], ['cn-jiangxi', 'Jiangxi', 0.5752], ['cn-shandong', 'Shandong', 0.641],
  ['cn-henan', 'Henan', 0.6058], ['cn-hubei', 'Hubei', 0.4364], ['cn-hunan', 'Hunan', 0.49], ['cn-guangdong', 'Guangdong', 0.4403], ['cn-guangxi', 'Guangxi', 0.4044],
  ['cn-hainan', 'Hainan', 0.4184], ['cn-chongqing', 'Chongqing', 0.5227], ['cn-sichuan', 'Sichuan', 0.1404], ['cn-guizhou', 'Guizhou', 0.4989], ['cn-yunnan', 'Yunnan', 0.1073],
  ['cn-shaanxi', 'Shaanxi', 0.6558], ['cn-gansu', 'Gansu', 0.4772], ['cn-qinghai', 'Qinghai', 0.1567], ['cn-ningxia', 'Ningxia', 0.6423], ['cn-xinjiang', 'Xinjiang', 0.6231],
];

export const GRID: readonly GridEntry[] = FACTORS.map(([id, name, kgPerKwh]) => ({ id, name, gPerKwh: Math.round(kgPerKwh * 10_000) / 10, year: 2022, source: SOURCE }));
