/** @file Hidden permutations of the actions: what each action does is a part of the task, and must be found out. */

import type { EnvFamily, TabularModel, Task } from '../rl/index.ts';
import { Random } from '../util/random.ts';

/** The option of an environment whose actions can be permuted. */
export const PERMUTATIONS = {
  permutations: {
    default: 0,
    range: [0, 120],
    integer: true,
    about: 'number of hidden permutations of the actions that each task occurs with; 0: the actions are not permuted',
  },
} as const;

/** The parts of a tabular family that a permutation changes. */
type Permutable = Pick<EnvFamily, 'tasks' | 'taskKey' | 'hidden' | 'actionNames' | 'render'> & { readonly model: TabularModel };

const actionsOf = (task: Task) => task.actions as readonly number[];

/**
 * The rules with `count` tasks in place of each, `{ …task, actions }`: action a of such a task has the effect of `actions[a]` without the
 * permutation. Permutations are drawn independently for every task, without repetition, and are the same in every process. The actions
 * have no names then. 0 returns the rules as they are.
 */
export function permuted<T extends Permutable>(count: number, rules: T): T {
  if (count === 0) return rules;
  const { model, hidden = [], actionNames, render } = rules;
  const { actions: A } = model;
  const identity = Array.from({ length: A }, (_, a) => a);
  return {
    ...rules,
    actionNames: undefined,
    tasks: () => rules.tasks!().flatMap((task, i) => distinct(count, identity, Random.seeded(i)).map(actions => ({ ...task, actions }))),
    taskKey: task => `${rules.taskKey(task)} actions=${actionsOf(task).join(',')}`,
    hidden: [...hidden, { name: 'actions', space: { kind: 'multi-discrete', nvec: new Array(A).fill(A) }, of: actionsOf }],
    render:
      render &&
      ((task, ...seen) => {
        const scene = render(task, ...seen);
        const effects = actionsOf(task).map(effect => actionNames?.[effect] ?? effect);
        return { ...scene, caption: `${scene.caption}\nactions: ${effects.join(', ')}` };
      }),
    model: {
      ...model,
      next: (task, state, action) => model.next(task, state, actionsOf(task)[action]),
      reward: (task, state, action, next) => model.reward(task, state, actionsOf(task)[action], next),
    },
  };
}

/** Different permutations, as many as `count`. */
function distinct(count: number, identity: readonly number[], random: Random): (readonly number[])[] {
  const found = new Map<string, readonly number[]>();
  while (found.size < count) {
    const permutation = random.shuffled(identity);
    found.set(permutation.join(), permutation);
  }
  return [...found.values()];
}
