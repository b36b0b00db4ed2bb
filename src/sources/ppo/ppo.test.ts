/** @file PPO learns, in every kind of action; what it minimizes is what the paper says; and its learners do not feel each other. */

import { describe, expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { nodeExecutor } from '../../engine/executors/node.ts';
import { grad, input, interpret } from '../../engine/index.ts';
import { environment } from '../../envs/index.ts';
import {
  actionDistribution,
  type EnvFamily,
  episodeReturns,
  episodeStarts,
  type History,
  type Space,
  type StepResult,
  spaceSize,
  type Task,
} from '../../rl/index.ts';
import { jacobianError } from '../../testing/engine.ts';
import { Random } from '../../util/random.ts';
import { firstInformed, generateHistories, type Labels, openSource, source } from '../index.ts';
import { clippedLogLikelihood, clippedLogProbability } from './clipped.ts';
import { actionFeatures, features, RunningMoments } from './features.ts';
import { advantagesOf } from './learners.ts';
import { actGraph, lossGraph, type NetworkSizes } from './network.ts';

const executor = nodeExecutor({ threads: 1 });
const { signal } = new AbortController();
const small = environment('dark-room', { size: 3, horizon: 6 });
const goals: Task[] = [{ goal: [0, 0] }, { goal: [2, 0] }, { goal: [1, 2] }, { goal: [2, 2] }];

interface Learning {
  family?: EnvFamily;
  tasks?: readonly Task[];
  episodes?: number;
  options?: Record<string, unknown>;
  stride?: number;
  labels?: Labels;
  onProgress?: (done: number) => void;
  abort?: AbortSignal;
}
const learn = ({ family = small, tasks = goals, episodes = 200, options, stride, labels, onProgress, abort = signal }: Learning = {}) =>
  generateHistories({
    family,
    source: source('ppo'),
    episodes,
    options,
    stride,
    labels,
    executor,
    signal: abort,
    onProgress,
    wanted: tasks.map(task => ({ task, random: Random.seeded(3).split(family.taskKey(task)), stream: family.taskKey(task) })),
  });
/** Mean return of some episodes of all histories. */
const meanReturn = (histories: readonly History[], from: number, to?: number) => {
  const returns = histories.flatMap(history => [...episodeReturns(history).slice(from, to)]);
  return returns.reduce((sum, value) => sum + value, 0) / returns.length;
};

/** A family with one state or a few, which pays for an action; identified by its spaces. */
const bandit = (actionSpace: Space, paid: (action: ArrayLike<number>, at: number, seen: number) => number, seen = 1): EnvFamily => ({
  id: 'test-bandit',
  observationSpace: { kind: 'discrete', n: seen },
  actionSpace,
  horizon: 4,
  tasks: () => [{ only: 0 }],
  taskKey: () => 'only',
  make(tasks, random) {
    const size = tasks.length;
    const observation = new Float32Array(size);
    const draws = tasks.map((_, i) => random.split(i));
    const elapsed = new Int32Array(size);
    const draw = (i: number) => {
      observation[i] = draws[i].integer(seen);
    };
    const W = spaceSize(actionSpace);
    return {
      size,
      reset() {
        for (let i = 0; i < size; i++) draw(i);
        return observation;
      },
      step(actions): StepResult {
        const reward = Float32Array.from(tasks, (_, i) => paid(actions, i * W, observation[i]));
        const finalObservation = observation.slice();
        const truncated = Uint8Array.from(elapsed, (_, i) => {
          elapsed[i] = (elapsed[i] + 1) % 4;
          return Number(elapsed[i] === 0);
        });
        for (let i = 0; i < size; i++) draw(i);
        return { observation, reward, terminated: new Uint8Array(size), truncated, finalObservation };
      },
    };
  },
});

describe('ppo learns', () => {
  it('a tiny room: 0.95 of the oracle at the end, from below half of it', async () => {
    const histories = await learn({ episodes: 600 });
    const oracle = goals.reduce((sum, task) => sum + small.oracleReturn!(task), 0) / goals.length;
    expect(meanReturn(histories, 0, 10) / oracle).toBeLessThan(0.5);
    expect(meanReturn(histories, -20) / oracle).toBeGreaterThan(0.95);
  });

  it('actions of several integers, each by what is seen', async () => {
    const family = bandit({ kind: 'multi-discrete', nvec: [3, 2] }, (a, at, seen) => Number(a[at] === seen && a[at + 1] === 1), 3);
    const [history] = await learn({ family, tasks: [{ only: 0 }], episodes: 1200 });
    expect(meanReturn([history], 0, 20)).toBeLessThan(1.5);
    expect(meanReturn([history], -30)).toBeGreaterThan(3.8);
  });

  it('real actions: the mean goes to what pays, and the deviation falls', async () => {
    const family = bandit({ kind: 'box', low: [-2, 0], high: [2, 10] }, (a, at) => -((a[at] - 1) ** 2) - (a[at + 1] - 3) ** 2);
    const [{ probabilities }] = await learn({ family, tasks: [{ only: 0 }], episodes: 2000 });
    const [first, last] = [probabilities.slice(0, 4), probabilities.slice(-4)];
    expect([...first]).toEqual([0, 5, 1, 2.5]);
    expect(Math.hypot(last[0] - 1, last[1] - 3)).toBeLessThan(0.4);
    expect([last[2] < 0.5, last[3] < 1.25]).toEqual([true, true]);
  });

  it('an edge of the box: nearly all draws lie there, with a deviation that is not small', async () => {
    const family = bandit({ kind: 'box', low: [-2], high: [2] }, (a, at) => a[at]);
    const [{ action, probabilities }] = await learn({ family, tasks: [{ only: 0 }], episodes: 1000 });
    const late = action.slice(-400);
    expect(late.filter(a => a === 2).length / late.length).toBeGreaterThan(0.9);
    const [mean, deviation] = probabilities.slice(-2);
    expect([mean > 2, mean <= 4, deviation > 0.3]).toEqual([true, true, true]);
  });

  it('with a memory what is not to be seen: the action before this one', async () => {
    let before = 0;
    const family = bandit({ kind: 'discrete', n: 2 }, (a, at) => {
      const paid = Number(a[at] !== before);
      before = a[at];
      return paid;
    });
    const options = { environments: 1, rollout: 32, memory: 8, entropy: 0.003 };
    const last = async (more: object) =>
      meanReturn(await learn({ family, tasks: [{ only: 0 }], episodes: 600, options: { ...options, ...more } }), -60);
    expect(await last({})).toBeGreaterThan(3.6);
    expect(await last({ memory: 0 })).toBeLessThan(2.8);
  });
});

describe('a cohort', () => {
  it('gives equal histories for equal seeds, and each learner as if it were alone', async () => {
    const options = { memory: 4, rollout: 8 };
    for (const given of [undefined, options]) {
      const together = await learn({ episodes: 20, options: given });
      expect(await learn({ episodes: 20, options: given })).toEqual(together);
      for (const [i, task] of goals.entries()) {
        const [alone] = await learn({ episodes: 20, tasks: [task], options: given });
        // Kernels round the last few numbers of a tensor otherwise, so bytes may differ.
        expect(alone.action).toEqual(together[i].action);
        for (const [k, p] of alone.probabilities.entries()) expect(Math.abs(p - together[i].probabilities[k])).toBeLessThan(1e-4);
      }
    }
  });

  it('has whole episodes of each environment in the order in which they ended, of which a stride keeps every n-th', async () => {
    const [whole] = await learn({ episodes: 25, tasks: goals.slice(0, 1) });
    const [some] = await learn({ episodes: 25, tasks: goals.slice(0, 1), stride: 10 });
    expect(episodeStarts(whole)).toHaveLength(26);
    expect([...episodeReturns(some)]).toEqual([4, 14, 24].map(e => episodeReturns(whole)[e]));
    expect(some.stream).toBe('goal=0,0');
  });

  it('labels steps with the final learner from the first informed step on, independent of other learners', async () => {
    for (const given of [undefined, { memory: 4, rollout: 8 }]) {
      const tasks = goals.slice(0, 2);
      const recorded = await learn({ episodes: 60, tasks, stride: 3, options: given });
      const final = await learn({ episodes: 60, tasks, stride: 3, options: given, labels: 'final' });
      const [alone] = await learn({ episodes: 60, tasks: goals.slice(0, 1), stride: 3, options: given, labels: 'final' });
      for (const [i, history] of final.entries()) {
        const from = 5 * firstInformed(history.reward);
        expect({ ...history, probabilities: recorded[i].probabilities }).toEqual(recorded[i]);
        expect(history.probabilities.slice(0, from)).toEqual(recorded[i].probabilities.slice(0, from));
        expect(history.probabilities.slice(from)).not.toEqual(recorded[i].probabilities.slice(from));
      }
      for (const [k, p] of alone.probabilities.entries()) expect(Math.abs(p - final[0].probabilities[k])).toBeLessThan(1e-4);
      if (given) continue;
      // One policy: what it does depends on the cell alone, and it goes to the goal.
      const rows = new Map<string, string>();
      const [{ observation, probabilities, reward }] = final;
      for (let t = firstInformed(reward); t < reward.length; t++) {
        const row = probabilities.slice(5 * t, 5 * t + 5).join();
        const cell = observation.slice(2 * t, 2 * t + 2).join();
        expect(rows.get(cell) ?? row).toBe(row);
        rows.set(cell, row);
      }
    }
  });

  it('replays each episode with its memory for final labels, and learns nothing on the way', async () => {
    const before = [0, 0, 0];
    const family = bandit({ kind: 'discrete', n: 2 }, (a, at) => {
      const paid = Number(a[at] !== before[at]);
      before[at] = a[at];
      return paid;
    });
    const options = { environments: 3, rollout: 32, memory: 8, entropy: 0.003 };
    const [{ action, reward, probabilities }] = await learn({ family, tasks: [{ only: 0 }], episodes: 601, options, labels: 'final' });
    // Labels follow from what happened in the episode so far, in its first occurrence as in its last.
    const rows = new Map<string, Float32Array>();
    let repeated = 0;
    for (let t = firstInformed(reward); t < reward.length; t++) {
      const first = t - (t % 4);
      const past = [action.slice(first, t), reward.slice(first, t)].join(' ');
      const row = probabilities.slice(2 * t, 2 * t + 2);
      const known = rows.get(past);
      if (known) for (const [a, p] of known.entries()) expect(Math.abs(row[a] - p), past).toBeLessThan(1e-6);
      if (known && t % 4 > 0) repeated++;
      rows.set(past, known ?? row);
      // It pays not to repeat the last action.
      if (t % 4 > 0) expect(row[1 - action[t - 1]], past).toBeGreaterThan(0.8);
    }
    expect(repeated).toBeGreaterThan(1000);
  });

  it('reports progress, and stops when aborted', async () => {
    const reported: number[] = [];
    await learn({ episodes: 10, onProgress: done => reported.push(done) });
    expect([reported.at(-1), reported.toSorted((a, b) => a - b)]).toEqual([goals.length, reported]);
    const stop = new AbortController();
    const learning = learn({ episodes: 1e6, abort: stop.signal, onProgress: done => done > 1e-4 && stop.abort(new Error('stopped')) });
    await expect(learning).rejects.toThrow('stopped');
  });

  it('is a policy with an environment a learner, and refuses another number of them', async () => {
    const policy = await openSource({ family: small, tasks: goals, source: source('ppo'), random: Random.seeded(1), executor });
    expect(() => policy.reset(3)).toThrow(failure('E_SHAPE', 3, 4));
    policy.reset(goals.length);
    const rows = await policy.act(new Float32Array(2 * goals.length));
    expect([...rows]).toEqual(new Array(5 * goals.length).fill(Math.fround(0.2)));
    await policy.dispose();
  });

  it('does not begin with what another did', async () => {
    const [seen] = await learn({ episodes: 1 });
    const wanted = [{ task: goals[0], random: Random.seeded(1), seen }];
    const request = { family: small, source: source('ppo'), episodes: 2, wanted, executor, signal };
    await expect(generateHistories(request)).rejects.toThrow(failure('E_CONFIG', 'ppo'));
  });
});

describe('what it minimizes', () => {
  const sizes: NetworkSizes = {
    learners: 2,
    observation: 1,
    echo: 0,
    hidden: 1,
    memory: 0,
    actionSpace: { kind: 'discrete', n: 2 },
  };

  it('is the clipped surrogate, the squared error and the entropy of each learner, as computed by hand', () => {
    const { scope, loss } = lossGraph(sizes, { sequences: 2, steps: 1 }, { clip: 0.2, valueWeight: 0.5 });
    // All weights are 0 but the biases of the last layers: logits (b, 0) for every observation, and one value.
    const bias = [Math.log(3), 0];
    const feeds: Record<string, ArrayLike<number>> = Object.fromEntries(
      [...scope.table].map(([name, { shape }]) => [name, new Float64Array(shape.reduce((a, b) => a * b, 1))]),
    );
    feeds['policy.out.bias'] = [...bias, ...bias];
    feeds['value.out.bias'] = [0.5, 2];
    Object.assign(feeds, {
      observation: [1, 1, 1, 1],
      // Learner 0 took action 0 twice, learner 1 action 1 twice.
      action: [1, 0, 1, 0, 0, 1, 0, 1],
      advantage: [2, -1, 1, 3],
      // Probabilities now are 3/4 and 1/4. Before: 1/2 and 3/4; 1/4 and 1/2.
      logProbability: [0.5, 0.75, 0.25, 0.5].map(Math.log),
      expected: [1, 0, 2, 1],
      entropyWeight: [0.1, 0],
    });
    // Ratios 1.5 (clipped at 1.2, because the advantage is positive) and 1; 1 and 0.5 (not clipped at 0.8: the smaller product counts).
    const surrogate = [(2 * 1.2 + -1) / 2, (1 + 3 * 0.5) / 2];
    const error = [(0.25 + 0.25) / 2, (0 + 1) / 2];
    const entropy = -(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25));
    const expected = surrogate.map((s, l) => 0.5 * error[l] - s - (l === 0 ? 0.1 * entropy : 0));
    const [policyBias, valueBias] = grad(
      loss,
      ['policy.out.bias', 'value.out.bias'].map(name => scope.table.get(name)!.tensor),
    );
    const found = interpret({ outputs: { loss, policyBias, valueBias } }, feeds);
    expect(found.loss[0]).toBeCloseTo(expected[0] + expected[1], 6);
    // Learner 1: only the first and the second row count, ∂ρ/∂b = ρ (1 − p) for the action taken: −½ (1 · ¾ + 3 · ½ · ¾) on its bias.
    expect(found.policyBias[3]).toBeCloseTo(-0.5 * (0.75 + 1.125), 6);
    expect(found.policyBias[2]).toBeCloseTo(0.5 * (0.75 + 1.125), 6);
    // ½ · 2 (V − R) / 2 over both rows.
    expect([...found.valueBias].map(v => v.toFixed(6))).toEqual([(0.5 * (-0.5 + 0.5)).toFixed(6), (0.5 * (0 + 1)).toFixed(6)]);
  });

  it('reads a memory in a rollout as in acting step by step, and forgets at the start of an episode', () => {
    const recurrent: NetworkSizes = { ...sizes, learners: 1, echo: 3, memory: 2, hidden: 3 };
    const act = actGraph(recurrent, 1);
    const random = Random.seeded(5);
    const weights = Object.fromEntries(
      [...act.scope.table].map(([name, { shape }]) => [
        name,
        Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      ]),
    );
    const steps = 4;
    const observation = Array.from({ length: steps }, () => random.normal());
    const echo = Array.from({ length: 3 * steps }, () => random.normal());
    const continues = [1, 1, 0, 1];
    const first = [0.3, -0.2];
    let memory: ArrayLike<number> = first;
    const values: number[] = [];
    const chosen: number[] = [];
    for (let t = 0; t < steps; t++) {
      if (continues[t] === 0) memory = [0, 0];
      const found = interpret(act, { ...weights, observation: [observation[t]], echo: echo.slice(3 * t, 3 * t + 3), memory });
      memory = found.next;
      values.push(found.value[0]);
      chosen.push(found.row[0]);
    }
    const { loss } = lossGraph(recurrent, { sequences: 1, steps }, { clip: 0.2, valueWeight: 1 });
    const rest = { action: [1, 0, 1, 0, 1, 0, 1, 0], expected: new Array(steps).fill(0), entropyWeight: [0] };
    const same = { ...weights, ...rest, observation, echo, continues, memory: first, logProbability: chosen.map(Math.log) };
    // With the probabilities of acting all ratios are 1: what is left is the mean advantage, and the squares of the values.
    const found = interpret({ outputs: { loss } }, { ...same, advantage: [1, 2, 3, 4] });
    expect(found.loss[0]).toBeCloseTo(values.reduce((sum, v) => sum + v * v, 0) / steps - 2.5, 6);
  });

  it('takes what is beyond a truncated episode for its value there, and nothing for what is beyond a terminal state', () => {
    // Two steps, then an end; two steps, at which the rollout breaks off.
    const steps = { reward: [1, 2, 3, 4], value: [0.1, 0.2, 0.3, 0.4], discount: [0.5, 0, 0.5, 0.5], beyond: [0, 8, 0, 6] };
    const settings = { discount: 0.5, lambda: 1, scale: 1 };
    const found = (beyond: number) => [...advantagesOf({ ...steps, beyond: [0, beyond, 0, 6] }, [0, 1, 2, 3], settings)];
    const close = (numbers: number[], wanted: number[]) => {
      for (const [i, v] of numbers.entries()) expect(v).toBeCloseTo(wanted[i], 6);
    };
    const later = [3 + 0.5 * (4 + 0.5 * 6) - 0.3, 4 + 0.5 * 6 - 0.4];
    close(found(8), [1 + 0.5 * (2 + 0.5 * 8) - 0.1, 2 + 0.5 * 8 - 0.2, ...later]);
    close(found(0), [1 + 0.5 * 2 - 0.1, 2 - 0.2, ...later]);
  });
});

describe('the likelihood of a clipped action', () => {
  // Edges that single precision moves inwards: what is clipped to 0.7 is recorded as less.
  const line = { kind: 'box', low: [-0.3], high: [0.7] } as const;
  const [low, high] = [Math.fround(-0.3), Math.fround(0.7)];
  const rows = [
    [0.1, 0.4],
    [0.69, 0.05],
    [2, 0.5],
    [-3, 4],
  ];

  it('is one of all that can be drawn: the density inside and the mass of both edges add up to 1', () => {
    const logProbability = clippedLogProbability(line);
    const count = 200_000;
    const width = (high - low) / count;
    for (const row of rows) {
      let total = [low, high].reduce((sum, edge) => sum + Math.exp(logProbability(row, 0, [edge], 0)), 0);
      for (let i = 0; i < count; i++) total += width * Math.exp(logProbability(row, 0, [low + (i + 0.5) * width], 0));
      expect(total).toBeCloseTo(1, 6);
    }
  });

  it('is the share of draws that are clipped, and a product over the numbers of an action', () => {
    const square = { kind: 'box', low: [-0.3, -1], high: [0.7, 1] } as const;
    const row = [0.5, -0.8, 0.3, 0.4];
    const { draw } = actionDistribution(square);
    const random = Random.seeded(2);
    const drawn = new Float32Array(2);
    let clipped = 0;
    const count = 20_000;
    for (let n = 0; n < count; n++) {
      draw(row, 0, random, drawn, 0);
      clipped += Number(drawn[0] === high && drawn[1] === -1);
    }
    expect(Math.abs(clipped / count - Math.exp(clippedLogProbability(square)(row, 0, [high, -1], 0)))).toBeLessThan(0.01);
  });

  it('is the same in a graph, with the gradient of finite differences, however far the mean is beyond an edge', () => {
    const size = [1, 1, 1];
    const [action, mean, logDeviation] = ['action', 'mean', 'logDeviation'].map(name => input(name, size));
    const y = clippedLogLikelihood(line, action, mean, logDeviation);
    for (const [center, deviation] of [...rows, [0.2, 0.01], [30, 0.1]])
      for (const taken of [low, 0.2, high]) {
        const numbers = { action: [taken], mean: [center], logDeviation: [Math.log(deviation)] };
        const expected = clippedLogProbability(line)([center, deviation], 0, [taken], 0);
        const found = interpret({ outputs: { y } }, numbers).y[0];
        expect(Math.abs(found - expected) / (1 + Math.abs(expected))).toBeLessThan(1e-9);
        expect(jacobianError(y, [mean, logDeviation], numbers)).toBeLessThan(1e-5);
      }
  });

  it('is finite with edges that are nowhere', () => {
    const open = { kind: 'box', low: [Number.NEGATIVE_INFINITY], high: [Number.POSITIVE_INFINITY] } as const;
    const [mean, logDeviation] = ['mean', 'logDeviation'].map(name => input(name, [1, 1, 1]));
    const y = clippedLogLikelihood(open, input('action', [1, 1, 1]), mean, logDeviation);
    expect(jacobianError(y, [mean, logDeviation], { action: [3], mean: [1], logDeviation: [0.5] })).toBeLessThan(1e-5);
  });
});

describe('features', () => {
  const write = ({ size, write }: { size: number; write: ReturnType<typeof features>['write'] }, from: number[]) => {
    const out = new Float32Array(size + 1).fill(7);
    write(from, 0, out, 0);
    expect(out[size]).toBe(7);
    return [...out.slice(0, size)];
  };

  it('are one-hot for integers and what they are for pictures', () => {
    expect(write(features({ kind: 'multi-discrete', nvec: [2, 3] }), [1, 0])).toEqual([0, 1, 1, 0, 0]);
    expect(write(features({ kind: 'image', height: 1, width: 2, channels: 1 }), [0, 1])).toEqual([0, 1]);
    const pairs: Space = { kind: 'multi-discrete', nvec: [2, 3] };
    expect(write(actionFeatures(pairs), [1, 0])).toEqual([0, 0, 0, 1, 0, 0]);
    expect(actionFeatures(pairs).size).toBe(actionDistribution(pairs).size);
  });

  it('of a box lie by its bounds, and by what was seen where it has none', () => {
    const box = features({ kind: 'box', low: [-2, 0, Number.NEGATIVE_INFINITY], high: [2, 3.4e38, Number.POSITIVE_INFINITY] });
    expect(write(box, [1, 3, -4])).toEqual([0.5, 3, -4]);
    for (const x of [10, 20, 30]) box.see([0, x, -x], 0);
    const deviation = Math.sqrt(200 / 3);
    const [bounded, ...running] = write(box, [-2, 30, -20]);
    expect(bounded).toBe(-1);
    expect(running[0]).toBeCloseTo(10 / deviation, 5);
    expect(running[1]).toBe(0);
    expect(write(box, [0, 1e9, 0])[1]).toBe(10);
  });

  it('moments are those of all numbers', () => {
    const moments = new RunningMoments();
    expect(moments.deviation).toBe(1);
    for (const x of [1, 1, 4]) moments.add(x);
    expect(moments.mean).toBeCloseTo(2, 12);
    expect(moments.deviation).toBeCloseTo(Math.SQRT2, 12);
  });
});
