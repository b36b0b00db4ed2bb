/**
 * @file Statistics against the Python package rliable, where it is installed: `npm run test:interop`. Values must be equal; intervals, which both
 * sides draw at random, within the error of so many draws. Nothing in cadenza needs Python; this only asks another implementation.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { probabilityOfImprovement } from '../../src/records/index.ts';
import { aggregate, drawResamples, type Estimate, performanceProfile } from '../../src/statistics/index.ts';
import { Random } from '../../src/util/random.ts';

const PYTHON = process.env.CADENZA_PYTHON ?? 'python3';
const REPS = 2000;
const THRESHOLDS = [0, 0.25, 0.5, 0.75, 0.9];

const probe = spawnSync(PYTHON, ['-c', 'import rliable.library'], { encoding: 'utf8' });
const missing = probe.status !== 0;
const why = probe.error?.message ?? probe.stderr?.trim().split('\n').at(-1) ?? '';

if (missing)
  process.stderr.write(`
  ############################################################################################
  #  NOT COMPARED: ${PYTHON} cannot load the package rliable, so the statistics were compared with nothing.
  #  ${why}
  #  To compare them (about 500 MB; nothing else here needs Python; rliable's arch does not load with pandas 3):
  #      python3 -m venv /tmp/rliable && /tmp/rliable/bin/pip install rliable==1.2.0 'pandas<3'
  #      CADENZA_PYTHON=/tmp/rliable/bin/python npm run test:interop
  ############################################################################################

`);

/** [tasks][runs] like in-context learners': some tasks solved, some never, with ties, and some scores beyond 1. */
function scores(seed: number, tasks: number, runs: number, solved: number): number[][] {
  const random = Random.seeded(seed);
  return Array.from({ length: tasks }, () =>
    Array.from({ length: runs }, () => {
      const level = random.uniform() < solved ? 0.9 + 0.15 * random.normal() : 0.2 * random.uniform();
      return Math.round(20 * Math.max(0, level)) / 20;
    }),
  );
}

const transposed = (matrix: readonly number[][]) => matrix[0].map((_, i) => matrix.map(row => row[i]));

/** The ends of two percentile intervals of as many draws differ by less than this share of their width, or by one step of a discrete statistic. */
function expectSame(name: string, ours: Estimate, [value, low, high]: number[], step = 0): void {
  expect(ours.value, `${name}: value`).toBeCloseTo(value, 10);
  // Of 2,000 draws an end at 2.5% has a standard error of 0.06 σ, the difference of two 0.085 σ, and the width is 3.9 σ: this is five of them.
  const tolerance = 0.11 * (high - low) + step + 1e-12;
  expect(Math.abs(ours.low - low), `${name}: low ${ours.low}, rliable ${low}`).toBeLessThanOrEqual(tolerance);
  expect(Math.abs(ours.high - high), `${name}: high ${ours.high}, rliable ${high}`).toBeLessThanOrEqual(tolerance);
}

interface Reference {
  aggregates: Record<keyof ReturnType<typeof aggregate>, number[]>;
  profile: number[][];
  improvement: number[];
}

describe.skipIf(missing)(`against rliable${missing ? ' (NOT COMPARED: it is not installed)' : ''}`, () => {
  const cases: [string, number[][], number[][]][] = [
    ['eight tasks of twenty runs', scores(1, 8, 20, 0.7), scores(2, 8, 20, 0.6)],
    ['few runs, an odd number of tasks', scores(3, 5, 6, 0.5), scores(4, 5, 9, 0.5)],
    ['many tasks of three runs', scores(5, 12, 3, 0.8), scores(6, 12, 3, 0.3)],
    ['equal rows', scores(7, 6, 10, 0.6), scores(7, 6, 10, 0.6)],
  ];

  it.each(cases)('%s', (_name, x, y) => {
    const asked = { x: transposed(x), y: transposed(y), thresholds: THRESHOLDS, reps: REPS, seed: 0 };
    const script = fileURLToPath(new URL('rliable_reference.py', import.meta.url));
    const { stdout, stderr, status } = spawnSync(PYTHON, [script], { input: JSON.stringify(asked), encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const reference = JSON.parse(stdout) as Reference;

    const runs = x.length * x[0].length;
    const draws = drawResamples(
      x.map(({ length }) => length),
      REPS,
      Random.seeded(8),
    );
    for (const [name, ours] of Object.entries(aggregate(x, draws)))
      expectSame(name, ours, reference.aggregates[name as keyof Reference['aggregates']]);
    for (const [i, point] of performanceProfile(x, draws, THRESHOLDS).entries())
      expectSame(`profile at ${point.threshold}`, { ...point, value: point.share }, reference.profile[i], 1 / runs);
    const improvement = probabilityOfImprovement(x, y, { random: Random.seeded(9), resamples: REPS });
    expectSame('probability of improvement', improvement, reference.improvement);
  });
});
