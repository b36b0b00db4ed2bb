/** @file The contract of sources of learning histories, checked on a family that they learn. */

import { createExecutor } from '../engine/executors/registry.ts';
import { environment } from '../envs/index.ts';
import { actionDistribution, type EnvFamily, episodeStarts, type History, spaceSize, type Task } from '../rl/index.ts';
import { generateHistories, type LearnerSource, type Source, type WantedHistory } from '../sources/index.ts';
import { Random } from '../util/random.ts';
import { type Check, checksOf, expectClose, expectEqual, expectFinite, expectRefusal, expectThat, type Rule } from './check.ts';
import { expectWithin, someTasks } from './playing.ts';

const EPISODES = 4;

interface Subject {
  readonly source: Source;
  readonly family: EnvFamily;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A task that is not among the first, where rewards are often found by chance. */
const someTask = (family: EnvFamily): Task => someTasks(family).at(-3) ?? someTasks(family)[0];

const wanted = (family: EnvFamily, seed = 7, noise = 0): WantedHistory => ({
  task: someTask(family),
  random: Random.seeded(seed),
  noise,
  stream: 'seven',
});

async function generate({ source, family, options }: Subject, histories: readonly WantedHistory[]): Promise<History[]> {
  const executor = await createExecutor('cpu', { threads: 1 });
  const { signal } = new AbortController();
  return generateHistories({ family, source, options, episodes: EPISODES, wanted: histories, executor, signal });
}

const ended = ({ terminated, truncated }: History, t: number) => terminated[t] === 1 || truncated[t] === 1;

/** The same source with each of its learners replaced. */
const changed = (source: LearnerSource, change: (learner: ReturnType<LearnerSource['learner']>) => typeof learner): LearnerSource => ({
  ...source,
  learner: (...args) => change(source.learner(...args)),
});

const RULES: readonly Rule<Subject>[] = [
  {
    name: 'history: the requested number of whole episodes, task and stream, in columns of one length',
    async check(subject) {
      const { family } = subject;
      const [history] = await generate(subject, [wanted(family, 7, 0.2)]);
      const length = history.reward.length;
      expectEqual([history.taskKey, history.stream], [family.taskKey(someTask(family)), 'seven'], 'taskKey and stream');
      const [width, actionWidth] = [spaceSize(family.observationSpace), spaceSize(family.actionSpace)];
      const widths = {
        observation: width,
        nextObservation: width,
        action: actionWidth,
        probabilities: actionDistribution(family.actionSpace).size,
        terminated: 1,
        truncated: 1,
      };
      for (const [name, each] of Object.entries(widths) as [keyof typeof widths, number][])
        expectEqual(history[name].length, length * each, `length of ${name}, of ${length} steps`);
      expectEqual(episodeStarts(history).length - 1, EPISODES, 'episodes');
      expectThat(ended(history, length - 1), 'the last step', 'the end of an episode', 'none');
    },
  },
  {
    name: 'observations: the next observation of a step is the observation of the following one',
    async check(subject) {
      const width = spaceSize(subject.family.observationSpace);
      const [history] = await generate(subject, [wanted(subject.family, 7, 0.2)]);
      const row = (column: Float32Array, t: number) => column.slice(t * width, (t + 1) * width);
      for (let t = 0; t + 1 < history.reward.length; t++)
        if (!ended(history, t))
          expectEqual(row(history.observation, t + 1), row(history.nextObservation, t), `observation of step ${t + 1}`);
    },
  },
  {
    name: 'distribution: probabilities sum to 1, and neither they nor deviations are negative',
    async check(subject) {
      const { actionSpace } = subject.family;
      const { size } = actionDistribution(actionSpace);
      const [{ probabilities }] = await generate(subject, [wanted(subject.family, 7, 0.2)]);
      for (let t = 0; t < probabilities.length / size; t++) {
        const where = `distribution of step ${t}`;
        const p = probabilities.slice(t * size, (t + 1) * size);
        expectFinite(p, where);
        const real = actionSpace.kind === 'box';
        // For real actions, deviations follow the means.
        const least = Math.min(...(real ? p.slice(size / 2) : p));
        expectThat(least >= 0, where, real ? 'deviations of at least 0' : 'probabilities of at least 0', least);
        if (!real)
          expectClose(
            p.reduce((sum, x) => sum + x, 0),
            1,
            `sum of the ${where}`,
            1e-5,
          );
      }
    },
  },
  {
    name: 'draws: without noise, executed actions have positive probability',
    async check(subject) {
      const { family } = subject;
      const { size, width: wide, logProbability } = actionDistribution(family.actionSpace);
      const [history] = await generate(subject, [wanted(family)]);
      const { action, probabilities } = history;
      for (let t = 0; t < action.length / wide; t++) {
        const likelihood = logProbability(probabilities, t * size, action, t * wide);
        if (family.scored?.(history, t) ?? true)
          expectThat(
            likelihood > Number.NEGATIVE_INFINITY,
            `logarithm of the probability of the action of step ${t}`,
            'a finite number',
            likelihood,
          );
      }
    },
  },
  {
    name: 'seeds: equal streams give equal histories',
    async check(subject) {
      const [first] = await generate(subject, [wanted(subject.family)]);
      const [again] = await generate(subject, [wanted(subject.family)]);
      expectEqual(again, first, 'the second history');
    },
  },
  {
    name: 'asking: distribution() does not change the learner',
    applies: ({ source }) => 'learner' in source,
    async check(subject) {
      const twice = changed(subject.source as LearnerSource, learner => ({
        distribution(observation, out) {
          learner.distribution(observation, out);
          learner.distribution(observation, out);
        },
        observe: (...step) => learner.observe(...step),
      }));
      expectEqual(
        await generate({ ...subject, source: twice }, [wanted(subject.family)]),
        await generate(subject, [wanted(subject.family)]),
        'histories',
      );
    },
  },
  {
    name: 'arrays: observe() does not keep its arguments',
    applies: ({ source }) => 'learner' in source,
    async check(subject) {
      const overwritten = changed(subject.source as LearnerSource, learner => ({
        distribution: (observation, out) => learner.distribution(observation, out),
        observe(observation, action, reward, nextObservation, ...ends) {
          const given = [observation.slice(), Float32Array.from(action), nextObservation.slice()];
          learner.observe(given[0], given[1], reward, given[2], ...ends);
          for (const array of given) array.fill(0);
        },
      }));
      const found = await generate({ ...subject, source: overwritten }, [wanted(subject.family)]);
      expectEqual(found, await generate(subject, [wanted(subject.family)]), 'histories of a learner whose arrays are overwritten');
    },
  },
  {
    name: 'beliefs: names are unique, values stay in their space, and only observe() changes them',
    applies: ({ source }) => 'learner' in source,
    async check(subject) {
      const watched = changed(subject.source as LearnerSource, learner => {
        const { beliefs = [] } = learner;
        const values = () => beliefs.map(({ value }) => [...value()]);
        const within = () => {
          for (const { name, space, value } of beliefs) expectWithin(space, value(), 1, `belief ${name}`);
        };
        expectEqual(new Set(beliefs.map(({ name }) => name)).size, beliefs.length, 'different names of beliefs');
        within();
        return {
          distribution(observation, out) {
            const before = values();
            learner.distribution(observation, out);
            expectEqual(values(), before, 'beliefs after distribution()');
          },
          observe(...step) {
            learner.observe(...step);
            within();
          },
        };
      });
      await generate({ ...subject, source: watched }, [wanted(subject.family, 7, 0.2)]);
    },
  },
  {
    name: 'neighbors: learners of a cohort do not affect each other, up to rounding',
    applies: ({ source }) => 'cohort' in source,
    async check(subject) {
      const [alone] = await generate(subject, [wanted(subject.family)]);
      const [, among] = await generate(subject, [wanted(subject.family, 8), wanted(subject.family), wanted(subject.family, 9)]);
      for (const column of ['observation', 'action', 'probabilities', 'reward'] as const)
        expectClose(among[column], alone[column], `${column} of the history among others`, 1e-4);
    },
  },
  {
    name: 'options: an unknown one throws E_CONFIG',
    async check({ source, family, options }) {
      const act = () => generate({ source, family, options: { ...options, unheardOf: 1 } }, [wanted(family)]);
      await expectRefusal('E_CONFIG', 'the option unheardOf', act);
    },
  },
];

/** How a source is checked. */
export interface SourceCheckOptions {
  /** A family that it learns; a small Dark Room by default. */
  readonly family?: EnvFamily;
  /** Options of the source. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/**
 * The contract of sources, for learners and cohorts: whole episodes in consistent columns, valid distributions that actions are sampled
 * from, equal histories for equal streams, learners and beliefs that change only by what they observe, and refusals.
 *
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of sourceChecks(source('sweeper'), { options: { size: 5 } })) test(name, run);
 */
export const sourceChecks = (
  source: Source,
  { family = environment('dark-room', { size: 5, horizon: 15 }), options }: SourceCheckOptions = {},
): Check[] => checksOf(RULES, { source, family, options });
