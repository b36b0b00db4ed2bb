/**
 * @file The layout of Minari (Farama Foundation, data sets of Gymnasium): one group per episode, named episode_0, episode_1, …
 *
 *   observations [T + 1, …]   actions [T, …]   rewards [T]   terminations [T]   truncations [T]      attributes id, total_steps, seed, options/…
 *
 * Episodes of one task, in the order of their numbers, form one learning history, unless an attribute `history` (in cadenza's own files)
 * separates several. The task is the attribute `task` (JSON, in cadenza's own files), or the numbers among the reset options; without
 * either it has no parameters. Spaces are read from metadata.json next to the file, or from the attributes of older files. Observations and
 * actions of several arrays (Dict, Tuple) are flattened in the order of the spaces.
 */

import { actionDistribution, episodeStarts, joinColumns, spaceSize, type Task } from '../../rl/index.ts';
import { canonicalJson } from '../../util/files.ts';
import { groupBy } from '../../util/groups.ts';
import { groupName, type Hdf5Reader } from '../hdf5.ts';
import {
  axesOf,
  declaredEnvironment,
  declaredTask,
  ENVIRONMENT,
  type ExchangeFormat,
  eitherOf,
  expectColumns,
  PROBABILITIES,
  type Recording,
  TASK,
  taskNumber,
} from './format.ts';
import { fieldsOf, gymEnvironment, type Leaf, leavesIn, METADATA, minariMetadata } from './gymnasium.ts';

const EPISODE = /^episode_\d+$/;
const HISTORY = 'history';
const OPTION = 'options/';

const episodesOf = (file: Hdf5Reader) => file.groups().filter(name => EPISODE.test(name));

export const minari: ExchangeFormat = {
  id: 'minari',
  description: 'minari (groups episode_0, episode_1, … with observations, actions, rewards, terminations and truncations)',
  tasks: 'the numbers among the reset options of an episode, or its attribute "task"; without either, each file is one task',
  detects: file => episodesOf(file).length > 0,
  read(file, quota) {
    const episodes = episodesOf(file);
    if (episodes.length === 0) throw file.refuse('', 'expected groups episode_0, episode_1, …, found none');
    const texts = new Map<string, string>();
    const tasks = episodes.map(name => ({ name, task: taskOf(file, name, texts) }));
    const historyOf = ({ name, task }: (typeof tasks)[number]) => canonicalJson([task, String(file.attribute(name, HISTORY) ?? 0)]);
    const found = [...groupBy(tasks, historyOf).values()];
    const [named, unnamed] = [true, false].map(has => found.find(([{ task }]) => Object.keys(task).length > 0 === has));
    // As Minari's tools leave a file when they add episodes: all episodes of other tasks would be merged into one more task.
    if (named && unnamed) {
      const what = `expected numbers among the reset options, or an attribute "${TASK}", that name its task as those of ${named[0].name} do, found none`;
      throw file.refuse(groupName(unnamed[0].name), what);
    }
    const gym = gymEnvironment(file);
    const observations = gym.observations ?? leavesIn(file, episodes[0], 'observations');
    const actions = gym.actions ?? leavesIn(file, episodes[0], 'actions');
    const declared = declaredEnvironment(file) ?? { ...gym.declared, fields: fieldsOf(observations, actions) };
    let open = 0;
    const recordings = found
      .filter(([{ task }]) => quota.take(task))
      .map(history => {
        const read = history.map(({ name }) => readEpisode(file, name, observations, actions));
        open += read.filter(({ open }) => open).length;
        return recording(history[0].task, read);
      });
    const cut = open > 0 ? [`${open} episodes have no end in the file; each counts as truncated where the next begins.`] : [];
    return { environment: declared, recordings, notes: [...gym.notes, ...cut] };
  },
  write(file, environment, histories) {
    file.attribute('', ENVIRONMENT, canonicalJson(environment));
    const { observationSpace, actionSpace } = environment;
    const { size, width: actionWidth } = actionDistribution(actionSpace);
    const width = spaceSize(observationSpace);
    const { kind } = observationSpace;
    const integers = kind === 'discrete' || kind === 'multi-discrete';
    const whole = (values: Float32Array | Int32Array) => BigInt64Array.from(Array.from(values, BigInt));
    let id = 0;
    for (const [number, history] of histories.entries()) {
      const starts = episodeStarts(history);
      for (let e = 0; e + 1 < starts.length; e++) {
        const [from, to] = [starts[e], starts[e + 1]];
        const group = `episode_${id}`;
        const seen = joinColumns([
          history.observation.subarray(from * width, to * width),
          history.nextObservation.subarray((to - 1) * width, to * width),
        ]);
        const acted = history.action.slice(from * actionWidth, to * actionWidth);
        const put = (name: string, data: Parameters<typeof file.dataset>[2], shape: readonly number[] = [to - from]) =>
          file.dataset(group, name, data, shape);
        file.group(group);
        file.attribute(group, 'id', id++);
        file.attribute(group, 'total_steps', to - from);
        file.attribute(group, HISTORY, number);
        file.attribute(group, TASK, canonicalJson(history.task));
        put('observations', integers ? whole(seen) : seen, [to - from + 1, ...axesOf(observationSpace)]);
        put('actions', acted instanceof Float32Array ? acted : whole(acted), [to - from, ...axesOf(actionSpace)]);
        put('rewards', history.reward.slice(from, to));
        put('terminations', history.terminated.slice(from, to));
        put('truncations', history.truncated.slice(from, to));
        put(PROBABILITIES, history.probabilities.slice(from * size, to * size), [to - from, size]);
      }
    }
  },
  companion: (environment, histories) => ({ name: METADATA, content: minariMetadata(environment, histories) }),
};

const COLUMNS = ['rewards', 'terminations', 'truncations'] as const;

type Episode = ReturnType<typeof readEpisode>;

function readEpisode(file: Hdf5Reader, name: string, observations: readonly Leaf[], actions: readonly Leaf[]) {
  const [length = 0] = file.shape(name, 'rewards');
  expectColumns(file, name, COLUMNS, [length]);
  const [reward, terminated, truncated] = COLUMNS.map(column => file.read(name, column));
  const [seen, acted] = [readLeaves(file, name, observations, length + 1), readLeaves(file, name, actions, length)];
  return {
    where: name,
    length,
    width: seen.width,
    actionWidth: acted.width,
    observation: seen.values.subarray(0, length * seen.width),
    nextObservation: seen.values.subarray(seen.width),
    action: acted.values,
    reward,
    terminated,
    truncated,
    probabilities: file.names(name).includes(PROBABILITIES) ? file.read(name, PROBABILITIES) : undefined,
    /** Whether its last step does not end it. */
    open: length > 0 && !terminated[length - 1] && !truncated[length - 1],
  };
}

/** Arrays of an episode concatenated along columns, [rows × width]. */
function readLeaves(file: Hdf5Reader, episode: string, leaves: readonly Leaf[], rows: number) {
  const width = leaves.reduce((sum, { size }) => sum + size, 0);
  const values = new Float64Array(rows * width);
  let at = 0;
  for (const { path, size, start } of leaves) {
    expectColumns(file, episode, [path], [rows], size, ', as its space has');
    const column = file.read(episode, path);
    for (let row = 0; row < rows; row++) for (let i = 0; i < size; i++) values[row * width + at + i] = column[row * size + i] - start[i];
    at += size;
  }
  return { values, width };
}

/** The numbers that identify the task of an episode. Throws `E_DATA` if text options differ, because they would be dropped. */
function taskOf(file: Hdf5Reader, group: string, texts: Map<string, string>): Task {
  const declared = declaredTask(file, group);
  if (declared) return declared;
  const task: Record<string, number | number[]> = {};
  for (const name of file.attributeNames(group).filter(each => each.startsWith(OPTION))) {
    const value = file.attribute(group, name);
    if (value !== undefined && typeof value !== 'string') {
      task[name.slice(OPTION.length)] = taskNumber(file, group, name);
      continue;
    }
    const text = value ?? 'neither a text nor numbers';
    const before = texts.get(name) ?? text;
    const lost = `the option "${name.slice(OPTION.length)}" is "${text}", elsewhere "${before}"; tasks are identified by numbers, so it would be lost`;
    if (before !== text) throw file.refuse(groupName(group), `${lost}. Number its values`);
    texts.set(name, text);
  }
  return task;
}

/** One history: concatenated episodes. */
function recording(task: Task, episodes: readonly Episode[]): Recording {
  const joined = (of: (episode: Episode) => ArrayLike<number>) => joinColumns(episodes.map(each => Float64Array.from(of(each))));
  const [terminated, truncated] = [joined(each => each.terminated), joined(each => each.truncated)];
  // An episode without an end was cut off where the next one begins.
  let end = 0;
  for (const { length, open } of episodes) {
    end += length;
    if (open) truncated[end - 1] = 1;
  }
  const [{ where, width, actionWidth }] = episodes;
  return {
    where,
    task,
    width,
    actionWidth,
    observation: joined(each => each.observation),
    nextObservation: joined(each => each.nextObservation),
    action: joined(each => each.action),
    reward: joined(each => each.reward),
    ended: eitherOf(terminated, truncated),
    terminated,
    truncated,
    probabilities: episodes.every(each => each.probabilities) ? joined(each => each.probabilities!) : undefined,
  };
}
