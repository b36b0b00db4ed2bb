/** @file Gymnasium's spaces as Minari spells them in JSON, and the metadata.json that stands beside its files. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { episodeStarts, type History, type Space, spaceSize } from '../../rl/index.ts';
import { readJson } from '../../util/files.ts';
import type { Hdf5Reader } from '../hdf5.ts';
import type { Environment } from '../manifest.ts';
import { type DeclaredEnvironment, jsonAttribute } from './format.ts';

export const METADATA = 'metadata.json';

/** Spaces of files that other tools wrote, as far as they are told: Discrete and MultiDiscrete ones; the rest follows from the numbers. */
export function gymEnvironment(file: Hdf5Reader): DeclaredEnvironment {
  const path = join(dirname(file.path), METADATA);
  const about = { ...file.attributes(''), ...(existsSync(path) ? (readJson(path) as Record<string, unknown>) : {}) };
  const parsed = (name: string) => {
    const text = about[name];
    // Python writes infinite bounds as words that JSON does not have.
    const json = typeof text === 'string' ? text.replace(/-?\bInfinity\b|\bNaN\b/g, 'null') : undefined;
    return json === undefined ? undefined : (jsonAttribute(file, '', name, json) as Record<string, unknown>);
  };
  const action = parsed('action_space');
  if (action && !(action.type === 'Discrete' && (action.start ?? 0) === 0))
    throw file.refuse('', `expected a Discrete action space that starts at 0, found ${JSON.stringify(action).slice(0, 80)}`);
  const seen = parsed('observation_space');
  const space: Space | undefined =
    seen?.type === 'Discrete' && (seen.start ?? 0) === 0
      ? { kind: 'discrete', n: Number(seen.n) }
      : seen?.type === 'MultiDiscrete'
        ? { kind: 'multi-discrete', nvec: seen.nvec as number[] }
        : undefined;
  const spec = parsed('env_spec');
  return {
    id: String(spec?.id ?? about.dataset_id ?? 'minari'),
    ...(space ? { observationSpace: space } : {}),
    ...(action ? { actionSpace: { kind: 'discrete', n: Number(action.n) } } : {}),
  };
}

/** The metadata without which Minari opens no file; its version is the newest that this was tried with. */
export function minariMetadata({ id, observationSpace, actionSpace }: Environment, histories: readonly History[]) {
  return {
    data_format: 'hdf5',
    dataset_id: `cadenza/${id}-v0`,
    jpeg_encoding: false,
    minari_version: '0.5.4',
    total_episodes: histories.reduce((sum, history) => sum + episodeStarts(history).length - 1, 0),
    total_steps: histories.reduce((sum, { reward }) => sum + reward.length, 0),
    observation_space: JSON.stringify(gymSpace(observationSpace)),
    action_space: JSON.stringify(gymSpace(actionSpace)),
  };
}

/** A space as Minari's metadata spells those of Gymnasium. */
function gymSpace(space: Space) {
  switch (space.kind) {
    case 'discrete':
      return { type: 'Discrete', dtype: 'int64', start: 0, n: space.n };
    case 'multi-discrete':
      return { type: 'MultiDiscrete', dtype: 'int64', nvec: space.nvec, start: space.nvec.map(() => 0) };
    case 'box':
      return { type: 'Box', dtype: 'float32', shape: [spaceSize(space)], low: space.low, high: space.high };
    case 'image': {
      const { height, width, channels } = space;
      const filled = (value: number) =>
        Array.from({ length: height }, () => Array.from({ length: width }, () => Array(channels).fill(value)));
      return { type: 'Box', dtype: 'float32', shape: [height, width, channels], low: filled(0), high: filled(1) };
    }
  }
}
