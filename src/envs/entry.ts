/** @file What a registered environment declares. */

import { type EnvFamily, type OptionedEntry, type Options, type OptionTable, resolveOptions, type StepResult } from '../rl/index.ts';
import { canonicalJson } from '../util/canonical.ts';

export type EnvEntry = OptionedEntry<EnvFamily>;

/** Ties an environment's option table to the type of the options that its `create` receives. */
export function defineEnv<T extends OptionTable>(
  env: Omit<EnvEntry, 'options' | 'create'> & { options: T; create(options: Options<T>): EnvFamily },
): EnvEntry {
  return {
    ...env,
    create(given) {
      const options = resolveOptions(`environment ${env.id}`, env.options, given);
      const changed = Object.entries(options).filter(([key, value]) => canonicalJson(value) !== canonicalJson(env.options[key].default));
      return { ...env.create(options), ...(changed.length > 0 ? { options: Object.fromEntries(changed) } : {}) };
    },
  };
}

/** Arrays for what one step gives in `size` environments with observations of `width` numbers: buffers that the next call overwrites. */
export const stepBuffers = (size: number, width: number): StepResult => ({
  observation: new Float32Array(size * width),
  reward: new Float32Array(size),
  terminated: new Uint8Array(size),
  truncated: new Uint8Array(size),
  finalObservation: new Float32Array(size * width),
});
