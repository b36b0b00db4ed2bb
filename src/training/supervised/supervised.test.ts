/** @file Supervised models and tasks: what is a set stays one, queries stay apart, and tasks are kept apart. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { carrying, failure } from '../../../test/helpers/failure.ts';
import { exampleCounts, makeScorer, meansByCount, SupervisedModel, scoreFunction } from '../../agent/supervised.ts';

import { StageCache } from '../../cache/store.ts';
import { type SupervisedConfig, supervisedSchema } from '../../config/supervised.ts';
import { nodeExecutor } from '../../engine/executors/node.ts';
import { zeros } from '../../engine/index.ts';
import { auditTasks, heldOutTasks, trainingStream, trainingTask } from '../../histories/supervised.ts';
import { initialize } from '../../nn/index.ts';
import { pack, packing } from '../../optim/index.ts';
import { type Draw, drawTask, type Examples, problems } from '../../supervised/index.ts';
import { silentProgress } from '../../util/progress.ts';
import { Random } from '../../util/random.ts';
import { tasksPerSeed } from './stages.ts';

const executor = nodeExecutor({ threads: 1 });
const folder = mkdtempSync(join(tmpdir(), 'cadenza-supervised-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const load = (changes: Record<string, unknown> = {}): SupervisedConfig =>
  supervisedSchema().parse({
    name: 'test',
    problem: { id: 'linear-regression', options: { dimension: 3 } },
    context: { examples: 8 },
    model: { width: 16, heads: 2, encoderLayers: 2, decoderLayers: 2, latents: 2 },
    optimizer: { batch: 4 },
    train: { steps: 5 },
    baselines: { steps: 5 },
    validation: { tasks: 6 },
    evaluate: { tasks: 70, queries: 3, headline: 4 },
    ...changes,
  });

/** Scores [tasks] of a fresh model of `kind`. */
async function freshScores(config: SupervisedConfig, kind: string, tasks: readonly Draw[], count: number): Promise<Float64Array> {
  const model = new SupervisedModel(config);
  const scorer = await makeScorer(model, kind, tasks[0].queries.count, executor);
  const layout = packing(scorer.specs);
  const parameters = zeros([layout.size]);
  pack(layout, initialize(scorer.specs, Random.seeded(0)), parameters.data as Float32Array);
  const scores = await scorer.score(parameters, tasks, [count]);
  await scorer.dispose();
  return scores;
}

function reordered({ count, inputs, labels }: Examples, order: readonly number[]): Examples {
  const d = inputs.length / count;
  return {
    count,
    inputs: Float64Array.from(order.flatMap(i => [...inputs.subarray(i * d, (i + 1) * d)])),
    labels: Float64Array.from(order, i => labels[i]),
  };
}

const distance = (a: Float64Array, b: Float64Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i])));

describe.each(problems.ids)('a model of %s', id => {
  const config = load({ problem: { id } });
  const model = new SupervisedModel(config);
  const tasks = heldOutTasks(model.problem, config, 'test');

  it('writes examples at the right end, each with its flag, input and label', () => {
    const { queries, examples } = drawTask(model.problem, Random.seeded(1), { queries: 2, examples: 3 });
    const batch = model.newBatch(2, 2);
    batch.context.data.fill(7);
    for (const b of [0, 1]) model.write(batch, b, { queries, examples });
    const F = model.tokens.width;
    const row = Array.from(batch.context.data.subarray(8 * F, 16 * F));
    expect(row.slice(0, 5 * F).every(value => value === 0)).toBe(true);
    const d = model.problem.inputs;
    for (let i = 0; i < 3; i++) {
      const token = row.slice((5 + i) * F, (6 + i) * F);
      expect(token.slice(0, 1 + d)).toEqual([1, ...examples.inputs.subarray(i * d, (i + 1) * d)].map(Math.fround));
      const label = token.slice(1 + d);
      expect(label.length === 1 ? label : [label.indexOf(1)]).toEqual([Math.fround(examples.labels[i])]);
    }
    expect(Array.from(batch.query.data.subarray(0, 2 * d))).toEqual([...queries.inputs].map(Math.fround));
  });

  it.each(['bottleneck', 'full'])('takes the examples of %s as a set', async kind => {
    const order = [5, 2, 7, 0, 1, 6, 3, 4];
    const turned = tasks.map(draw => ({ ...draw, examples: reordered(draw.examples, order) }));
    const [a, b] = [await freshScores(config, kind, tasks, 8), await freshScores(config, kind, turned, 8)];
    expect(distance(a, b)).toBeLessThan(1e-3 * (1 + Math.max(...a)));
    if (model.problem.label.kind === 'class') return;
    const ordered = load({ problem: { id }, context: { examples: 8, positions: 'learned' } });
    const [c, d] = [await freshScores(ordered, kind, tasks, 8), await freshScores(ordered, kind, turned, 8)];
    expect(distance(c, d)).toBeGreaterThan(1e-3);
  });

  it('answers each query without seeing the others, and by what the context says', async () => {
    const only = tasks.map(({ queries, ...rest }) => ({ ...rest, queries: reordered(queries, [0, 0, 0]) }));
    const last = tasks.map(({ queries, ...rest }) => ({ ...rest, queries: reordered(queries, [2, 2, 2]) }));
    const one = tasks.map(({ queries, ...rest }) => ({ ...rest, queries: reordered(queries, [1, 1, 1]) }));
    const [all, a, b, c] = await Promise.all([tasks, only, one, last].map(draws => freshScores(config, 'bottleneck', draws, 8)));
    for (let i = 0; i < all.length; i++) expect((a[i] + b[i] + c[i]) / 3).toBeCloseTo(all[i], 3);
    if (model.problem.label.kind === 'class') return;
    expect(distance(all, await freshScores(config, 'bottleneck', tasks, 1))).toBeGreaterThan(1e-3);
    expect(distance(await freshScores(config, 'none', tasks, 8), await freshScores(config, 'none', tasks, 1))).toBe(0);
  });
});

describe('scores', () => {
  it('of the reference fall with the number of examples, in rows of tasks', () => {
    const config = load({ evaluate: { tasks: 300, queries: 3, headline: 4 } });
    const { problem } = new SupervisedModel(config);
    const tasks = heldOutTasks(problem, config, 'test');
    const counts = exampleCounts(config);
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const scores = scoreFunction(problem, ({ examples, queries }) => problem.reference.predict(examples, queries.inputs), tasks, counts);
    const means = meansByCount(scores, counts.length);
    expect(scores).toHaveLength(8 * 300);
    expect(means.toSorted((a, b) => b - a)).toEqual(means);
    const { queries, examples } = tasks[5];
    const first = problem.reference.predict(
      { count: 1, inputs: examples.inputs.slice(0, 3), labels: examples.labels.slice(0, 1) },
      queries.inputs,
    );
    expect(scores[5]).toBeCloseTo(first.reduce((sum, y, q) => sum + (y - queries.labels[q]) ** 2, 0) / 3, 12);
  });
});

describe('tasks', () => {
  const config = load();
  const { problem } = new SupervisedModel(config);

  it('of training have every number of examples about equally often, and are what their number says', () => {
    const stream = trainingStream(0);
    const counts = new Array<number>(9).fill(0);
    for (let i = 0; i < 4000; i++) counts[trainingTask(problem, stream, i, config).examples.count]++;
    expect(counts[0]).toBe(0);
    const chiSquared = counts.slice(1).reduce((sum, n) => sum + (n - 500) ** 2 / 500, 0);
    expect(chiSquared).toBeLessThan(24.3); // 0.1% of χ² with 7 degrees of freedom
    expect(trainingTask(problem, trainingStream(0), 17, config)).toEqual(trainingTask(problem, stream, 17, config));
    expect(trainingTask(problem, trainingStream(1), 17, config).task).not.toEqual(trainingTask(problem, stream, 17, config).task);
  });

  const store = (name: string) => new StageCache(join(folder, name), { progress: silentProgress, signal: new AbortController().signal });

  it('are audited by content: every training task against every held-out one', async () => {
    const audit = await auditTasks(store('kept-apart'), config, problem, tasksPerSeed(config));
    expect(audit).toMatchObject({ train: 20, validation: 6, test: 70, overlap: 0 });
    // Held-out tasks that training draws: the audit has to find each of them.
    const stream = trainingStream(0);
    let drawn = 0;
    const leaky = { ...problem, task: (random: Random) => (drawn++ === 3 ? problem.task(stream.split(11)) : problem.task(random)) };
    await expect(auditTasks(store('leak'), config, leaky, tasksPerSeed(config))).rejects.toThrow(failure('E_SPLIT', 1, 76));
  });

  it('are as many for each seed as the stage draws that draws most, with the batches of its own', () => {
    expect(tasksPerSeed(config)).toBe(5 * 4);
    expect(tasksPerSeed(load({ train: { steps: 5, batch: 8 } }))).toBe(5 * 8);
    expect(tasksPerSeed(load({ baselines: { steps: 9 } }))).toBe(9 * 4);
    expect(tasksPerSeed(load({ baselines: { steps: 9, methods: [] } }))).toBe(5 * 4);
  });

  it('that the test and the validation share are found too', async () => {
    const constant = { ...problem, task: () => Float64Array.of(1, 2, 3) };
    await expect(auditTasks(store('constant'), config, constant, tasksPerSeed(config))).rejects.toThrow(failure('E_SPLIT'));
  });
});

describe('the configuration', () => {
  const problems = (changes: Record<string, unknown>) => {
    const parsed = supervisedSchema().safeParse({ name: 'a', problem: { id: 'sinusoids' }, ...changes });
    return parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
  };

  it.each([
    [{ context: { examples: 4, fewest: 5 }, evaluate: { headline: 4 } }, [/^context\.fewest: /, 1, 4]],
    [{ context: { examples: 4 } }, [/^evaluate\.headline: /, 1, 4]],
    [{ model: { width: 10 } }, [/^model\.width: /, 'model.heads', 4]],
  ])('refuses %j', (changes, needles) => {
    expect(problems(changes)).toEqual(carrying(...needles));
  });

  it('needs the problem, and no other setting', () => {
    expect(problems({})).toBeUndefined();
    expect(supervisedSchema().safeParse({ name: 'a' }).success).toBe(false);
  });
});
