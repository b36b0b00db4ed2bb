/** @file A source as a policy, so that evaluation runs the source, the random policy and the oracle like a trained model. */

import type { Executor } from '../engine/index.ts';
import { actionDistribution, type EnvFamily, type Policy, spaceSize, type Task } from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { expectLearners, type Learner, type Source } from './source.ts';

/** A source and the environments that it acts in. */
export interface SourcePolicyRequest {
  /** The family of tasks. */
  readonly family: EnvFamily;
  /** Environment i plays `tasks[i]`; only experts read it. */
  readonly tasks: readonly Task[];
  /** The source that acts. */
  readonly source: Source;
  /** Source of all randomness. */
  readonly random: Random;
  /** Options of the source. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A policy that holds programs until it is disposed. */
export type OpenPolicy = Policy & { dispose(): Promise<void> };

/**
 * A policy from any source, with one new learner per environment. Each learner has a single environment whatever the source's options say,
 * so that compared methods see one stream each.
 *
 * @throws {CadenzaError} `E_CONFIG` for invalid options or a family that the source cannot learn.
 */
export async function openSource({ executor, ...request }: SourcePolicyRequest & { readonly executor: Executor }): Promise<OpenPolicy> {
  const { family, tasks, source, random, options } = request;
  if ('learner' in source) return { ...sourcePolicy(request), dispose: async () => {} };
  const randoms = tasks.map((_, i) => random.split('learner', i));
  return source.cohort({ family, randoms, environments: 1, executor }, options);
}

/**
 * A policy with one new learner per environment, which can also observe what another policy does there.
 *
 * @throws {CadenzaError} `E_CONFIG` for a source of cohorts; `E_SHAPE`, from `reset`, unless there are as many environments as tasks.
 */
export function sourcePolicy({ family, tasks, source: any, random, options }: SourcePolicyRequest): Policy {
  const source = expectLearners(any, 'Observing another policy');
  const actions = actionDistribution(family.actionSpace);
  const { size: P, width: W } = actions;
  const width = spaceSize(family.observationSpace);
  const probabilities = new Float32Array(tasks.length * P);
  let learners: Learner[] = [];
  return {
    actions,
    reset(size) {
      invariant(
        size === tasks.length,
        `Source ${source.id} has ${tasks.length} tasks, one per environment, but reset was called with ${size} environments.`,
      );
      learners = tasks.map((task, i) => source.learner(family, task, random.split('learner', i), options));
    },
    async act(observation) {
      learners.forEach((learner, i) => {
        learner.distribution(row(observation, i, width), probabilities.subarray(i * P, (i + 1) * P));
      });
      return probabilities;
    },
    async observe({ observation, action, reward, nextObservation, terminated, truncated }) {
      learners.forEach((learner, i) => {
        const [seen, next] = [row(observation, i, width), row(nextObservation, i, width)];
        learner.observe(seen, action.subarray(i * W, (i + 1) * W), reward[i], next, terminated[i] === 1, truncated[i] === 1);
      });
    },
  };
}

const row = (matrix: Float32Array, i: number, width: number) => matrix.subarray(i * width, (i + 1) * width);
