/** @file Curves of a training, drawn by uPlot in the colors of the page. */

import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

const HEIGHT = 200;

/** Points of a curve; of more, neighbors are averaged. */
const POINTS = 600;

export interface ChartProps {
  readonly label: string;
  readonly x: readonly number[];
  /** Curves, the last one in full color. */
  readonly lines: readonly { readonly label: string; readonly y: readonly (number | null)[] }[];
  readonly xLabel: string;
  /** Range of the vertical axis; by default that of the curves. */
  readonly range?: readonly [number, number];
  readonly xRange?: readonly [number, number];
  readonly logarithmic?: boolean;
}

/** Means of neighbors, so that there are at most `POINTS`. */
export function thinned(x: readonly number[], y: readonly number[]): [number[], number[]] {
  const size = Math.max(1, Math.ceil(x.length / POINTS));
  const groups = Array.from({ length: Math.ceil(x.length / size) }, (_, g) => [g * size, Math.min(x.length, (g + 1) * size)] as const);
  const means = (values: readonly number[]) =>
    groups.map(([from, to]) => values.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from));
  return [means(x), means(y)];
}

/** Whether the page is dark, and again whenever that changes. */
function useDark(): boolean {
  const [dark, setDark] = useState(matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const changed = () => setDark(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  return dark;
}

/** A color of the page as a canvas can have it: `light-dark()` is resolved on an element. */
function colorOf(element: HTMLElement, variable: string): string {
  element.style.color = `var(${variable})`;
  const { color } = getComputedStyle(element);
  element.style.color = '';
  return color;
}

export function Chart({ label, x, lines, xLabel, range, xRange, logarithmic = false }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const dark = useDark();
  const data = [x, ...lines.map(({ y }) => y)] as unknown as uPlot.AlignedData;
  // Colors are read again when the page becomes dark.
  useEffect(() => {
    const element = box.current!;
    const [soft, line, own] = ['--soft', '--line', '--blue'].map(name => colorOf(element, name));
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: '12px system-ui' };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        cursor: { show: false },
        legend: { show: false },
        scales: { x: { time: false, range: xRange && [...xRange] }, y: { distr: logarithmic ? 3 : 1, range: range && [...range] } },
        axes: [
          {
            ...axis,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
            label: xLabel,
            labelFont: '12px system-ui',
            labelSize: 18,
            size: 34,
          },
          { ...axis, size: 46, ...(logarithmic ? { values: (_, values) => values.map(each => (each ? String(each) : '')) } : {}) },
        ],
        series: [{}, ...lines.map((_, i) => ({ stroke: own, width: 2, alpha: i + 1 === lines.length ? 1 : 0.3, points: { show: false } }))],
      },
      data,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(([{ contentRect }]) => made.setSize({ width: Math.floor(contentRect.width), height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [dark, lines.length, logarithmic, xLabel, range?.join(), xRange?.join()]);
  useEffect(() => plot.current?.setData(data));
  return <div class="chart" ref={box} role="img" aria-label={label} />;
}
