/**
 * @file How long the evidence takes with 1 to 1,000 workers: a simulation over the times of its jobs, as measured in the committed results. The
 * ideal is all work divided by the workers, but at least the longest chain of jobs.
 */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { openWork } from '../src/cli/experiments.ts';
import { criticalPath, makespan as makespanOf, type TimedJob } from '../src/pipeline/makespan.ts';
import { type ScheduledStage, schedule, work } from '../src/pipeline/schedule.ts';
import { openResults } from '../src/reports/open.ts';
import type { Bench } from './bench.ts';

const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

const WORKERS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000];

/** The least share of the ideal. */
const LEAST = 0.9;

export const makespan: Bench = {
  description: 'simulated time of all evidence with 1 to 1,000 workers, by the measured times of its jobs',
  async run(say) {
    const folder = mkdtempSync(join(tmpdir(), 'cadenza-bench-makespan-'));
    const jobs: (TimedJob & Pick<ScheduledStage, 'chain'>)[] = [];
    try {
      for (const name of readdirSync(RESULTS).filter(each => each.startsWith('evidence-'))) {
        const { config, seconds } = openResults(join(RESULTS, name)).results.run;
        // Ablations record the time of each combination, not of each job.
        if (!('generate' in seconds)) continue;
        const file = join(folder, `${name}.yaml`);
        writeFileSync(file, stringify(config));
        // Settings that came later have their defaults.
        const { plan: planIn } = await openWork(file, []);
        const plan = await planIn({ out: join(folder, name) });
        const timed = schedule(plan.jobs).filter(({ stage }) => stage in seconds);
        say(`${name}: ${timed.length} of ${plan.jobs.length} jobs have times`);
        jobs.push(...timed.map(({ key, after, chain, stage }) => ({ key, after, chain, seconds: seconds[stage] })));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    // As in a queue that has all parts: by estimates, because times are not known before.
    jobs.sort((a, b) => work(b.chain) - work(a.chain));
    const all = jobs.reduce((sum, { seconds }) => sum + seconds, 0);
    const path = criticalPath(jobs);
    const rows = WORKERS.map(workers => {
      const [simulated, ideal] = [makespanOf(jobs, workers), Math.max(all / workers, path)];
      return [`workers${workers}`, { seconds: Math.round(simulated), ideal: Math.round(ideal), shareOfIdeal: ideal / simulated }] as const;
    });
    return {
      jobs: jobs.length,
      secondsOfWork: Math.round(all),
      secondsOfLongestChain: Math.round(path),
      ...Object.fromEntries(rows),
      limit: LEAST,
      passes: rows.every(([, { shareOfIdeal }]) => shareOfIdeal >= LEAST),
    };
  },
};
