/** @file How the streams of an evaluation are scored: by episodes, or by windows of one life of many calls. */

import type { LifeSettings } from '../play/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { CadenzaError } from '../util/errors.ts';
import { openTasks } from './tasks.ts';

type Settings = Pick<BaseConfig, 'env' | 'split' | 'source' | 'evaluate'>;

/** Calls of a bin of recovery curves, unless the configuration has another number. */
const RECOVERY_BIN = 25;

/** How lives are scored; undefined where episodes are. Throws `E_CONFIG` for windows that do not divide the calls of a stream. */
export function lifeOf(config: Settings): LifeSettings | undefined {
  const { window, episodes, recoveryBin: bin = RECOVERY_BIN } = config.evaluate;
  if (window === undefined) return undefined;
  const { horizon, id } = openTasks(config).family;
  const calls = episodes * horizon;
  if (calls % window === 0) return { calls, window, bin };
  throw new CadenzaError(
    'E_CONFIG',
    `evaluate.window is ${window}, which does not divide the ${calls} calls of a stream (evaluate.episodes ${episodes} × the horizon ${horizon} of ${id}). Change one of them.`,
  );
}

/** Number of points of a learning curve: windows of a life, or episodes. */
export function periodsOf(config: Settings): number {
  const life = lifeOf(config);
  return life ? life.calls / life.window : config.evaluate.episodes;
}
