/** @file Times a training step under several divisions of the same cores: threads of one worker, or workers with one thread each. */

import { isUpdated } from '../agent/model.ts';
import { createExecutor } from '../engine/executors/registry.ts';
import { type HostTensor, input, inputsOf, mean, square, sub, zeros } from '../engine/index.ts';
import { block, initialize, linear } from '../nn/index.ts';
import { STEP } from '../optim/index.ts';
import { quantile } from '../statistics/index.ts';
import { Random } from '../util/random.ts';
import type { Objective } from './define.ts';
import { compileStep, type StepRequest } from './trainer.ts';
import { lossFor, shareOf } from './workers.ts';

/** A way to use cores. */
export interface Division {
  readonly workers: number;
  /** Threads of each worker. */
  readonly threads: number;
}

/** What a timed step trains, and on how many sequences. */
export type TimedStep = Pick<Objective, 'build' | 'trains'> & { readonly batch: number };

const OPTIMIZER = { learningRate: 1e-4, warmup: 0, weightDecay: 0.01, clip: 1, beta1: 0.9, beta2: 0.99, decayTo: 1 };

/** The request for a step, with random weights, and a random batch for it. */
export function randomStep({ build, trains, batch }: TimedStep) {
  const { loss, metrics, specs, scope } = lossFor(build, batch);
  const trained = (name: string) => isUpdated(trains, name);
  const random = Random.seeded(0);
  const used = inputsOf({ outputs: { loss, ...metrics } });
  const feeds = Object.fromEntries(
    Array.from(used, ([name, { shape, dtype }]): [string, HostTensor] => {
      const tensor = zeros(shape, dtype);
      if (dtype === 'float32') for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = random.uniform();
      return [name, tensor];
    }).filter(([name]) => !specs.has(name)),
  );
  const request = {
    loss,
    metrics,
    trainable: [...scope.table.values()].filter(({ name }) => trained(name)),
    frozen: [...specs.values()].filter(({ name }) => !trained(name) && used.has(name)),
    buffers: [...scope.buffers.values()].filter(({ name }) => trained(name)),
    given: initialize(specs.values(), random.split('init')),
    steps: 1000,
    optimizer: { ...OPTIMIZER, batch },
    context: { signal: new AbortController().signal },
  } satisfies Omit<StepRequest, 'executor'>;
  return { request, feeds };
}

/** A compiled step with a random batch, which returns how many milliseconds it took. */
export async function openStep(timed: TimedStep, { workers: count, threads }: Division) {
  const { request, feeds } = randomStep(timed);
  const executor = { provider: 'cpu', threads } as const;
  const { program, state, frozen } = await compileStep({
    ...request,
    executor: await createExecutor('cpu', { threads }),
    workers: count > 1 ? { count, executor, part: shareOf(timed.build, timed.batch, count) } : undefined,
  });
  const names = ['loss', 'gradientNorm', ...Object.keys(request.metrics ?? {})];
  const scalars = Object.fromEntries(names.map(name => [name, zeros([])]));
  const counter = zeros([]);
  return {
    async step(): Promise<number> {
      counter.data[0]++;
      const next = state.next();
      const began = performance.now();
      const result = await program.run({ ...state.current(), ...frozen, ...feeds, [STEP]: counter }, [...names, ...Object.keys(next)], {
        ...scalars,
        ...next,
      });
      const ms = performance.now() - began;
      state.advance(result);
      return ms;
    },
    dispose: program.dispose,
  };
}

/**
 * Milliseconds of a step under each division: the median and the fastest. They are timed in turn, `blocks` times `steps` steps each, so that other load affects
 * all of them equally.
 */
export async function timeDivisions(
  timed: TimedStep,
  divisions: readonly Division[],
  { blocks = 5, steps = 10 } = {},
): Promise<(Division & { readonly ms: number; readonly fastestMs: number })[]> {
  const opened: Awaited<ReturnType<typeof openStep>>[] = [];
  try {
    for (const division of divisions) opened.push(await openStep(timed, division));
    const times = divisions.map((): number[] => []);
    for (let block = 0; block < blocks; block++)
      for (const [i, { step }] of opened.entries()) {
        // The first step of a block finds the caches of another division.
        await step();
        for (let s = 0; s < steps; s++) times[i].push(await step());
      }
    return divisions.map((division, i) => {
      const ascending = Float64Array.from(times[i]).sort();
      return { ...division, ms: quantile(ascending, 0.5), fastestMs: ascending[0] };
    });
  } finally {
    await Promise.all(opened.map(({ dispose }) => dispose()));
  }
}

/** A small training step: two transformer blocks of width 64 over 100 tokens, 32 sequences. */
export const SMALL_STEP: TimedStep = {
  batch: 32,
  trains: ['model'],
  build(scope, batch) {
    const [tokens, width] = [100, 64];
    const x = input('x', [batch, tokens, width]);
    const own = scope.at('model');
    const h = [0, 1].reduce((h, i) => block(own.at(i), h, { heads: 4, hidden: 4 * width, causal: true, branches: 4 }), x);
    return { loss: mean(square(sub(linear(own.at('out'), h, width), x))) };
  },
};
