/** @file Few-shot prompts the whole pipeline: what is shown to whom, what the results say of it, and the exported agent with a prompt. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Model } from '../src/agent/model.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { interpret, softmax } from '../src/engine/index.ts';
import { loadHistories } from '../src/histories/generate.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { loadPolicy } from '../src/policy/index.ts';
import type { Results } from '../src/records/index.ts';
import { episodeReturns, type History, pickEpisodes } from '../src/rl/index.ts';
import { BatchSampler, newBatch, writePrompts } from '../src/tokenizers/index.ts';
import { batchParts } from '../src/training/batches.ts';
import { Random } from '../src/util/random.ts';
import { type Ended, settings, stageFiles, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { makeModel, readModel } from './helpers/exported.ts';
import { carrying } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-prompt-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SETTINGS = {
  'teacher.steps': 0,
  'distill.beta': 0,
  'pretrain.steps': 0,
  'distill.steps': 0,
  'finetune.steps': 30,
  'baselines.steps': 0,
  'policy.prompt.styles': ['expert', 'random'],
  'policy.prompt.demonstrations': 1,
};
const config = loadExperiment(
  TINY,
  Object.entries(SETTINGS).map(([key, value]) => `${key}=${JSON.stringify(value)}`),
);
const { family, train, test } = openTasks(config);
const [out, twin] = ['out', 'twin'].map(name => join(folder, name));
let ended: Omit<Ended, 'signal'>;
beforeAll(async () => {
  const run = (to: string) => withinProcess(['run', TINY, '--out', to, '--verbose', ...settings(SETTINGS)]);
  ended = await run(out);
  await run(twin);
}, 120_000);

const demonstrations = (stage: string): readonly History[] =>
  loadHistories({ folder: stageFolder(out, stage)!, key: '', report: {}, seconds: 0 }, family).histories;
const keys = (histories: readonly History[]) => [...new Set(histories.map(({ taskKey }) => taskKey))].sort();

describe('a run with prompts', () => {
  it('has a row for each style in addition to that without, and says what those were given', () => {
    expect(ended.status, ended.stderr).toBe(0);
    const { methods } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results;
    expect(Object.keys(methods).sort()).toEqual(['cad', 'cad-expert', 'cad-random', 'random', 'source']);
    expect(methods['cad-expert'].given).toMatch(/\bexpert\b/);
    expect(Object.values(methods).filter(({ given }) => given)).toHaveLength(2);
    const said = ended.stdout.replace(/\s+/g, ' ');
    for (const name of ['cad-expert', 'cad-random']) expect(said).toEqual(carrying(methods[name].given!, name));
    // The prompt is among what reaches the policy, whether there is one or not.
    expect(methods['cad-expert'].stateBytes).toBe(methods.cad.stateBytes);
  });

  it('shows each side its own tasks alone', () => {
    expect(keys(demonstrations('demonstrate-expert-training'))).toEqual(train.map(family.taskKey).sort());
    expect(keys(demonstrations('demonstrate-random-evaluated'))).toEqual(test.map(family.taskKey).sort());
    // One for every stream, each of its own.
    expect(demonstrations('demonstrate-random-evaluated')).toHaveLength(test.length * config.evaluate.streams);
  });

  it('teaches what a learner does that has seen the prompt', () => {
    for (const history of demonstrations('demonstrate-expert-training')) {
      const returns = episodeReturns(history);
      expect(returns).toHaveLength(1 + config.source.episodes);
      expect(returns[0]).toBe(family.oracleReturn!(history.task));
      // Noise in the actions aside, so does its first episode, and its labels do not know of any noise.
      const { probabilities } = pickEpisodes(history, [1]);
      const shown = pickEpisodes(history, [0]);
      expect(probabilities.subarray(0, 5)).toEqual(shown.probabilities.subarray(0, 5));
    }
  });

  it('gives equal bytes of equal seeds', () => {
    const [a, b] = [stageFiles(out), stageFiles(twin)];
    expect([...a.keys()]).toEqual([...b.keys()]);
    expect([...a].filter(([path, bytes]) => !bytes.equals(b.get(path)!)).map(([path]) => path)).toEqual([]);
  });
});

describe('the batches of a run with prompts', () => {
  it('are in two parts, whose prompts are of the task of their query', () => {
    const model = new Model(config, family);
    const histories = demonstrations('generate');
    const shown = ['expert', 'random'].flatMap(style => demonstrations(`demonstrate-${style}-training`));
    const batch = newBatch(model.tokenizer, model.batchShape(16));
    const [alone, prompted] = batchParts(batch, histories, shown, { prompt: config.policy.prompt, perHistory: 1 });
    expect([alone.from, alone.batch.place.length.length, alone.prompts]).toEqual([0, 4, undefined]);
    expect([prompted.from, prompted.batch.place.length.length]).toEqual([4, 12]);
    expect(prompted.histories.map(({ taskKey }) => taskKey)).toEqual(prompted.prompts!.map(({ taskKey }) => taskKey));
    expect(keys(prompted.prompts!)).toEqual(train.map(family.taskKey).sort());
  });
});

describe.each(['decoder', 'encoder-decoder'])('an exported agent in the %s form', form => {
  it('acts on a prompt by what was trained', async () => {
    const request = { name: form, tokenizer: 'packed', kind: 'bottleneck', settings: { policy: { architecture: form, prompt: {} } } };
    const { model, scope, weights } = await makeModel(folder, request);
    const { horizon } = model.family;
    const [histories, prompts] = [[1], [0]].map(kept =>
      demonstrations('demonstrate-expert-training')
        .slice(0, 1)
        .map(whole => pickEpisodes(whole, kept)),
    );
    // The first episode of a learner that has seen the prompt: nothing is in its context.
    const shape = model.batchShape(1);
    const batch = newBatch(model.tokenizer, shape);
    new BatchSampler(histories, model.tokenizer, shape).fill(batch, Random.seeded(0));
    writePrompts(model.tokenizer, batch, prompts);
    const { context, query } = model.inputs(1);
    const trained = softmax(model.logits(scope, query, model.latents(scope, 'bottleneck', { context })!.trained));
    const feeds = { ...Object.fromEntries(weights), context: batch.context, query: batch.query };
    const { probabilities } = interpret({ outputs: { probabilities: trained } }, feeds);

    const policy = await loadPolicy({ ...readModel(join(folder, form)), executor: nodeExecutor({ threads: 1 }) });
    const [{ observation, nextObservation, action, reward }] = histories;
    const play = async () => {
      const played: number[] = [];
      for (let t = 0; t < horizon; t++) {
        played.push(...(await policy.act(observation.slice(2 * t, 2 * t + 2))));
        await policy.observe({
          observation: observation.slice(2 * t, 2 * t + 2),
          nextObservation: nextObservation.slice(2 * t, 2 * t + 2),
          action: action.slice(t, t + 1),
          reward: reward.slice(t, t + 1),
          terminated: Uint8Array.of(0),
          truncated: Uint8Array.of(Number(t === horizon - 1)),
        });
      }
      return played;
    };
    const furthest = (played: readonly number[]) => played.reduce((worst, p, i) => Math.max(worst, Math.abs(p - probabilities[i])), 0);
    policy.reset(1);
    policy.prompt(prompts);
    const played = await play();
    expect(played).toHaveLength(horizon * policy.actions.size);
    expect(furthest(played)).toBeLessThan(1e-4);
    policy.reset(1);
    expect(furthest(await play())).toBeGreaterThan(1e-3);
    await policy.dispose();
  });
});
