/** @file How long `cadenza plan` takes for ten thousand jobs, as a whole process. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.ts';
import { median } from './training.ts';

const PROGRAM = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** At least this many jobs, of as many seeds as that needs. */
const JOBS = 10_000;

const RUNS = 5;

/** Seconds that it may take. */
const LIMIT = 2;

export const plan: Bench = {
  description: `time of cadenza plan for ${JOBS} jobs`,
  async run(say) {
    const folder = mkdtempSync(join(tmpdir(), 'cadenza-bench-plan-'));
    const planned = (seeds: number) => {
      const list = JSON.stringify([...Array(seeds).keys()]);
      const args = [PROGRAM, 'plan', 'tiny', '--set', `seeds=${list}`, '--out', join(folder, 'run'), '--json'];
      const began = performance.now();
      const { stdout, status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
      if (status !== 0) throw new Error(stderr);
      return { jobs: (JSON.parse(stdout) as { jobs: unknown[] }).jobs.length, seconds: (performance.now() - began) / 1000 };
    };
    try {
      const [one, two] = [planned(1).jobs, planned(2).jobs];
      const seeds = 1 + Math.ceil((JOBS - one) / (two - one));
      say(`${seeds} seeds of tiny …`);
      const runs = Array.from({ length: RUNS }, () => planned(seeds));
      const seconds = median(runs.map(run => run.seconds));
      return { jobs: runs[0].jobs, seconds, limit: LIMIT, passes: seconds <= LIMIT };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
