/**
 * @file Where the tasks of supervised problems come from. Each task is the draw of a counter-based stream of its own, so training, validation and test tasks come from
 * streams that differ by name; the audit does not rely on that, and compares the tasks themselves.
 */

import type { StageCache } from '../cache/store.ts';
import type { SupervisedBase } from '../settings/supervised.ts';
import { type Draw, drawTask, type Problem } from '../supervised/index.ts';
import { breathe } from '../util/breathe.ts';
import { CadenzaError } from '../util/errors.ts';
import { groupBy } from '../util/groups.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';

/** The stream that everything of a training seed is drawn from. */
export const supervisedStream = (seed: number): Random => Random.seeded(seed).split('supervised');

/** The stream of its training tasks: the same for every method. */
export const trainingStream = (seed: number): Random => supervisedStream(seed).split('train');

/** Draws training task number `index`, with a number of examples drawn uniformly. */
export function trainingTask(problem: Problem, stream: Random, index: number, config: Pick<SupervisedBase, 'context' | 'queries'>): Draw {
  const { examples, fewest } = config.context;
  const random = stream.split(index);
  const count = fewest + random.split('examples').integer(examples - fewest + 1);
  return drawTask(problem, random, { queries: config.queries, examples: count });
}

/** Validation or test tasks, with as many examples as a context can hold. */
export function heldOutTasks(
  problem: Problem,
  config: Pick<SupervisedBase, 'seed' | 'context' | 'validation' | 'evaluate'>,
  part: 'validation' | 'test',
): Draw[] {
  const { tasks } = part === 'test' ? config.evaluate : config.validation;
  const stream = Random.seeded(config.seed).split('supervised', part);
  const counts = { queries: config.evaluate.queries, examples: config.context.examples };
  return Array.from({ length: tasks }, (_, i) => drawTask(problem, stream.split(i), counts));
}

/** The stage in the cache that audits a training seed. */
export const auditStage = (seed: number): string => `audit-seed${seed}`;

/**
 * Draws the training tasks of every seed, `perSeed` of them, and compares the content of each with that of every validation and test task.
 * Throws `E_SPLIT` at any that agree.
 */
export async function auditTasks(
  store: StageCache,
  config: Pick<SupervisedBase, 'seeds' | 'seed' | 'problem' | 'context' | 'validation' | 'evaluate'>,
  problem: Problem,
  perSeed: number,
) {
  const { seeds, validation, evaluate } = config;
  for (const seed of seeds)
    await store.run({
      stage: auditStage(seed),
      settings: { problem: config.problem, root: config.seed, seed, perSeed, validation: validation.tasks, test: evaluate.tasks },
      inputs: {},
      async run({ progress, signal }) {
        const held = [...heldOutTasks(problem, config, 'validation'), ...heldOutTasks(problem, config, 'test')].map(({ task }) => task);
        // Tasks are looked up by their first number, and compared whole where that agrees.
        const byFirst = groupBy(held, ([first]) => first);
        const same = (task: Float64Array) => (byFirst.get(task[0]) ?? []).filter(other => other.every((value, i) => value === task[i]));
        let overlap = held.filter(task => same(task).length > 1).length;
        progress.start(stageTitle('audit', seed), perSeed);
        const stream = trainingStream(seed);
        for (let i = 0; i < perSeed; i++) {
          overlap += same(problem.task(stream.split(i))).length;
          if (i % 4096 !== 0) continue;
          progress.update(i);
          await breathe(signal);
        }
        progress.finish(`${perSeed} training tasks, ${overlap} held out among them`);
        if (overlap > 0)
          throw new CadenzaError(
            'E_SPLIT',
            `${overlap} of ${held.length} held-out tasks of "${problem.id}" are not kept apart; expected every drawn task to be another one. Change seed or seeds.`,
          );
        return { train: perSeed, overlap };
      },
    });
  return {
    by: 'content of the task (its drawn numbers), over every task that training draws',
    train: seeds.length * perSeed,
    validation: validation.tasks,
    test: evaluate.tasks,
    /** Held-out tasks that training draws too, or that are both validation and test tasks. */
    overlap: 0,
  };
}
