/** @file What a registered environment declares. */

import { type EnvFamily, type Options, type OptionTable, resolveOptions } from '../rl/index.ts';

export interface EnvEntry {
  readonly id: string;
  readonly description: string;
  readonly options: OptionTable;
  /** The family under these options; throws `E_CONFIG` for an unknown option or a value out of range. */
  create(options?: Readonly<Record<string, unknown>>): EnvFamily;
}

/** Ties an environment's option table to the type of the options that its `create` receives. */
export function defineEnv<T extends OptionTable>(env: {
  id: string;
  description: string;
  options: T;
  create(options: Options<T>): EnvFamily;
}): EnvEntry {
  return {
    ...env,
    create(given) {
      const options = resolveOptions(`environment ${env.id}`, env.options, given);
      const changed = Object.entries(options).filter(([key, value]) => value !== env.options[key].default);
      return { ...env.create(options), ...(changed.length > 0 ? { options: Object.fromEntries(changed) } : {}) };
    },
  };
}
