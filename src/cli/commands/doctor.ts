/** @file `cadenza doctor`: reports the capabilities of this machine. */

import type { Command } from 'commander';
import picocolors from 'picocolors';
import { wantsColor } from '../../util/color.ts';
import type { DoctorReport } from '../examine.ts';
import { jsonOption, print, printJson } from '../options.ts';

export function registerDoctor(program: Command, version: string): void {
  program
    .command('doctor')
    .description('show versions, working executors, Gymnasium, CPU, memory, and the speed of matrix multiplication and training')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      // Loaded on demand, so that other commands do not load ONNX Runtime.
      const { examine } = await import('../examine.ts');
      const report = await examine(version);
      if (options.json) printJson(report);
      else print(render(report));
    });
}

function render({ versions, cpu, memoryGiB, executors, gymnasium, gemmGflops, divisions }: DoctorReport): string {
  const colors = picocolors.createColors(wantsColor());
  const verdict = ({ name, works, reason }: DoctorReport['executors'][number]) =>
    works ? `${colors.green('works')}  ${name}` : `${colors.dim('no')}     ${name}: ${reason}`;
  return [
    `cadenza      ${versions.cadenza}`,
    `node         ${versions.node}`,
    `onnxruntime  ${versions.onnxruntime}`,
    `processor    ${cpu.model}, ${cpu.cores} cores`,
    `memory       ${memoryGiB.total} GiB, ${memoryGiB.free} GiB free`,
    ...(gemmGflops === null ? [] : [`matmul       ${gemmGflops} GFLOP/s (float32, 1024³, cpu)`]),
    ...divisions.map(
      ({ workers, threads, ms }, i) =>
        `${i ? '         ' : 'training '}    ${ms} ms a step with executor.workers=${workers} executor.threads=${threads}`,
    ),
    ...executors.map((executor, i) => `${i ? '           ' : 'executors  '}  ${verdict(executor)}`),
    `gymnasium    ${gymnasium.versions ? `${gymnasium.versions.gymnasium}, Python ${gymnasium.versions.python}` : `${colors.dim('no')}     ${gymnasium.reason}`}`,
    '',
  ].join('\n');
}
