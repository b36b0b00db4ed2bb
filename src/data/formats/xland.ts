/**
 * @file The layout of XLand-100B (Nikulin et al. 2025, arXiv 2406.08973): one group per task, named 0, 1, …, with its histories along the
 * first axis.
 *
 *   states [h, T, …]   actions [h, T]   rewards [h, T]   dones [h, T]   expert_actions [h, T]       attributes env-id, benchmark-id, ruleset-id
 *
 * A state is the observation before acting. The observation after the last action of an episode is not recorded: the next row is the first
 * of the next episode, so the last state of an episode is used as its own successor. Files written by cadenza have the missing data in
 * further datasets, which other tools ignore: next_states, terminations, truncations, action_probabilities.
 */

import { discreteActions, type History, joinColumns, likeliest, type Task } from '../../rl/index.ts';
import { canonicalJson } from '../../util/files.ts';
import { datasetName, groupName, type Hdf5Reader, pathOf } from '../hdf5.ts';
import {
  axesOf,
  compact,
  declaredEnvironment,
  declaredTask,
  ENVIRONMENT,
  type ExchangeFormat,
  eitherOf,
  expectAxes,
  expectColumns,
  NO_SUCCESSORS,
  PROBABILITIES,
  type Quota,
  type Recording,
  successors,
  TASK,
  taskNumber,
} from './format.ts';

const NEXT = 'next_states';
const RULESET = 'ruleset-id';

/** Groups of tasks; the root itself if the file has one task, as XLand-100B's own collection writes it. */
function groupsOf(file: Hdf5Reader): string[] {
  const groups = file.groups();
  return file.kind('states') === 'dataset' ? ['', ...groups.filter(group => file.names(group).includes('states'))] : groups;
}

export const xland: ExchangeFormat = {
  id: 'xland',
  description: 'xland (one group per task, or one task at the root, with states, actions, rewards, dones and expert_actions)',
  tasks: `the attribute "${RULESET}" of a group, or "task"`,
  detects(file) {
    const [first] = groupsOf(file);
    return first !== undefined && file.names(first).includes('states');
  },
  read(file, quota) {
    const groups = groupsOf(file);
    if (groups.length === 0) throw file.refuse('', 'expected one group per task (0, 1, …), found none');
    const environment = declaredEnvironment(file) ?? { id: environmentId(file, groups) };
    const led = groups.every(group => file.names(group).includes(NEXT));
    return { environment, recordings: groups.flatMap(group => recordings(file, group, quota)), notes: led ? [] : [NO_SUCCESSORS] };
  },
  write(file, environment, histories) {
    file.attribute('', ENVIRONMENT, canonicalJson(environment));
    const A = discreteActions(environment, 'The layout xland');
    const axes = axesOf(environment.observationSpace);
    for (const [index, stack] of stacks(histories).entries()) {
      const group = String(index);
      const [h, T] = [stack.length, stack[0].action.length];
      file.group(group);
      file.attribute(group, 'env-id', environment.id);
      file.attribute(group, TASK, canonicalJson(stack[0].task));
      const of = <K extends keyof History>(name: K) => joinColumns(stack.map(history => history[name] as Float32Array));
      const put = (name: string, data: Parameters<typeof file.dataset>[2], rest: readonly number[] = []) =>
        file.dataset(group, name, data, [h, T, ...rest], 1);
      const [action, terminated, truncated] = (['action', 'terminated', 'truncated'] as const).map(of);
      const probabilities = of('probabilities');
      put('states', compact(of('observation')), axes);
      put('actions', Uint8Array.from(action));
      put('rewards', of('reward'));
      put('dones', eitherOf(terminated, truncated));
      const expert = (_: unknown, t: number) => likeliest(probabilities, t * A, A);
      put('expert_actions', Uint8Array.from(terminated, expert));
      put(NEXT, compact(of('nextObservation')), axes);
      put('terminations', Uint8Array.from(terminated));
      put('truncations', Uint8Array.from(truncated));
      put(PROBABILITIES, probabilities, [A]);
    }
  },
};

/** Rule sets are numbered within a benchmark, so the benchmark is part of the name; files that mix several are rejected. */
function environmentId(file: Hdf5Reader, groups: readonly string[]): string {
  const ids = groups.map(group => {
    const [env, benchmark] = ['env-id', 'benchmark-id'].map(name => file.attribute(group, name));
    if (typeof env !== 'string')
      throw file.refuse(groupName(group), 'expected an attribute "env-id" that names the environment, found none');
    return benchmark === undefined ? env : `${env}/${benchmark}`;
  });
  const other = ids.find(id => id !== ids[0]);
  if (other !== undefined)
    throw file.refuse(groupName(groups[ids.indexOf(other)]), `expected the environment of group ${groups[0]}, ${ids[0]}, found ${other}`);
  return ids[0];
}

function taskOf(file: Hdf5Reader, group: string): Task {
  const task = declaredTask(file, group);
  if (task) return task;
  const ruleset = file.attributeNames(group).includes(RULESET) ? taskNumber(file, group, RULESET) : undefined;
  if (typeof ruleset === 'number') return { ruleset };
  const found = ruleset === undefined ? 'neither' : 'a list';
  const what = `expected an attribute "${RULESET}" (a number) or "${TASK}" (JSON) that names the task, found ${found}`;
  throw file.refuse(groupName(group), what);
}

function recordings(file: Hdf5Reader, group: string, quota: Quota): Recording[] {
  const task = taskOf(file, group);
  const width = expectAxes(file, group, 'states', [undefined, undefined]);
  const [h, T] = file.shape(group, 'states');
  if (T === 0 && h > 0) throw file.refuse(datasetName(group, 'states'), 'expected at least one transition, found none');
  const names = file.names(group);
  const optional = (name: string) => names.includes(name);
  const columns = ['actions', 'rewards', 'dones', ...['expert_actions', 'terminations', 'truncations'].filter(optional)];
  expectColumns(file, group, columns, [h, T]);
  if (optional(NEXT)) expectColumns(file, group, [NEXT], [h, T], width);
  if (optional(PROBABILITIES)) expectAxes(file, group, PROBABILITIES, [h, T]);
  const wanted = [...Array(h).keys()].filter(() => quota.take(task));
  return wanted.map(i => {
    const read = (name: string) => file.read(group, name, i);
    const given = (name: string) => (optional(name) ? read(name) : undefined);
    const [observation, ended] = [read('states'), read('dones')];
    return {
      where: pathOf(group, String(i)),
      task,
      width,
      observation,
      nextObservation: given(NEXT) ?? successors(observation, ended, width),
      action: read('actions'),
      reward: read('rewards'),
      ended,
      terminated: given('terminations'),
      truncated: given('truncations'),
      expert: given('expert_actions'),
      probabilities: given(PROBABILITIES),
    };
  });
}

/** Consecutive histories of one task and one length, which fit into one array and are read back in the same order. */
function stacks(histories: readonly History[]): History[][] {
  const found: History[][] = [];
  for (const history of histories) {
    const last = found.at(-1)?.[0];
    if (last?.taskKey === history.taskKey && last.action.length === history.action.length) found[found.length - 1].push(history);
    else found.push([history]);
  }
  return found;
}
