/** @file An agent that acts step by step does what it does with its plain graphs: the same actions from the same seeds, over whole streams. */

import { describe, expect, it } from 'vitest';
import { experimentSchema } from '../config/experiment.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { type Graph, inputsOf, optimize, type Program, toOnnx } from '../engine/index.ts';
import { environment } from '../envs/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import { type RolloutStep, rollout } from '../play/index.ts';
import { inContextPolicy } from '../policy/index.ts';
import { listedTasks } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { actingFlops } from './cost.ts';
import { compileAgent } from './graphs.ts';
import { INFERENCE_INPUTS, Model, withWeights } from './model.ts';
import { agentGraphs, changeGraphs } from './steps.ts';
import { lossOf, Pass } from './terms.ts';

/** Contexts that are compressed at once, environments. */
const [CHUNK, SIZE, EPISODES] = [2, 5, 7];
const executor = nodeExecutor({ threads: 1 });

const SETTINGS: Record<string, object> = {
  'a window': {},
  'segments in slots': { context: { episodes: 3, layout: 'segments' } },
  'parts of episodes': { context: { segment: 3, segments: 5, layout: 'segments' } },
  'the best episodes': { compressor: 'best-episodes', context: { episodes: 2 } },
  'a recurrent Z': { compressor: 'recurrent' },
  'interleaved tokens and codes': { tokenizer: 'interleaved', latents: { kind: 'fsq' }, context: { episodes: 3, layout: 'segments' } },
  'Z before the query': { policy: { architecture: 'prefix' }, model: { positions: 'rotary' } },
  'a prompt': { policy: { prompt: { episodes: 1 } }, model: { positions: 'relative-bias' } },
};
const CASES = Object.entries(SETTINGS).flatMap(([name, settings]) =>
  [
    ['dark-room', { size: 4, horizon: 8 }],
    ['key-to-door', { size: 3, horizon: 10 }],
  ].map(([id, options]) => ({ name, settings, env: { id: id as string, options: options as Record<string, unknown> } })),
);

describe.each(CASES)('with $name on $env.id', ({ settings, env }) => {
  const { model: sizes, ...rest } = settings as { model?: object };
  const config = experimentSchema().parse({
    name: 'a',
    env,
    context: { episodes: 3 },
    model: { width: 16, heads: 2, encoderLayers: 1, decoderLayers: 2, latents: 3, poolHeads: 4, encoderSpan: 'horizon', ...sizes },
    ...rest,
  });
  const family = environment(env.id, env.options);
  const model = new Model(config, family);
  const kind = config.compressor;
  const tasks = listedTasks(family, 'This test').slice(0, SIZE);

  /** A policy that counts the calls of every graph; `plain` leaves out what keeps anything. */
  async function open(plain: boolean) {
    const scope = new Scope();
    lossOf(new Pass(model, scope, kind, 1), [{ term: 'task', weight: 1 }]);
    // Weights larger than at first, so that the agent prefers some actions to others.
    const weights = initialize([...scope.table.values(), ...scope.buffers.values()], Random.seeded(1));
    for (const [name, values] of weights) if (name.startsWith('policy')) for (let i = 0; i < values.length; i++) values[i] *= 1.5;
    const all = changeGraphs(agentGraphs(model, kind, { compress: CHUNK, act: SIZE }), graph =>
      optimize(withWeights(graph, weights, INFERENCE_INPUTS)),
    );
    const graphs = plain ? { ...all, steps: undefined, segments: undefined } : all;
    const calls = new Map<string, number>();
    const compile = async (graph: Graph): Promise<Program> => {
      const program = await executor.compile(toOnnx(graph));
      const name = [...inputsOf(graph).keys()].filter(input => INFERENCE_INPUTS.has(input)).sort()[0];
      const run: Program['run'] = (...given) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return program.run(...given);
      };
      return { ...program, run };
    };
    const compiled = await compileAgent(graphs, compile, { compress: CHUNK, act: SIZE });
    const { tokenizer, head } = model;
    const policy = inContextPolicy({ family, tokenizer, context: graphs.context, actions: head.distribution, ...compiled });
    return { policy, calls, graphs };
  }

  /** Plays streams. */
  async function play(plain: boolean) {
    const { policy, calls, graphs } = await open(plain);
    const rows: number[] = [];
    const actions: number[] = [];
    const { returns } = await rollout({
      family,
      tasks,
      policy,
      episodes: EPISODES,
      random: Random.seeded(3),
      onStep({ probabilities, action }) {
        rows.push(...probabilities);
        actions.push(...action);
      },
    });
    return { returns: [...returns], rows, actions, calls, graphs };
  }

  it('takes the same actions as with the plain graphs, from equal seeds', async () => {
    const [expected, found] = [await play(true), await play(false)];
    expect(found.actions).toEqual(expected.actions);
    expect(found.returns).toEqual(expected.returns);
    const worst = found.rows.reduce((most, p, i) => Math.max(most, Math.abs(p - expected.rows[i])), 0);
    expect(worst).toBeLessThan(1e-5);
    expect(new Set(expected.actions).size).toBeGreaterThan(1);
    const { action, segment } = actingFlops(found.graphs);
    const before = actingFlops(expected.graphs);
    expect(action + segment / model.segment).toBeLessThan(before.action + before.segment / model.segment);
    if (!found.graphs.segments) return;
    // Every segment is encoded once, in chunks of at most CHUNK, and the empty one.
    const segments = SIZE * EPISODES * Math.ceil(family.horizon / model.segment);
    expect(found.calls.get('segment')).toBeLessThanOrEqual(1 + segments);
  });

  it.each([true, false])('acts after it forgot an environment as a fresh policy does there (plain: %s)', async plain => {
    const steps: RolloutStep[] = [];
    const { policy: one } = await open(plain);
    const copied = (step: RolloutStep) => structuredClone(step);
    await rollout({ family, tasks, policy: one, episodes: 5, random: Random.seeded(4), onStep: step => void steps.push(copied(step)) });
    /** Lets a policy observe the steps from one of them on, and returns its distributions by step and environment. */
    const watch = async (from: number, forgets?: { readonly at: number; readonly i: number }) => {
      const { policy } = await open(plain);
      policy.reset(SIZE);
      const rows: number[][][] = [];
      for (const [n, step] of steps.slice(from).entries()) {
        if (forgets?.at === n) policy.forget(forgets.i);
        const found = Array.from(await policy.act(step.observation));
        rows.push(tasks.map((_, i) => found.slice((i * found.length) / SIZE, ((i + 1) * found.length) / SIZE)));
        await policy.observe(step);
      }
      return rows;
    };
    // In the middle of an episode and of a segment.
    const [at, i] = [family.horizon + 4, 1];
    const [without, cleared, fresh] = [await watch(0), await watch(0, { at, i }), await watch(at)];
    const distance = (a: number[], b: number[]) => Math.max(...a.map((p, n) => Math.abs(p - b[n])));
    for (const [n, rows] of cleared.entries())
      for (const [e, row] of rows.entries()) {
        const expected = e === i && n >= at ? fresh[n - at][e] : without[n][e];
        expect(distance(row, expected)).toBeLessThan(1e-5);
      }
    expect(Math.max(...cleared.slice(at).map((rows, n) => distance(rows[i], without[n + at][i])))).toBeGreaterThan(1e-4);
  });
});
