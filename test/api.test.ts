/** @file The root of the package: an experiment opened, run, interrupted, continued and read from code. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CadenzaError, environment, figures, openAgent, openExperiment, openResults, Random, type RunProgress } from '../src/index.ts';
import { failure } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'api-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SET = ['teacher.steps=0', 'distill.beta=0', 'baselines.steps=0', 'evaluate.imitationHistories=0', 'evaluate.timedActions=0'];

it('has the figures of reports, which load nothing that draws', () => {
  const curves = figures.get('curves');
  expect([curves.of, curves.title]).toEqual(['methods', 'Learning curves']);
  expect(() => figures.get('curve')).toThrow(failure('E_CONFIG', '"curves"'));
});

describe('an experiment', () => {
  const out = join(folder, 'out');

  it('saves what it has when it is aborted', async () => {
    const experiment = await openExperiment('tiny', { set: SET });
    const controller = new AbortController();
    const onProgress = ({ stage, done }: RunProgress) => {
      if (stage.startsWith('finetune') && done > 2) controller.abort(new CadenzaError('E_INTERRUPTED', 'enough'));
    };
    await expect(experiment.run({ out, onProgress, signal: controller.signal })).rejects.toThrow(failure('E_INTERRUPTED'));
  }, 60_000);

  it('is interrupted, whatever the reason of its signal is', async () => {
    const experiment = await openExperiment('tiny', { set: SET });
    const controller = new AbortController();
    controller.abort();
    await expect(experiment.run({ out, signal: controller.signal })).rejects.toThrow(failure('E_INTERRUPTED', out));
  });

  it('continues, says where it is, and gives its results and its agent', async () => {
    const experiment = await openExperiment('tiny', { set: SET });
    const seen: RunProgress[] = [];
    const results = await experiment.run({ out, onProgress: progress => seen.push(progress) });
    expect(openResults(out).results).toEqual(JSON.parse(JSON.stringify(results)));
    expect(seen.every(({ done, total }) => done <= total)).toBe(true);
    // Reports list methods and stages in this order.
    expect(readFileSync(join(out, 'results.json'), 'utf8')).toBe(`${JSON.stringify(results, null, 2)}\n`);
    // Each call reports a change.
    for (const [i, progress] of seen.slice(1).entries()) expect(progress).not.toEqual(seen[i]);
    expect(seen.find(({ stage }) => stage.startsWith('finetune'))!.done).toBeGreaterThan(2);
    const agent = await openAgent(join(out, 'model'));
    agent.reset(1);
    const env = environment('dark-room').make([{ goal: [0, 0] }], Random.seeded(0));
    const probabilities = await agent.act(env.reset());
    expect(Array.from(probabilities).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    expect(() => agent.returns()).toThrow(failure('E_CONFIG', 'policy.returns'));
    await agent.dispose();
  }, 60_000);

  it('may be given as settings', async () => {
    const { name, config } = await openExperiment({ name: 'mine', base: 'tiny' }, { set: ['seeds=[0, 1]'] });
    expect([name, config.seeds]).toEqual(['mine', [0, 1]]);
  });

  it('is not run to a stage that there is not', async () => {
    const { run } = await openExperiment('tiny', { set: SET });
    await expect(run({ out, until: 'finetun' })).rejects.toThrow(failure('E_USAGE', '"finetun"', '"finetune"'));
  });

  it('is refused with all that is wrong with it', async () => {
    const wrong = openExperiment({ name: 'mine', model: { widht: 8 }, seeds: 'none' });
    await expect(wrong).rejects.toThrow(failure('E_CONFIG', 'model.widht', 'model.width', 'seeds'));
    await expect(openExperiment('no-such-preset')).rejects.toThrow(failure('E_CONFIG', 'no-such-preset'));
  });
});
