/**
 * @file Delayed bandit (arXiv 2609.35333): pulls, then distractor steps without reward, then pulls of the same arms again. What was learned
 * before the delay must be remembered across it.
 *
 *   pulls × (choose an arm, N(μ_a, deviation²))   delay × (a random arm, 0)   pulls × (choose an arm, N(μ_a, deviation²))
 */

import { type EnvFamily, expectActions, type Options, type StepResult, type Task } from '../rl/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { portableSha256 } from '../util/sha256.ts';
import { defineEnv, stepBuffers } from './entry.ts';
import { captionOf } from './scenes.ts';

const OPTIONS = {
  arms: { default: 10, range: [2, 1000], integer: true, about: 'number of arms, each with a mean drawn from U[0, 1)' },
  pulls: { default: 50, range: [1, 100_000], integer: true, about: 'number of pulls before the delay, and again after it' },
  delay: { default: 50, range: [0, 100_000], integer: true, about: 'number of distractor steps between the two halves' },
  deviation: { default: 0.3, range: [0, 1000], about: 'standard deviation of the rewards of an arm' },
  every: { default: 0, range: [0, 100_000], integer: true, about: 'pulls until every arm gets another mean; 0: arms never change' },
} as const;

export const delayedBandit = defineEnv({
  id: 'delayed-bandit',
  description: '10 arms with hidden means, 50 pulls, 50 distractor steps without reward, 50 more pulls of the same arms',
  options: OPTIONS,
  create: delayedBanditFamily,
});

const meansOf = (task: Task) => task.means as readonly number[];

/**
 * A task is `{ means: [μ_0, …] }`; one episode is one lifetime of 2 · pulls + delay steps, truncated at its end. If arms change `every` so
 * many pulls, it has the means of all arms before the first change, then those after it, and so on; nothing in the observation says so.
 *
 * The observation is one flag: whether this is a distractor step. It reveals neither the arms nor how long the delay lasts; an agent can
 * tell ignored steps from scored ones, as it also could by their rewards. On a distractor step the environment executes a uniformly random
 * arm whatever the action, gives reward 0, and the step is not scored.
 */
function delayedBanditFamily({ arms, pulls, delay, deviation, every }: Options<typeof OPTIONS>): EnvFamily {
  const horizon = 2 * pulls + delay;
  const actionSpace = { kind: 'discrete', n: arms } as const;
  const distracts = (elapsed: number) => elapsed >= pulls && elapsed < pulls + delay;
  /** The pulls before which arms change, and the steps of these pulls. */
  const changes = every === 0 ? [] : Array.from({ length: Math.ceil((2 * pulls) / every) - 1 }, (_, k) => (k + 1) * every);
  const steps = changes.map(pull => pull + (pull < pulls ? 0 : delay));
  const count = arms * (changes.length + 1);
  /** Where a task has the mean of the first arm at a step that is a pull. */
  const firstAt = (elapsed: number) => (every === 0 ? 0 : arms * Math.floor((elapsed < pulls ? elapsed : elapsed - delay) / every));
  const meansAt = (task: Task, elapsed: number) => meansOf(task).slice(firstAt(elapsed), firstAt(elapsed) + arms);
  const lastMeans = (task: Task) => meansOf(task).slice(-arms);
  return {
    id: 'delayed-bandit',
    observationSpace: { kind: 'discrete', n: 2 },
    actionSpace,
    horizon,
    rewardMax: 1,
    drawTask: random => ({ means: Array.from({ length: count }, () => random.uniform()) }),
    taskKey: task => `means=${every === 0 ? meansOf(task).join(',') : portableSha256(canonicalJson(task)).slice(0, 32)}`,
    // Where arms change, those at the end.
    hidden: [
      { name: 'best arm', space: actionSpace, of: task => [lastMeans(task).indexOf(Math.max(...lastMeans(task)))] },
      { name: 'means', space: { kind: 'box', low: new Array(arms).fill(0), high: new Array(arms).fill(1) }, of: lastMeans },
    ],
    oracleReturn: task =>
      [0, ...changes].reduce((sum, from, k) => {
        const means = meansOf(task).slice(arms * k, arms * (k + 1));
        return sum + ((changes[k] ?? 2 * pulls) - from) * Math.max(...means);
      }, 0),
    ...(every > 0 ? { changes: () => steps } : {}),
    scored: ({ observation }, i) => observation[i] === 0,
    regret: {
      parts: ['before', 'after'],
      part: elapsed => (distracts(elapsed) ? -1 : Number(elapsed >= pulls)),
      of(task, action, elapsed) {
        const means = meansAt(task, elapsed);
        return Math.max(...means) - means[action];
      },
    },
    render(task, observation, past) {
      const last = past.reward.length - 1;
      // During the delay, the arms as they are after it.
      const means = meansAt(task, distracts(last + 1) ? pulls + delay : Math.min(last + 1, horizon - 1));
      const best = Math.max(...means);
      const counts = new Int32Array(arms);
      for (let t = 0; t <= last; t++) if (!distracts(t)) counts[past.action[t]]++;
      return {
        kind: 'bars',
        max: Math.max(1, best),
        bars: means.map((mean, arm) => ({
          name: `arm ${arm}`,
          value: mean,
          text: `mean ${mean.toFixed(2)}, pulls ${counts[arm]}`,
          roles: [...(mean === best ? ['goal' as const] : []), ...(arm === past.action[last] ? ['agent' as const] : [])],
        })),
        caption: captionOf(past, observation[0] === 1 ? 'delay: a random arm, without reward' : 'choose an arm'),
      };
    },
    make(tasks, random) {
      const expectTask = (task: Task) =>
        invariant(meansOf(task).length === count, `delayed-bandit: expected tasks of ${count} means, but one has ${meansOf(task).length}.`);
      for (const task of tasks) expectTask(task);
      const size = tasks.length;
      const current = [...tasks];
      const executed = new Int32Array(size);
      const result: StepResult = { ...stepBuffers(size, 1), executed };
      // Environment i draws from its own streams, so its outcome does not depend on the others.
      const streamsOf = (root: Random) =>
        tasks.map((_, i) => ({ reward: root.split('reward', i), distractor: root.split('distractor', i) }));
      let streams = streamsOf(random);
      // All environments have equal lengths, so they share one clock.
      let elapsed = 0;
      return {
        size,
        reset(root) {
          if (root) streams = streamsOf(root);
          elapsed = 0;
          return result.observation.fill(0);
        },
        step(actions) {
          expectActions({ id: 'delayed-bandit', actionSpace }, actions, size);
          const distractor = distracts(elapsed);
          const first = firstAt(elapsed);
          for (const [i, stream] of streams.entries()) {
            executed[i] = distractor ? stream.distractor.integer(arms) : actions[i];
            result.reward[i] = distractor ? 0 : meansOf(current[i])[first + executed[i]] + deviation * stream.reward.normal();
          }
          elapsed++;
          const ended = elapsed === horizon;
          result.truncated.fill(Number(ended));
          result.finalObservation.fill(Number(distracts(elapsed)));
          if (ended) elapsed = 0;
          result.observation.fill(Number(distracts(elapsed)));
          return result;
        },
        setTask(i, task) {
          expectTask(task);
          current[i] = task;
        },
      };
    },
  };
}
