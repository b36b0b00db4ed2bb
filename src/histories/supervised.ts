/**
 * @file The tasks of supervised problems. Each task has its own counter-based random stream, and streams for training, validation and test tasks
 * have different labels. The audit does not rely on that and compares the tasks themselves.
 */

import type { StageCache } from '../cache/store.ts';
import type { SupervisedBase } from '../settings/supervised.ts';
import { type Draw, drawTask, type Problem } from '../supervised/index.ts';
import { breathe } from '../util/breathe.ts';
import { CadenzaError } from '../util/errors.ts';
import { groupBy } from '../util/groups.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';

/** The root random stream of a training seed. */
export const supervisedStream = (seed: number): Random => Random.seeded(seed).split('supervised');

/** The random stream of training tasks, the same for every method. */
export const trainingStream = (seed: number): Random => supervisedStream(seed).split('train');

/** Draws training task number `index`, with a random number of examples. */
export function trainingTask(problem: Problem, stream: Random, index: number, config: Pick<SupervisedBase, 'context' | 'queries'>): Draw {
  const { examples, fewest } = config.context;
  const random = stream.split(index);
  const count = fewest + random.split('examples').integer(examples - fewest + 1);
  return drawTask(problem, random, { queries: config.queries, examples: count });
}

/** Validation or test tasks, with the maximum number of examples. */
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

/** Name of the audit stage of a training seed. */
export const auditStage = (seed: number): string => `audit-seed${seed}`;

/**
 * Draws the `perSeed` training tasks of every seed and compares their content with that of every validation and test task. Throws
 * `E_SPLIT` if any are equal.
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
        // Look up tasks by their first number, and compare them completely if it is equal.
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
        progress.finish(`${perSeed} training tasks, ${overlap} of them held out`);
        if (overlap > 0)
          throw new CadenzaError(
            'E_SPLIT',
            `${overlap} of ${held.length} held-out tasks of "${problem.id}" also occur elsewhere in the split; expected all tasks to differ. Change seed or seeds.`,
          );
        return { train: perSeed, overlap };
      },
    });
  return {
    by: 'content of the task (its drawn numbers), over every task that training draws',
    train: seeds.length * perSeed,
    validation: validation.tasks,
    test: evaluate.tasks,
    /** Number of held-out tasks that are also training tasks, or both validation and test tasks. */
    overlap: 0,
  };
}
