/**
 * @file The layout of D4RL (Fu et al. 2020, arXiv 2004.07219): one HDF5 file per task, all steps concatenated at the root.
 *
 *   observations [N, …]   actions [N, …]   rewards [N]   terminals [N]   timeouts [N]   next_observations [N, …]   infos/…
 *
 * `timeouts` and `next_observations` are optional. Nothing identifies a task, so each file is one.
 */

import type { Hdf5Reader } from '../hdf5.ts';
import { type ExchangeFormat, eitherOf, expectAxes, expectColumns, NO_SUCCESSORS, successors } from './format.ts';

const NEXT = 'next_observations';
const TIMEOUTS = 'timeouts';
const COLUMNS = ['observations', 'actions', 'rewards', 'terminals'];
const isDataset = (file: Hdf5Reader, name: string) => file.kind(name) === 'dataset';

export const d4rl: ExchangeFormat = {
  id: 'd4rl',
  description: 'd4rl (observations, actions, rewards, terminals and timeouts at the root)',
  tasks: 'files: each file is one task',
  detects: file => COLUMNS.every(name => isDataset(file, name)),
  read(file, quota) {
    const width = expectAxes(file, '', 'observations', [undefined]);
    const [length] = file.shape('', 'observations');
    const [timed, led] = [TIMEOUTS, NEXT].map(name => isDataset(file, name));
    const actionWidth = expectAxes(file, '', 'actions', [length]);
    expectColumns(file, '', ['rewards', 'terminals', ...(timed ? [TIMEOUTS] : [])], [length]);
    if (led) expectColumns(file, '', [NEXT], [length], width);
    const task = {};
    if (!quota.take(task)) return { environment: { id: idOf(file) }, recordings: [] };
    const read = (name: string) => file.read('', name);
    const [observation, terminated] = [read('observations'), read('terminals')];
    const truncated = timed ? read(TIMEOUTS) : new Uint8Array(length);
    const ended = eitherOf(terminated, truncated);
    const recording = {
      where: 'all',
      task,
      width,
      actionWidth,
      observation,
      nextObservation: led ? read(NEXT) : successors(observation, ended, width),
      action: read('actions'),
      reward: read('rewards'),
      ended,
      terminated,
      truncated,
    };
    const left = file.names('').filter(name => ![...COLUMNS, NEXT, TIMEOUTS].includes(name));
    const notes = [
      ...(led ? [] : [NO_SUCCESSORS]),
      ...(timed ? [] : [`There are no ${TIMEOUTS}, so episodes end only at terminals.`]),
      ...left.map(name => `${name} was dropped.`),
    ];
    return { environment: { id: idOf(file) }, recordings: [recording], notes };
  },
};

/** D4RL names environments by file. */
const idOf = ({ path }: Hdf5Reader) => path.replace(/^.*[/\\]/, '').replace(/\.[^.]*$/, '');
