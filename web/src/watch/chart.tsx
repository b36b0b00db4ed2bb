/** @file A chart of one metric: a thin line for each curve, and a bold one for the mean of each group. */

import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { type Group, short } from './rows.ts';
import { aligned, type Curve, curveOf, meanOf, smoothed } from './series.ts';

const [HEIGHT, FAINT, WHOLE] = [230, 0.35, 1];

/** A line of a chart. */
interface Line {
  readonly group: Group;
  readonly curve: Curve;
  /** Whether it stands for its group: the mean, or the only curve. */
  readonly bold: boolean;
}

function linesOf(groups: readonly Group[], metric: string, smooth: number): Line[] {
  return groups.flatMap(group => {
    const raw = group.members.map(each => curveOf(each, metric)).filter(({ step }) => step.length > 0);
    const curves = raw.map(curve => smoothed(curve, smooth));
    if (curves.length < 2) return curves.map(curve => ({ group, curve, bold: true }));
    return [...curves.map(curve => ({ group, curve, bold: false })), { group, curve: meanOf(curves), bold: true }];
  });
}

/** The color of a variable as a canvas understands it. */
function resolved(name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const scheme = window.matchMedia('(prefers-color-scheme: dark)');

/** Whether colors are those of the dark scheme. */
function useDark(): boolean {
  const [dark, setDark] = useState(scheme.matches);
  useEffect(() => {
    const change = () => setDark(scheme.matches);
    scheme.addEventListener('change', change);
    return () => scheme.removeEventListener('change', change);
  }, []);
  return dark;
}

interface ChartProps {
  readonly title: string;
  readonly metric: string;
  readonly groups: readonly Group[];
  readonly smooth: number;
  readonly log: boolean;
  /** Smallest and largest value of all charts side by side. */
  readonly range?: readonly [low: number, high: number];
}

/** The range of a metric in all of these groups; undefined if it has no values. */
export function rangeOf(all: readonly (readonly Group[])[], metric: string, smooth: number): readonly [number, number] | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { curve } of all.flatMap(groups => linesOf(groups, metric, smooth)))
    for (const value of curve.value) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low <= high ? [low, high] : undefined;
}

export function Chart({ title, metric, groups, smooth, log, range }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const [at, setAt] = useState<number>();
  const dark = useDark();
  const lines = linesOf(groups, metric, smooth);
  // Zero and less have no logarithm.
  const isLog = log && lines.every(({ curve }) => curve.value.every(value => value > 0));
  const data = aligned(lines.map(({ curve }) => curve)) as uPlot.AlignedData;
  const look = JSON.stringify([dark, isLog, range, lines.map(({ group: { name, color, dashed }, bold }) => [name, color, dashed, bold])]);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const [ink, rule] = ['--soft', '--line'].map(resolved);
    const axis = { stroke: ink, grid: { stroke: rule, width: 1 }, ticks: { stroke: rule, width: 1 }, font: '12px system-ui, sans-serif' };
    const options: uPlot.Options = {
      width: Math.max(200, element.clientWidth),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { show: false } },
      scales: {
        x: { time: false },
        y: { distr: isLog ? 3 : 1, ...(range && !isLog ? { range: padded(range) } : {}) },
      },
      axes: [
        { ...axis, size: 34 },
        { ...axis, size: 58, values: (_, ticks) => ticks.map(tick => (tick === null ? '' : short(tick))) },
      ],
      series: [
        {},
        ...lines.map(({ group, bold }) => ({
          stroke: resolved(group.color),
          width: bold ? 2.5 : 1,
          alpha: bold ? WHOLE : FAINT,
          dash: group.dashed ? [6, 4] : undefined,
          spanGaps: true,
          // A single point is no line.
          points: { show: (self: uPlot, i: number) => Array.from(self.data[i]).filter(value => value !== null).length < 2 },
        })),
      ],
      hooks: { setCursor: [({ cursor: { idx } }) => setAt(idx ?? undefined)] },
    };
    plot.current = new uPlot(options, data, element);
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [look]);
  useEffect(() => {
    plot.current?.setData(data, !isZoomed(plot.current));
  });

  const step = at === undefined ? undefined : data[0][at];
  return (
    <figure class="chart" data-metric={metric} data-lines={lines.length} data-steps={data[0].length}>
      {title && <h3>{title}</h3>}
      {lines.length === 0 ? (
        <p class="empty">No values of {metric} yet.</p>
      ) : (
        <div ref={place} role="img" aria-label={`${metric} by step${title ? `, ${title}` : ''}. The table below has the latest numbers.`} />
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys. */}
      <figcaption tabIndex={0}>
        <span class="step">{step === undefined ? 'latest' : `step ${step}`}</span>
        {lines
          .filter(({ bold }) => bold)
          .map(({ group, curve }) => (
            <span class="key" data-group={group.name}>
              <i class={group.dashed ? 'dashed' : undefined} style={{ background: `var(${group.color})` }} /> {group.name}{' '}
              <b>{valueAt(curve, step)}</b>
            </span>
          ))}
      </figcaption>
    </figure>
  );
}

/** Whether a user has chosen a part of the steps. */
function isZoomed({ scales: { x }, data: [steps] }: uPlot): boolean {
  const known = x.min !== undefined && x.min !== null && steps.length > 1;
  return known && (x.min! > steps[0] || x.max! < steps[steps.length - 1]);
}

const padded = ([low, high]: readonly [number, number]): [number, number] => {
  const pad = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - pad, high + pad];
};

/** The value at a step or just before it; the latest without one. */
function valueAt({ step, value }: Curve, wanted: number | undefined): string {
  const i = wanted === undefined ? value.length - 1 : step.findLastIndex(each => each <= wanted);
  return i >= 0 ? short(value[i]) : '';
}
