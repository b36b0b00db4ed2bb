/** @file What an experiment needs, on a terminal. */

import Table from 'cli-table3';
import { type Estimate, formatBytes } from '../stages/estimate.ts';

/** One line a stage, then the highest peak and what it is based on. */
export function formatEstimate({ name, stages, peakBytes, machineBytes }: Estimate): string {
  const table = new Table({ head: ['stage', 'steps', 'parameters', 'memory', 'operations'], style: { head: [], border: [] } });
  const number = (value: number | undefined) => (value === undefined ? '' : value.toLocaleString('en-US'));
  for (const { stage, steps, parameters, bytes, flops } of stages)
    table.push([stage, number(steps), number(parameters), formatBytes(bytes), flops === undefined ? '' : flops.toExponential(1)]);
  const total = stages.reduce((sum, { flops = 0 }) => sum + flops, 0);
  return [
    `What ${name} needs:`,
    table.toString(),
    `About ${formatBytes(peakBytes)} of memory at the highest peak, of ${formatBytes(machineBytes)} here; ${total.toExponential(1)} floating-point operations.`,
    'Counted from the sizes of the data and from the graphs; the memory of a training step is about 1.5 times the results of its forward pass.',
  ].join('\n');
}
