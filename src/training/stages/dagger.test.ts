import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { Model } from '../../agent/model.ts';
import { MODEL_FILE } from '../../cache/checkpoint.ts';
import { StageCache } from '../../cache/store.ts';
import { type ExperimentConfig, loadExperiment } from '../../config/experiment.ts';
import { openHistories } from '../../data/index.ts';
import { nodeExecutor } from '../../engine/executors/node.ts';
import { generate, loadHistories } from '../../histories/generate.ts';
import { openTasks } from '../../histories/tasks.ts';
import { expectBuildable } from '../../pipeline/buildable.ts';
import type { History } from '../../rl/index.ts';
import { expectLearners, observe, source } from '../../sources/index.ts';
import { silentProgress } from '../../util/progress.ts';
import { Random } from '../../util/random.ts';
import type { TrainingRun } from '../define.ts';
import { aggregated, dagger } from './dagger.ts';
import { finetune } from './finetune.ts';
import type { StageSections } from './index.ts';

const TINY = fileURLToPath(new URL('../../../experiments/tiny.yaml', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'cadenza-dagger-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SHORT = ['distill.beta=0', 'teacher.steps=0', 'pretrain.steps=0', 'distill.steps=0', 'finetune.steps=20', 'dagger.streams=15'];
/** Lives of 24 calls, of which the agent plays 16, with Z carried through training. */
const LIVES = [
  'env={ id: key-to-door-life, options: { size: 3, calls: 24, attempt: 8, changing: 0 } }',
  'split={ tasks: 40, heldOut: 4 }',
  'source={ id: layout-search, histories: 1, episodes: 1, env: { calls: 16 } }',
  'context={ segment: 4, segments: 1 }',
  'compressor=recurrent',
  'queries={ perHistory: 4, consecutive: true }',
];

/** Trains and plays in a folder of this name; what is left of each stage, by its name. */
async function run(name: string, overrides: readonly string[]) {
  const config = loadExperiment(TINY, [...SHORT, ...overrides]);
  const folder = join(root, name);
  const store = new StageCache(folder, { progress: silentProgress, signal: new AbortController().signal });
  const { family } = openTasks(config);
  const executor = nodeExecutor({ threads: 1 });
  const generated = await generate(store, config, executor);
  const { histories } = loadHistories(generated, family);
  const model = new Model(config, family);
  const shared: TrainingRun<StageSections> = { store, config, seed: 0, model, histories: () => histories, generated, executor };
  const { output: agent } = await finetune.train(shared, {});
  const { output } = await dagger.train(shared, { agent });
  const stage = (of: string) => join(folder, 'stages', readdirSync(join(folder, 'stages')).find(each => each.startsWith(`${of}-seed0-`))!);
  const played = (round: number) => openHistories(stage(`dagger-play-${round}`), family).histories;
  return { config, family, stage, played, output: output! };
}

/** What a new learner of the source says in every step of a history that it observes. */
function labels(config: ExperimentConfig, history: History): Float32Array {
  const { family } = openTasks(config);
  const learner = expectLearners(source(config.source.id), 'A test').learner(family, history.task, Random.seeded(0));
  const size = history.probabilities.length / history.reward.length;
  const said = new Float32Array(history.probabilities.length);
  observe(learner, history, (seen, t) => learner.distribution(seen, said.subarray(t * size, (t + 1) * size)));
  return said;
}

describe.each([
  ['episodes', ['source={ id: r-max, histories: 1, episodes: 3 }']],
  ['lives', LIVES],
])('dagger in %s', (name, settings) => {
  const trained = (folder: string) => run(folder, [...settings, 'dagger.steps=150', 'dagger.rounds=3', 'dagger.learningRate=5e-3']);
  let made: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    made = await trained(name);
  });

  it('plays training tasks, for as long as the source, and has the labels of its learner', () => {
    const { config, family, played } = made;
    const train = new Set(openTasks(config).train.map(family.taskKey));
    const length = name === 'lives' ? 16 : 3 * family.horizon;
    for (const round of [1, 2, 3]) {
      const histories = played(round);
      expect(histories.map(({ reward }) => reward.length)).toEqual(new Array(15).fill(length));
      expect(new Set(histories.map(({ taskKey }) => taskKey)).size).toBe(15);
      for (const history of histories) {
        expect(train.has(history.taskKey)).toBe(true);
        expect(history.probabilities).toEqual(labels(config, history));
      }
    }
  });

  it('acts itself, and does what a learner would not do less often from round to round', () => {
    const wrong = [1, 2, 3].map(round => {
      const steps = made
        .played(round)
        .flatMap(({ action, probabilities, reward }) =>
          Array.from(reward, (_, t) => Number(probabilities[(t * probabilities.length) / reward.length + action[t]] === 0)),
        );
      return steps.reduce((sum, each) => sum + each / steps.length, 0);
    });
    expect(wrong[0]).toBeLessThan(1);
    expect(wrong[2]).toBeGreaterThan(0);
    expect(wrong[2], wrong.join()).toBeLessThan(0.9 * wrong[0]);
  });

  it('ends with equal bytes in every run, and its rounds differ', async () => {
    const { output, stage } = made;
    const again = await trained(`${name} again`);
    const model = (folder: string) => readFileSync(join(folder, MODEL_FILE));
    expect(again.output.key).toBe(output.key);
    expect(model(again.output.folder).equals(model(output.folder))).toBe(true);
    expect(model(stage('dagger-1')).equals(model(output.folder))).toBe(false);
  });
});

it('adds as many histories of the source, from all of its tasks', () => {
  expect(aggregated(['a', 'b', 'c'], ['p1', 'p2', 'q1', 'q2', 'r1', 'r2'])).toEqual(['a', 'b', 'c', 'p1', 'q1', 'r1']);
  expect(aggregated(['a', 'b', 'c'], ['p1', 'p2'])).toEqual(['a', 'b', 'c', 'p1', 'p2']);
});

describe('dagger is refused', () => {
  const built = (...overrides: string[]) => expectBuildable(loadExperiment(TINY, ['dagger.steps=1', ...overrides]));

  it('with a source whose learners cannot observe', () => {
    expect(() => built('source={ id: ppo, histories: 1, episodes: 40, noise: { fraction: 0, max: 0 } }')).toThrow(
      failure('E_CONFIG', 'dagger', 'ppo'),
    );
  });

  it('without a weight for the labels of the source', () => {
    expect(() => built('distill.alpha=0')).toThrow(failure('E_CONFIG', 'dagger.steps', 'distill.alpha'));
  });

  it('with prompts', () => {
    expect(() => built('policy.prompt={ episodes: 1 }', 'policy.architecture=encoder-decoder')).toThrow(
      failure('E_CONFIG', 'dagger.steps'),
    );
  });
});
