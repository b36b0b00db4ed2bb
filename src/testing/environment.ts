/** @file The contract of environments. Optional parts of a family (a model, an oracle, …) are checked if declared. */

import {
  type Actions,
  actionIndex,
  actionsOf,
  countsOf,
  type EnvFamily,
  type Feedback,
  newActions,
  optimalActions,
  spaceSize,
  type Task,
  TransitionColumns,
  tabularModel,
  type VectorEnv,
} from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { type Check, checksOf, expectClose, expectEqual, expectFinite, expectRefusal, expectThat, type Rule } from './check.ts';
import { anyActions, expectWithin, play, type Row, someTasks, TASKS, withEnv } from './playing.ts';
import { expectScenes } from './scene.ts';

const WHO = 'A check';

/** Number of tasks that are drawn. */
const DRAWN = 2;

/** Number of copies of a task that estimate the return of random play. */
const COPIES = 64;
/** Standard errors by which an estimate may exceed an optimum. */
const ERRORS = 4;

const played = ({ recorded }: EnvFamily) => !recorded;
const modeled = (family: EnvFamily) => played(family) && family.model !== undefined;

const at = (row: number[], i: number, width: number) => row.slice(i * width, (i + 1) * width);

const RULES: readonly Rule<EnvFamily>[] = [
  {
    name: 'tasks: exactly one of tasks and drawTask is present',
    check: ({ tasks, drawTask }) => expectEqual([tasks, drawTask].filter(Boolean).length, 1, 'how many of tasks and drawTask are there'),
  },
  {
    name: 'taskKey: keys identify tasks by their content',
    check(family) {
      const named = new Map<string, Task>();
      for (const task of family.tasks?.() ?? someTasks(family, 500)) {
        const key = family.taskKey(task);
        expectThat(!named.has(key), `key ${key} of ${JSON.stringify(task)}`, 'a unique key', named.get(key));
        named.set(key, task);
        expectEqual(family.taskKey(structuredClone(task)), key, `key of a copy of ${JSON.stringify(task)}`);
      }
    },
  },
  {
    name: 'hidden: hidden factors are in their space and distinguish tasks',
    applies: ({ hidden }) => hidden !== undefined,
    check(family) {
      const known = new Map<string, Task>();
      for (const task of someTasks(family)) {
        const values = family.hidden!.map(({ of }) => of(task));
        for (const [f, { name, space }] of family.hidden!.entries())
          expectWithin(space, values[f], 1, `${name} of ${JSON.stringify(task)}`);
        const text = JSON.stringify(values);
        expectThat(!known.has(text), `what is hidden in ${JSON.stringify(task)}, ${text}`, 'no other task to have it', known.get(text));
        known.set(text, task);
      }
    },
  },
  {
    name: 'observations: they are in the observation space',
    applies: played,
    check(family) {
      const { tasks, first, trace } = play(family, 1);
      const within = (rows: number[], where: string) => expectWithin(family.observationSpace, rows, tasks.length, where);
      within(first, 'first observations');
      for (const [t, { observation, finalObservation }] of trace.entries()) {
        within(observation, `observation of step ${t}`);
        within(finalObservation, `finalObservation of step ${t}`);
      }
    },
  },
  {
    name: 'rewards: they are finite, and at most rewardMax if there is a model',
    applies: played,
    check(family) {
      const { rewardMax = Number.POSITIVE_INFINITY, model } = family;
      for (const [t, { reward }] of play(family, 1).trace.entries()) {
        expectFinite(reward, `rewards of step ${t}`);
        // Without a model, rewards may be noisy, and only their expectation is bounded.
        if (model) for (const r of reward) expectThat(r <= rewardMax, `reward of step ${t}`, `at most ${rewardMax}`, r);
      }
    },
  },
  {
    name: 'seeds: equal seeds give equal trajectories, and reset(random) reseeds',
    applies: played,
    check(family) {
      const [one, again] = [play(family, 5), play(family, 5)];
      expectEqual(again.first, one.first, 'first observations of the second play');
      expectEqual(again.trace, one.trace, 'steps of the second play');
      const tasks = someTasks(family);
      const follow = (env: VectorEnv, first: Float32Array) => {
        const seen = [Array.from(first)];
        for (let t = 0; t < family.horizon; t++) {
          const { reward, observation } = env.step(anyActions(family, tasks.length, Random.seeded(t)));
          seen.push(Array.from(reward), Array.from(observation));
        }
        return seen;
      };
      const fresh = withEnv(family, tasks, Random.seeded(9), env => follow(env, env.reset()));
      const seededAgain = withEnv(family, tasks, Random.seeded(6), env => {
        follow(env, env.reset());
        return follow(env, env.reset(Random.seeded(9)));
      });
      expectEqual(seededAgain, fresh, 'play after reset(random), compared with environments created with that seed');
    },
  },
  {
    name: 'setTask: later episodes are those of the other task',
    applies: played,
    check(family) {
      const tasks = someTasks(family);
      const others = [...tasks.slice(1), tasks[0]];
      /** An episode of `from` or, where tasks change in the middle of an earlier one, of `to`. */
      const follow = (from: readonly Task[], to: readonly Task[] = []) =>
        withEnv(family, from, Random.seeded(4), env => {
          if (to.length > 0 && !env.setTask) return undefined;
          env.reset();
          for (let t = 0; t < Math.min(3, family.horizon - 1); t++) env.step(anyActions(family, tasks.length, Random.seeded(t)));
          for (const [i, task] of to.entries()) env.setTask!(i, task);
          const seen = [Array.from(env.reset(Random.seeded(9)))];
          for (let t = 0; t < family.horizon; t++) {
            const { reward, observation } = env.step(anyActions(family, tasks.length, Random.seeded(t)));
            seen.push(Array.from(reward), Array.from(observation));
          }
          return seen;
        });
      const changed = follow(tasks, others);
      if (changed) expectEqual(changed, follow(others), 'an episode after setTask and reset(random)');
    },
  },
  {
    name: 'neighbors: environments do not affect each other',
    applies: played,
    check(family) {
      const tasks = someTasks(family);
      const width = spaceSize(family.observationSpace);
      const actions = Array.from({ length: 2 * family.horizon + 3 }, (_, t) => anyActions(family, 1, Random.seeded(t)));
      const first = (count: number) =>
        withEnv(
          family,
          Array.from({ length: count }, (_, i) => tasks[i % tasks.length]),
          Random.seeded(2),
          env => {
            const start = Array.from(env.reset().slice(0, width));
            const steps = actions.map(own => {
              const { reward, observation, executed } = env.step(
                actionsOf(family.actionSpace, Array.from({ length: count }, () => [...own]).flat()),
              );
              return { reward: reward[0], observation: Array.from(observation.slice(0, width)), executed: executed?.[0] };
            });
            return { start, steps };
          },
        );
      expectEqual(first(TASKS), first(1), 'environment 0 among others, compared with alone');
    },
  },
  {
    name: 'horizon: episodes are truncated exactly at the horizon',
    applies: played,
    check(family) {
      const { tasks, trace } = play(family, 3);
      for (const i of tasks.keys())
        for (let t = 0, elapsed = 0; t < trace.length; t++) {
          const { terminated, truncated } = trace[t];
          const where = `environment ${i}, step ${t}, number ${++elapsed} of its episode`;
          expectThat(terminated[i] === 0 || terminated[i] === 1, `${where}: terminated`, '0 or 1', terminated[i]);
          expectEqual(truncated[i], Number(elapsed === family.horizon), `${where}: truncated`);
          if (terminated[i] || truncated[i]) elapsed = 0;
        }
    },
  },
  {
    name: 'finalObservation: it equals the observation unless an episode ended',
    applies: played,
    check(family) {
      const width = spaceSize(family.observationSpace);
      const { tasks, trace } = play(family, 3);
      for (const [t, { terminated, truncated, observation, finalObservation }] of trace.entries())
        for (const i of tasks.keys())
          if (!terminated[i] && !truncated[i])
            expectEqual(at(finalObservation, i, width), at(observation, i, width), `environment ${i}, step ${t}: finalObservation`);
    },
  },
  {
    name: 'executed: only unscored actions are overridden, by valid ones',
    applies: played,
    check(family) {
      const { tasks, first, trace, taken } = play(family, 3);
      const actionWidth = spaceSize(family.actionSpace);
      for (const i of tasks.keys()) {
        let [seen, elapsed] = [first, 0];
        for (const [
          t,
          { executed = Array.from(taken[t]), observation, reward, finalObservation, terminated, truncated },
        ] of trace.entries()) {
          const where = `environment ${i}, step ${t}`;
          const scored = family.scored?.({ observation: seen, reward, nextObservation: finalObservation }, i) ?? true;
          const own = at(executed, i, actionWidth);
          expectWithin(family.actionSpace, own, 1, `${where}: executed`);
          if (scored) expectEqual(own, at(Array.from(taken[t]), i, actionWidth), `${where}: executed of a scored step`);
          if (family.regret) expectEqual(family.regret.part(elapsed) >= 0, scored, `${where}: whether regret has a part for it`);
          seen = observation;
          elapsed = terminated[i] || truncated[i] ? 0 : elapsed + 1;
        }
      }
    },
  },
  {
    name: 'changes: they ascend within an episode',
    applies: ({ changes }) => changes !== undefined,
    check(family) {
      for (const task of someTasks(family))
        for (const [k, call] of family.changes!(task).entries()) {
          const from = (family.changes!(task)[k - 1] ?? 0) + 1;
          const holds = Number.isInteger(call) && call >= from && call < family.horizon;
          expectThat(holds, `change ${k} of ${JSON.stringify(task)}`, `an integer in [${from}, ${family.horizon - 1}]`, call);
        }
    },
  },
  {
    name: 'attempts: cells and targets are in range, moves lead to cells, and the step that leads to a start is not scored',
    applies: family => played(family) && family.attempts !== undefined,
    check(family) {
      const { cells, actions, targets, move, cellOf, phaseOf } = family.attempts!;
      const index = (value: number, count: number, where: string) =>
        expectThat(Number.isInteger(value) && value >= 0 && value < count, where, `an integer in [0, ${count - 1}]`, value);
      for (let cell = 0; cell < cells; cell++)
        for (let action = 0; action < actions; action++) index(move(cell, action), cells, `move from cell ${cell} by action ${action}`);
      const { tasks, first, trace } = play(family, 3);
      const width = spaceSize(family.observationSpace);
      for (const i of tasks.keys()) {
        let seen = first;
        for (const [t, { observation, reward, finalObservation: nextObservation }] of trace.entries()) {
          const where = `environment ${i}, step ${t}`;
          const own = at(nextObservation, i, width);
          index(cellOf(own), cells, `${where}: cell`);
          index(phaseOf(own), targets.length, `${where}: phase`);
          const scored = family.scored?.({ observation: seen, reward, nextObservation }, i) ?? true;
          expectEqual(family.attempt?.(own, 0), !scored, `${where}: whether an attempt starts after it`);
          seen = observation;
        }
      }
    },
  },
  {
    name: 'outcome: it is a finite number at every step',
    applies: family => played(family) && family.outcome !== undefined,
    check(family) {
      const { tasks, first, trace } = play(family, 3);
      let observation = first;
      for (const [t, { observation: next, reward, finalObservation: nextObservation }] of trace.entries()) {
        const values = Array.from(tasks.keys(), i => family.outcome!.of({ observation, reward, nextObservation }, i));
        expectFinite(values, `outcome of step ${t}`);
        observation = next;
      }
    },
  },
  {
    name: 'render: every observation of an episode can be drawn, as text and as SVG, and equally each time',
    applies: family => played(family) && family.render !== undefined,
    check(family) {
      const { tasks, first, trace, taken } = play(family, 3);
      for (const [i, task] of tasks.slice(0, DRAWN).entries()) {
        const columns = new TransitionColumns(spaceSize(family.observationSpace), spaceSize(family.actionSpace));
        for (const [t, { executed = taken[t], finalObservation: nextObservation, ...row }] of trace.entries()) {
          const step = { ...row, observation: trace[t - 1]?.observation ?? first, action: executed, nextObservation };
          columns.push(step as unknown as Feedback, i);
        }
        expectScenes(family, { task, ...columns }, `environment ${i}`);
      }
    },
  },
  {
    name: 'actions: a wrong number of them and values out of range throw E_SHAPE',
    applies: played,
    async check(family) {
      const tasks = someTasks(family);
      const refused = (where: string, actions: Actions) =>
        withEnv(family, tasks, Random.seeded(1), env => {
          env.reset();
          return expectRefusal('E_SHAPE', where, () => env.step(actions));
        });
      const right = newActions(family.actionSpace, tasks.length);
      const wrong = countsOf(family.actionSpace) ? Math.max(...countsOf(family.actionSpace)!) : Number.NaN;
      await refused(`actions of ${tasks.length + 1} environments for ${tasks.length}`, newActions(family.actionSpace, tasks.length + 1));
      await refused(`actions of ${wrong}`, right.fill(wrong));
    },
  },
  {
    name: 'regret: it is never negative, and zero for some action',
    applies: ({ regret }) => regret !== undefined,
    check(family) {
      const { parts, part, of } = family.regret!;
      const scored = Array.from({ length: family.horizon }, (_, elapsed) => elapsed).filter(elapsed => part(elapsed) >= 0);
      expectEqual(
        [...new Set(scored.map(part))].sort((a, b) => a - b),
        [...parts.keys()],
        'parts of an episode',
      );
      const { count } = actionIndex(family, WHO);
      for (const task of someTasks(family))
        for (const elapsed of scored) {
          const least = Math.min(...Array.from({ length: count }, (_, action) => of(task, action, elapsed)));
          expectEqual(least, 0, `least regret of an action in step ${elapsed} of ${JSON.stringify(task)}`);
        }
    },
  },
  {
    name: 'phases: they begin at 0, and every rewarded step advances by one until the last',
    applies: ({ model }) => model?.phases !== undefined,
    check(family) {
      const { phases, states, starts, actions, next, reward } = family.model!;
      const { count, of } = phases!;
      for (const start of starts) expectEqual(of(start), 0, `phase of the first state ${start}`);
      const found = new Set(Array.from({ length: states }, (_, state) => of(state)));
      expectEqual(
        [...found].sort((a, b) => a - b),
        [...new Array(count).keys()],
        'phases of all states',
      );
      for (const task of someTasks(family))
        for (let state = 0; state < states; state++)
          for (let action = 0; action < actions; action++) {
            const to = next(task, state, action);
            const arrived = Math.min(count - 1, of(state) + Number(reward(task, state, action, to) > 0));
            expectEqual(of(to), arrived, `phase after action ${action} in state ${state} of ${JSON.stringify(task)}`);
          }
    },
  },
  {
    name: 'model: stepping follows the model, including the final observation of an episode',
    applies: modeled,
    check(family) {
      const { horizon } = family;
      const model = tabularModel(family, WHO);
      const actionOf = actionIndex(family, WHO).of;
      const [width, actionWidth] = [spaceSize(family.observationSpace), spaceSize(family.actionSpace)];
      const { tasks, first, trace, taken } = play(family, 3);
      const shown = new Float32Array(width);
      const look = (state: number) => {
        model.observe(state, shown, 0);
        return Array.from(shown);
      };
      const startAt = (seen: number[], where: string) => {
        const state = model.starts.find(start => look(start).every((value, f) => value === seen[f]));
        expectThat(state !== undefined, where, 'the observation of a start of the model', seen);
        return state;
      };
      for (const [i, task] of tasks.entries()) {
        let [state, elapsed] = [startAt(at(first, i, width), `first observation of environment ${i}`), 0];
        for (const [t, { observation, finalObservation, reward, terminated, truncated }] of trace.entries()) {
          const where = `environment ${i}, step ${t}`;
          const action = actionOf(taken[t], i * actionWidth);
          const to = model.next(task, state, action);
          const ended = [Number(model.terminal(task, to)), Number(++elapsed === horizon)];
          expectEqual(at(finalObservation, i, width), look(to), `${where}: finalObservation`);
          expectClose(reward[i], model.reward(task, state, action, to), `${where}: reward`);
          expectEqual([terminated[i], truncated[i]], ended, `${where}: terminated and truncated`);
          const seen = at(observation, i, width);
          if (ended[0] || ended[1]) [state, elapsed] = [startAt(seen, `${where}: observation`), 0];
          else state = to;
          expectEqual(seen, look(state), `${where}: observation`);
        }
      }
    },
  },
  {
    name: 'oracleReturn: it is the exact return of an optimal policy of the model',
    applies: family => modeled(family) && family.oracleReturn !== undefined,
    check(family) {
      const { horizon } = family;
      const model = tabularModel(family, WHO);
      for (const task of someTasks(family)) {
        const plan = optimalActions(family, task);
        const random = Random.seeded(4);
        let mean = 0;
        for (const start of model.starts) {
          let [state, total] = [start, 0];
          for (let left = horizon; left > 0; left--) {
            const action = random.categorical(plan.probabilities, plan.row(left, state), model.actions);
            const to = model.next(task, state, action);
            total += model.reward(task, state, action, to);
            state = to;
            if (model.terminal(task, state)) break;
          }
          expectClose(total, plan.values[horizon * model.states + start], `return from state ${start} of ${JSON.stringify(task)}`, 1e-9);
          mean += total / model.starts.length;
        }
        expectClose(family.oracleReturn!(task), mean, `oracleReturn of ${JSON.stringify(task)}`, 1e-9);
      }
    },
  },
  {
    name: 'oracleReturn: random play does not exceed it',
    applies: family => played(family) && family.oracleReturn !== undefined,
    check(family) {
      const tasks = someTasks(family);
      const { trace } = play(
        family,
        7,
        tasks.flatMap(task => new Array<Task>(COPIES).fill(task)),
        family.horizon,
      );
      for (const [i, task] of tasks.entries()) {
        const returns = Array.from({ length: COPIES }, (_, copy) => firstReturn(trace, i * COPIES + copy));
        const mean = returns.reduce((sum, value) => sum + value, 0) / COPIES;
        const error = Math.sqrt(returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (COPIES - 1) / COPIES);
        const oracle = family.oracleReturn!(task);
        expectThat(
          oracle >= mean - ERRORS * error - 1e-6,
          `oracleReturn of ${JSON.stringify(task)}`,
          `at least ${mean}, the mean return of random play`,
          oracle,
        );
      }
    },
  },
];

/** Return of environment i in its first episode. */
function firstReturn(trace: readonly Row[], i: number): number {
  const end = trace.findIndex(({ terminated, truncated }) => terminated[i] || truncated[i]);
  return trace.slice(0, end < 0 ? undefined : end + 1).reduce((sum, { reward }) => sum + reward[i], 0);
}

/**
 * The contract of environments: tasks identified by content, elements of the spaces, equal trajectories for equal seeds, independent
 * environments, the horizon, refusals; if declared, the model, the oracle, regret, phases, attempts, changes, outcome, hidden factors and
 * drawings.
 *
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of environmentChecks(environment('my-grid'))) test(name, run);
 */
export const environmentChecks = (family: EnvFamily): Check[] => checksOf(RULES, family);
