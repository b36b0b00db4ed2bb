import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, openActor } from '../../agent/experience.ts';
import { Model, partOf } from '../../agent/model.ts';
import { loadTensors, MODEL_FILE } from '../../cache/checkpoint.ts';
import { StageCache, type StageOutput } from '../../cache/store.ts';
import { latentKinds } from '../../compressor/index.ts';
import { type ExperimentConfig, loadExperiment } from '../../config/experiment.ts';
import { nodeExecutor } from '../../engine/executors/node.ts';
import { zeros } from '../../engine/index.ts';
import { tabularFamily } from '../../envs/tabular.ts';
import { generate, loadHistories } from '../../histories/generate.ts';
import { openTasks } from '../../histories/tasks.ts';
import { initialize, nextOf, Scope } from '../../nn/index.ts';
import { PARAMETERS, pack, packing } from '../../optim/index.ts';
import { actionDistribution, type EnvFamily, listedTasks, type Policy, type Task } from '../../rl/index.ts';
import { expectLearners, source } from '../../sources/index.ts';
import { silentProgress } from '../../util/progress.ts';
import { Random } from '../../util/random.ts';
import type { Trained, TrainingRun } from '../define.ts';
import { batchesFor } from '../prepare.ts';
import { train } from '../trainer.ts';
import { distill } from './distill.ts';
import { type StageSections, stageOptimizer } from './index.ts';
import { experienceBatches, labelerOf, reinforce, reinforceLoss, updatesOf } from './reinforce.ts';

const TINY = fileURLToPath(new URL('../../../experiments/tiny.yaml', import.meta.url));
const executor = nodeExecutor({ threads: 1 });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-reinforce-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Two arms, of which the task's pays, pulled three times an episode: what the first pull brought tells where to go on. */
const bandit = tabularFamily({
  id: 'bandit',
  observationSpace: { kind: 'discrete', n: 1 },
  actionSpace: { kind: 'discrete', n: 2 },
  horizon: 3,
  rewardMax: 1,
  tasks: () => [{ pays: 0 }, { pays: 1 }],
  taskKey: ({ pays }) => `pays=${pays}`,
  model: {
    states: 2,
    actions: 2,
    starts: [0],
    next: (_, _state, action) => action,
    reward: ({ pays }, _state, action) => (action === pays ? 1 : 0),
    terminal: () => false,
    observe: (_, out, offset) => {
      out[offset] = 0;
    },
  },
});

const left = async (trained: Promise<Trained>) => (await trained).output!;

const settingsOf = (...overrides: string[]): ExperimentConfig =>
  loadExperiment(TINY, ['reinforce.streams=16', 'reinforce.episodes=4', 'reinforce.warmup=0', 'reinforce.steps=1', ...overrides]);

/** Everything that the stage is made of, around fresh weights. */
function fresh(config: ExperimentConfig, family: EnvFamily = bandit) {
  const model = new Model(config, family);
  const optimizer = stageOptimizer(config, 'reinforce');
  const scope = new Scope();
  const { loss, metrics } = reinforceLoss(model, scope, config.compressor, optimizer.batch, config.reinforce);
  const specs = [...scope.table.values()];
  const buffers = [...scope.buffers.values()];
  const given = initialize([...specs, ...buffers], Random.seeded(3));
  return { model, optimizer, loss, metrics, specs, buffers, randoms: [...scope.randoms.values()], given };
}

interface Abort {
  at: number;
  controller: AbortController;
}

/** Trains fresh weights on the bandit; gives the weights and the lines of the metrics. */
async function learn(
  config: ExperimentConfig,
  { tasks = listedTasks(bandit, 'A test'), abort, seed = 5 }: { tasks?: Task[]; abort?: Abort; seed?: number } = {},
) {
  const { model, optimizer, loss, metrics, specs, buffers, randoms, given } = fresh(config);
  const { signal } = abort?.controller ?? new AbortController();
  const batches = await experienceBatches({
    model,
    kind: config.compressor,
    settings: config.reinforce,
    tasks,
    executor,
    optimizer,
    trainable: specs,
    frozen: [],
    buffers,
    given,
    random: Random.seeded(seed),
    signal,
    reads: new Set(),
  });
  const taken = batchesFor({ outputs: { loss, ...metrics, ...nextOf(buffers) } }, batches, randoms, Random.seeded(6));
  const { weights } = await train({
    title: 'bandit',
    loss,
    metrics,
    trainable: specs,
    buffers,
    given,
    steps: config.reinforce.steps * updatesOf(config.reinforce, optimizer.batch),
    optimizer,
    batches: {
      ...taken,
      fill(step, state) {
        if (step === abort?.at) abort.controller.abort(new Error('stop'));
        return taken.fill(step, state);
      },
    },
    checkpointEvery: batches.unit!,
    executor,
    context: { folder, key: 'k', progress: silentProgress, signal },
  }).finally(batches.dispose);
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return { given, weights, unit: batches.unit!, rows: lines.map(line => JSON.parse(line) as Record<string, number>) };
}

/** Streams of the agent with these weights. */
async function streamsOf(
  config: ExperimentConfig,
  weights: ReadonlyMap<string, Float32Array>,
  tasks: readonly Task[],
  { labeler, family = bandit }: { labeler?: Policy; family?: EnvFamily } = {},
) {
  const { model, specs } = fresh(config, family);
  const layouts = { [PARAMETERS]: packing(specs) };
  const frozen = { layout: packing([]), values: zeros([0]) };
  const actor = await openActor({ model, compressorId: config.compressor, streams: tasks.length, executor, layouts, frozen, critic: true });
  const parameters = zeros([layouts[PARAMETERS].size]);
  pack(layouts[PARAMETERS], weights, parameters.data as Float32Array);
  actor.load({ [PARAMETERS]: parameters });
  const streams = await collect({ model, actor, tasks, episodes: 3, labeler, random: Random.seeded(11) });
  await actor.dispose();
  return streams;
}

describe('experience', () => {
  it.each([
    [],
    ['policy.query=state'],
    ['model.positions=relative-bias', 'policy.architecture=encoder-decoder'],
    ...latentKinds.all.map(({ id }) => [`latents.kind=${id}`, 'latents.groups=2', 'latents.codes=16']),
  ])('is what the loss recomputes: before the first update no probability has moved (%s)', async (...overrides) => {
    const once = settingsOf('reinforce.batch=64', 'reinforce.epochs=1', 'reinforce.learningRate=1e-9', ...overrides);
    const { rows, unit } = await learn(once);
    expect(unit).toBe(1);
    expect(rows).toHaveLength(1);
    expect(rows[0].clipFraction).toBe(0);
    expect(Math.abs(rows[0].approxKl)).toBeLessThan(1e-6);
    expect(rows[0].entropy).toBeGreaterThan(0.1);
  });

  it('holds whole episodes in order, and one value more than steps', async () => {
    const config = settingsOf();
    const { given } = fresh(config);
    // A read-out that is not 0, so that values say something.
    given.set('value.bias', Float32Array.of(0.75));
    const streams = await streamsOf(config, given, [{ pays: 0 }, { pays: 1 }, { pays: 1 }]);
    for (const { starts, action, reward, logProbability, value, task, ended } of streams) {
      expect(starts).toEqual([0, 3, 6, 9]);
      expect(ended).toEqual([0, 0, 1, 0, 0, 1, 0, 0, 1].map(Boolean));
      expect(reward).toEqual(action.map(a => Number(a === task.pays)));
      expect([logProbability.length, value.length]).toEqual([9, 10]);
      expect(logProbability.every(v => v < 0 && v > -5)).toBe(true);
      expect(value).toEqual(new Array(10).fill(0.75));
    }
  });

  it('has the labels of a teacher that observes and never acts', async () => {
    const config = settingsOf();
    const calls: number[] = [];
    const labeler: Policy = {
      actions: actionDistribution({ kind: 'discrete', n: 2 }),
      reset: size => calls.push(size),
      act: async observation => Float32Array.from({ length: 2 * observation.length }, (_, i) => (i % 2 === 0 ? calls.length : -1)),
      observe: async ({ action }) => {
        calls.push(...action);
      },
    };
    const [a, b] = await streamsOf(config, fresh(config).given, [{ pays: 0 }, { pays: 1 }], { labeler });
    expect(calls).toEqual([2, ...a.action.flatMap((action, t) => [action, b.action[t]])]);
    expect(a.label).toEqual(a.action.flatMap((_, t) => [1 + 2 * t, -1]));
    expect(b.label).toEqual(a.label);
  });
});

describe('labels', () => {
  const ACTIONS = 5;

  const label = async (labels: string) => {
    const config = settingsOf('reinforce.imitationWeight=1', `reinforce.labels=${labels}`);
    const { family, train } = openTasks(config);
    const tasks = train.slice(0, 2);
    const labeler = labelerOf(family, config, Random.seeded(2))!(tasks, Random.seeded(1));
    return { config, family, tasks, streams: await streamsOf(config, fresh(config, family).given, tasks, { labeler, family }) };
  };

  it('of the source are what its learner would do, having seen what the agent did', async () => {
    const { config, family, tasks, streams } = await label('source');
    for (const [s, { observation, action, reward, nextObservation, terminated, truncated, label }] of streams.entries()) {
      const learner = expectLearners(source(config.source.id), 'A test').learner(family, tasks[s], Random.seeded(0), config.source.options);
      const out = new Float32Array(ACTIONS);
      for (const t of action.keys()) {
        const seen = Float32Array.from(observation.slice(2 * t, 2 * t + 2));
        learner.distribution(seen, out);
        expect(label.slice(ACTIONS * t, ACTIONS * (t + 1))).toEqual([...out]);
        const next = Float32Array.from(nextObservation.slice(2 * t, 2 * t + 2));
        learner.observe(seen, [action[t]], reward[t], next, terminated[t] === 1, truncated[t] === 1);
      }
    }
  });

  it('of Monte Carlo go the shortest way to the goal', async () => {
    const { tasks, streams } = await label('monte-carlo');
    for (const [s, { observation, label }] of streams.entries()) {
      const goal = tasks[s].goal as readonly number[];
      for (let t = 0; ACTIONS * t < label.length; t++) {
        const [x, y] = observation.slice(2 * t, 2 * t + 2);
        const row = label.slice(ACTIONS * t, ACTIONS * (t + 1));
        expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
        // As many good actions as there are axes on which the goal lies elsewhere.
        if (x !== goal[0] || y !== goal[1]) expect(row.filter(p => p > 0)).toHaveLength(Number(x !== goal[0]) + Number(y !== goal[1]));
      }
    }
  });
});

describe('training on returns', () => {
  it('raises the expected return by the updates of a single iteration', async () => {
    const config = settingsOf('reinforce.streams=64', 'reinforce.epochs=1', 'reinforce.learningRate=5e-3', 'reinforce.valueSteps=0');
    const { given, weights } = await learn(config, { tasks: [{ pays: 1 }] });
    const tasks = new Array<Task>(200).fill({ pays: 1 });
    const total = async (of: ReadonlyMap<string, Float32Array>) =>
      (await streamsOf(config, of, tasks)).flatMap(({ reward }) => reward).reduce((a, b) => a + b, 0) / (200 * 9);
    const [before, after] = [await total(given), await total(weights)];
    // 1,800 pulls: a standard error of about 0.012 each.
    expect(after).toBeGreaterThan(before + 0.05);
  });

  it('lets the values alone learn in the first iterations', async () => {
    const { given, weights } = await learn(settingsOf('reinforce.steps=2', 'reinforce.valueSteps=2', 'reinforce.weightDecay=0'));
    for (const [name, values] of weights)
      (name.startsWith('value') ? expect(values, name).not : expect(values, name)).toEqual(given.get(name));
  });

  it('teaches to find out which arm pays, which no fixed choice can know', async () => {
    const config = settingsOf('reinforce.streams=32', 'reinforce.steps=60', 'reinforce.learningRate=5e-3');
    const ends: { return: number; explained: number }[] = [];
    for (const seed of [5, 6, 7]) {
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), 'cadenza-reinforce-'));
      const { rows } = await learn(config, { seed });
      // Half of the pulls for any fixed choice; all but the first with a memory.
      expect(rows[0].return).toBeLessThan(0.6);
      expect(rows.at(-1)!.discounted).toBeGreaterThan(rows[0].discounted);
      ends.push({ return: rows.at(-1)!.return, explained: rows.at(-1)!.explained });
    }
    // A single training can end lower after a change of rounding alone, so the median of three counts.
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[1];
    expect(median(ends.map(end => end.return))).toBeGreaterThan(0.8);
    // By now the values tell who knows the arm from who does not.
    expect(median(ends.map(({ explained }) => explained))).toBeGreaterThan(0.5);
  });

  it.each([3, 12, 17])('interrupted before step %i and resumed, ends in the same bytes', async at => {
    const config = settingsOf('reinforce.steps=4', 'reinforce.epochs=2', 'reinforce.batch=16');
    const whole = await learn(config);
    expect(whole.unit).toBe(8);
    rmSync(folder, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), 'cadenza-reinforce-'));
    await expect(learn(config, { abort: { at, controller: new AbortController() } })).rejects.toThrow('stop');
    const resumed = await learn(config);
    expect(resumed.weights).toEqual(whole.weights);
    expect(resumed.rows).toEqual(whole.rows);
  });
});

describe('the stage', () => {
  const weights = (output: StageOutput) => loadTensors(join(output.folder, MODEL_FILE)).tensors;

  async function prepare(...overrides: string[]): Promise<{ run: TrainingRun<StageSections>; start: StageOutput }> {
    const config = settingsOf('distill.steps=20', 'distill.beta=0', ...overrides);
    const store = new StageCache(folder, { progress: silentProgress, signal: new AbortController().signal });
    const { family } = openTasks(config);
    const generated = await generate(store, config, nodeExecutor());
    const { histories } = loadHistories(generated, family);
    const model = new Model(config, family);
    const run: TrainingRun<StageSections> = { store, config, seed: 0, model, histories: () => histories, generated, executor };
    return { run, start: await left(distill.train(run, {})) };
  }

  const metricsOf = (output: StageOutput) =>
    readFileSync(join(output.folder, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, number>);
  const parts = (output: StageOutput) => [...new Set([...weights(output).keys()].map(partOf))].sort();
  const changed = (part: string, before: StageOutput, after: StageOutput) =>
    [...weights(before)]
      .filter(([name]) => partOf(name) === part)
      .some(([name, { data }]) => data.some((v, i) => v !== weights(after).get(name)!.data[i]));

  it('trains compressor and policy from where they were, with values in addition', async () => {
    const { run, start } = await prepare();
    const output = await left(reinforce.train(run, { agent: start }));
    expect(parts(output)).toEqual(['compressor', 'policy', 'value']);
    expect([changed('compressor', start, output), changed('policy', start, output)]).toEqual([true, true]);
    expect(output.report).toMatchObject({ return: expect.any(Number), lastReturn: expect.any(Number) });
  });

  it('leaves a frozen compressor alone, and holds on to where it started', async () => {
    const { run, start } = await prepare('reinforce.compressorLearningRateScale=0', 'reinforce.klWeight=1', 'reinforce.steps=3');
    const output = await left(reinforce.train(run, { agent: start }));
    expect(parts(output)).toEqual(['compressor', 'policy', 'value']);
    expect([changed('compressor', start, output), changed('policy', start, output)]).toEqual([false, true]);
    const free = await prepare('reinforce.compressorLearningRateScale=0', 'reinforce.steps=3');
    expect(free.start.key).toBe(start.key);
    const loose = await left(reinforce.train(free.run, { agent: start }));
    expect(weights(loose).get('policy.head.weight')).not.toEqual(weights(output).get('policy.head.weight'));
  });

  it.each(['source', 'monte-carlo'])('learns from the labels of %s on its own rollouts, without values', async labels => {
    const imitating = [
      'reinforce.policyWeight=0',
      'reinforce.imitationWeight=1',
      'reinforce.entropyWeight=0',
      `reinforce.labels=${labels}`,
    ];
    const { run, start } = await prepare(...imitating, 'reinforce.steps=30', 'reinforce.learningRate=5e-3');
    const output = await left(reinforce.train(run, { agent: start }));
    expect(parts(output)).toEqual(['compressor', 'policy']);
    const rows = metricsOf(output);
    const quarter = Math.floor(rows.length / 4);
    const mean = (part: typeof rows) => part.reduce((sum, { imitation }) => sum + imitation, 0) / part.length;
    expect(mean(rows.slice(-quarter))).toBeLessThan(0.97 * mean(rows.slice(0, quarter)));
  });
});
