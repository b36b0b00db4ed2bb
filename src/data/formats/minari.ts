/**
 * @file The layout of Minari (Farama Foundation, data sets of Gymnasium): a group an episode, named episode_0, episode_1, …
 *
 *   observations [T + 1, …]   actions [T]   rewards [T]   terminations [T]   truncations [T]      attributes id, total_steps, seed, options/…
 *
 * Episodes of one task, in the order of their numbers, are one learning history, unless an attribute `history` tells several apart (our own files
 * have it). The task is the attribute `task` (JSON; our own files), or the numbers among the reset options; without either it has no parameters.
 * Spaces are read from metadata.json beside the file, where Minari keeps them, or from the file's attributes, where it used to.
 */

import { discreteActions, episodeStarts, joinColumns, spaceSize, type Task } from '../../rl/index.ts';
import { canonicalJson } from '../../util/files.ts';
import type { Hdf5Reader } from '../hdf5.ts';
import {
  declaredEnvironment,
  ENVIRONMENT,
  type ExchangeFormat,
  expectAxes,
  jsonAttribute,
  observationAxes,
  PROBABILITIES,
  type Recording,
  TASK,
} from './format.ts';
import { gymEnvironment, METADATA, minariMetadata } from './gymnasium.ts';

const EPISODE = /^episode_\d+$/;
const HISTORY = 'history';
const OPTION = 'options/';

export const minari: ExchangeFormat = {
  id: 'minari',
  description: 'Minari: a group an episode with observations, actions, rewards, terminations and truncations',
  read(file, quota) {
    const episodes = file.groups().filter(name => EPISODE.test(name));
    if (episodes.length === 0) throw file.refuse('', 'expected groups episode_0, episode_1, …, found none');
    const histories = new Map<string, { task: Task; names: string[] }>();
    for (const name of episodes) {
      const task = taskOf(file, name);
      const key = canonicalJson([task, file.attributes(name)[HISTORY] ?? 0]);
      if (!histories.has(key)) histories.set(key, { task, names: [] });
      histories.get(key)!.names.push(name);
    }
    const all = [...histories.values()];
    const [named, unnamed] = [true, false].map(has => all.find(({ task }) => Object.keys(task).length > 0 === has));
    // As Minari's own tools leave it where they add episodes to a file: all those of other tasks would be taken for one more task.
    if (named && unnamed) {
      const what = `expected numbers among the reset options, or an attribute "${TASK}", that name its task as those of ${named.names[0]} do, found none`;
      throw file.refuse(`group ${unnamed.names[0]}`, what);
    }
    const wanted = all.filter(({ task }) => quota.take(task));
    const recordings = wanted.map(({ task, names }) =>
      recording(
        task,
        names.map(name => readEpisode(file, name)),
      ),
    );
    return { environment: declaredEnvironment(file) ?? gymEnvironment(file), recordings };
  },
  write(file, environment, histories) {
    file.attribute('', ENVIRONMENT, canonicalJson(environment));
    const axes = observationAxes(environment.observationSpace);
    const n = discreteActions(environment, 'The layout minari');
    const width = spaceSize(environment.observationSpace);
    const { kind } = environment.observationSpace;
    const integers = kind === 'discrete' || kind === 'multi-discrete';
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
        const put = (name: string, data: Parameters<typeof file.dataset>[2], shape: readonly number[] = [to - from]) =>
          file.dataset(group, name, data, shape);
        file.group(group);
        file.attribute(group, 'id', id++);
        file.attribute(group, 'total_steps', to - from);
        file.attribute(group, HISTORY, number);
        file.attribute(group, TASK, canonicalJson(history.task));
        put('observations', integers ? BigInt64Array.from(Array.from(seen, BigInt)) : seen, [to - from + 1, ...axes]);
        put('actions', BigInt64Array.from(Array.from(history.action.subarray(from, to), BigInt)));
        put('rewards', history.reward.slice(from, to));
        put('terminations', history.terminated.slice(from, to));
        put('truncations', history.truncated.slice(from, to));
        put(PROBABILITIES, history.probabilities.slice(from * n, to * n), [to - from, n]);
      }
    }
  },
  beside: (environment, histories) => ({ name: METADATA, content: minariMetadata(environment, histories) }),
};

interface Episode {
  readonly name: string;
  /** T */
  readonly length: number;
  /** F */
  readonly width: number;
  /** [(T + 1) × F] */
  readonly seen: ArrayLike<number>;
  /** [T] or [T × A] */
  readonly columns: Readonly<Record<(typeof COLUMNS)[number], ArrayLike<number>>>;
  readonly probabilities?: ArrayLike<number>;
}

const COLUMNS = ['actions', 'rewards', 'terminations', 'truncations'] as const;

function readEpisode(file: Hdf5Reader, name: string): Episode {
  const names = file.names(name);
  const [length] = file.shape(name, 'rewards');
  const width = expectAxes(file, name, 'observations', [length + 1]);
  for (const column of COLUMNS) {
    const rest = expectAxes(file, name, column, [length]);
    if (rest !== 1)
      throw file.refuse(`group ${name}, dataset "${column}"`, `expected one number a step, found ${rest}; only discrete actions are read`);
  }
  const columns = Object.fromEntries(COLUMNS.map(column => [column, file.read(name, column)])) as Episode['columns'];
  return {
    name,
    length,
    width,
    seen: file.read(name, 'observations'),
    columns,
    ...(names.includes(PROBABILITIES) ? { probabilities: file.read(name, PROBABILITIES) } : {}),
  };
}

function taskOf(file: Hdf5Reader, group: string): Task {
  const attributes = file.attributes(group);
  if (attributes[TASK] !== undefined) return jsonAttribute(file, group, TASK, attributes[TASK]) as Task;
  const options = Object.entries(attributes).filter(([name, value]) => name.startsWith(OPTION) && typeof value !== 'string');
  return Object.fromEntries(options.map(([name, value]) => [name.slice(OPTION.length), value])) as Task;
}

/** One history: episodes one behind the other. */
function recording(task: Task, episodes: readonly Episode[]): Recording {
  const [{ width, name }] = episodes;
  const part = (pick: (episode: Episode) => ArrayLike<number>) => joinColumns(episodes.map(episode => Float32Array.from(pick(episode))));
  const rows = (first: number) => part(({ seen, length, width: own }) => Array.from(seen).slice(first * own, (first + length) * own));
  const column = (key: (typeof COLUMNS)[number]) => part(({ columns }) => columns[key]);
  const [terminated, truncated] = [column('terminations'), column('truncations')];
  // An episode without an end was cut off where the next one begins.
  let end = 0;
  for (const { length } of episodes) {
    end += length;
    if (!terminated[end - 1]) truncated[end - 1] = 1;
  }
  return {
    where: name,
    task,
    width,
    observation: rows(0),
    nextObservation: rows(1),
    action: column('actions'),
    reward: column('rewards'),
    ended: terminated.map((ends, t) => (ends || truncated[t] ? 1 : 0)),
    terminated,
    truncated,
    ...(episodes.every(({ probabilities }) => probabilities) ? { probabilities: part(({ probabilities }) => probabilities!) } : {}),
  };
}
