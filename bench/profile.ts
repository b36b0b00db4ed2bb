/** @file Where the time of a training step goes: kernels and milliseconds of each op in ONNX Runtime's own profile. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStep } from '../src/training/divisions.ts';
import type { Bench, Result } from './bench.ts';
import { presetStep } from './preset-step.ts';
import { median } from './training.ts';

const STEPS = 30;

/** Presets to profile: episodes encoded once for several queries, and every context by itself. */
const PRESETS = ['dark-room', 'dark-room-window'] as const;

/** An event of the profile. */
interface Event {
  readonly name: string;
  readonly cat: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** Kernels of one step by op. A kernel counts the median of its times, so that steps that other work interrupted do not matter. */
function byOp(events: readonly Event[]): { kernels: number; ms: number; ops: Result } {
  const kernels = new Map<string, { op: string; times: number[] }>();
  for (const { name, cat, dur, args } of events) {
    if (cat !== 'Node' || !args?.op_name || !name.endsWith('_kernel_time')) continue;
    const kernel = kernels.get(name) ?? { op: args.op_name, times: [] };
    kernel.times.push(dur / 1000);
    kernels.set(name, kernel);
  }
  const ops = new Map<string, { kernels: number; ms: number }>();
  for (const { op, times } of kernels.values()) {
    const sum = ops.get(op) ?? { kernels: 0, ms: 0 };
    ops.set(op, { kernels: sum.kernels + 1, ms: sum.ms + median(times) });
  }
  const sorted = [...ops].sort(([, a], [, b]) => b.ms - a.ms);
  return { kernels: kernels.size, ms: sorted.reduce((total, [, { ms }]) => total + ms, 0), ops: Object.fromEntries(sorted) };
}

/** The events of a step on this number of threads. */
async function profiled(preset: (typeof PRESETS)[number], threads: number): Promise<Event[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cadenza-profile-'));
  process.env.CADENZA_PROFILE = join(folder, 'step');
  try {
    const { step, dispose } = await openStep(presetStep(preset).step, { workers: 1, threads });
    for (let i = 0; i < STEPS; i++) await step();
    await dispose();
    return readdirSync(folder).flatMap(name => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  } finally {
    delete process.env.CADENZA_PROFILE;
    rmSync(folder, { recursive: true });
  }
}

export const profile: Bench = {
  description: 'kernels and milliseconds of each op in a fine-tuning step of the Dark Room preset, with 1 and 2 threads',
  async run(say) {
    const results: Record<string, Result> = {};
    for (const name of PRESETS)
      for (const threads of [1, 2]) {
        say(`${name}: ${STEPS} steps with ${threads} thread${threads === 1 ? '' : 's'} …`);
        results[`${name}, threads ${threads}`] = byOp(await profiled(name, threads));
      }
    return results;
  },
};
