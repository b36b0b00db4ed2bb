/** @file `cadenza plan` and `cadenza collect`: the jobs of a command, and results of what is finished. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cadenza, TINY, withinProcess } from './helpers/command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-plan-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface PlannedJob {
  readonly stage: string;
  readonly key: string;
  readonly after: readonly string[];
  readonly finished: boolean;
  readonly cores: number;
  readonly bytes: number;
  readonly output: string;
}

const SEEDS = ['--set', 'seeds=[0,1]'];

/** The jobs of the tiny experiment with two seeds. */
async function jobsIn(out: string, ...more: string[]): Promise<PlannedJob[]> {
  const { stdout, status } = await withinProcess(['plan', TINY, ...SEEDS, '--out', join(folder, out), '--json', ...more]);
  expect(status).toBe(0);
  return JSON.parse(stdout).jobs;
}

describe('plan', () => {
  it('has every stage of a run once, after what it reads, and writes nothing', async () => {
    const jobs = await jobsIn('nothing');
    expect(readdirSync(folder)).not.toContain('nothing');
    expect(new Set(jobs.map(({ key }) => key)).size).toBe(jobs.length);
    for (const [i, { after, finished, cores, bytes }] of jobs.entries()) {
      for (const key of after) expect(jobs.slice(0, i).map(({ key }) => key)).toContain(key);
      expect([finished, cores]).toEqual([false, 1]);
      expect(bytes).toBeGreaterThan(1e8);
    }
    const stages = jobs.map(({ stage }) => stage);
    expect(stages.filter(stage => stage === 'generate')).toHaveLength(1);
    expect(stages).toEqual(expect.arrayContaining(['finetune-seed0', 'finetune-seed1', 'evaluate-cad-seed1']));
    const byKey = new Map(jobs.map(job => [job.key, job.stage]));
    const read = jobs.find(({ stage }) => stage === 'evaluate-cad-seed1')!.after.map(key => byKey.get(key));
    expect(read).toEqual(['finetune-seed1']);
  });

  it('draws the same graph', async () => {
    const { stdout } = await withinProcess(['plan', TINY, ...SEEDS, '--out', join(folder, 'nothing'), '--mermaid']);
    const label = new Map(Array.from(stdout.matchAll(/^ {2}(\w+)\["(.*)"\]/gm), ([, id, text]) => [id, text]));
    const arrows = Array.from(stdout.matchAll(/^ {2}(\w+) --> (\w+)$/gm), ([, from, to]) => [label.get(from), label.get(to)]);
    expect(arrows).toContainEqual(['generate', 'teacher × 2']);
    expect(arrows).toContainEqual(['finetune × 2', 'evaluate-cad × 2']);
    expect(stdout.split('\n')[0]).toBe('flowchart LR');
  });

  it('plans ablations and sweeps, with shared stages once', async () => {
    const { stdout } = await withinProcess(['plan', TINY, '--set', 'model.latents=2,4', '--out', join(folder, 'nothing'), '--json']);
    const jobs: PlannedJob[] = JSON.parse(stdout).jobs;
    const count = (wanted: string) => jobs.filter(({ stage }) => stage === wanted).length;
    expect([count('generate'), count('teacher-seed0'), count('finetune-seed0')]).toEqual([1, 1, 2]);
    const ablation = JSON.parse((await withinProcess(['plan', 'matrix', '--out', join(folder, 'nothing'), '--json'])).stdout);
    expect(ablation.jobs.length).toBeGreaterThan(100);
  });
});

describe('collect', () => {
  const collect = (out: string) => cadenza('collect', TINY, ...SEEDS, '--out', join(folder, out), '--json');

  it('refuses where no seed is finished, and names what is missing', async () => {
    const { status, stdout } = await collect('nothing');
    expect(status).toBe(4);
    const { error } = JSON.parse(stdout);
    expect(error.code).toBe('E_DATA');
    expect(error.message).toContain('generate');
  });

  it('builds the results of the seeds that are finished, as a run of these seeds has them, and then of all', async () => {
    const run = (out: string, seeds: string) => cadenza('run', TINY, '--set', seeds, '--out', join(folder, out), '--json');
    await run('part', 'seeds=[1]');
    const one = JSON.parse(readFileSync(join(folder, 'part', 'results.json'), 'utf8'));
    const part = await collect('part');
    expect(part.status).toBe(0);
    expect(part.stderr).toContain('finetune-seed0');
    expect(JSON.parse(part.stdout).methods).toEqual(one.methods);
    expect((await jobsIn('part')).filter(({ finished, stage }) => finished !== !stage.endsWith('-seed0'))).toEqual([]);

    await run('part', 'seeds=[0]');
    const whole = await collect('part');
    expect(whole.stderr).not.toContain('missing');
    const direct = JSON.parse((await run('direct', 'seeds=[0,1]')).stdout);
    expect(JSON.parse(whole.stdout).methods).toEqual(direct.methods);
  });
});
