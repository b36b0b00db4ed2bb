/** @file Options of registered things (environments, sources, problems): each has a default, what is allowed, and one sentence. */

import type { z } from 'zod';
import type { Json } from './canonical.ts';
import { CadenzaError } from './errors.ts';

/** An option that is a number. */
export interface NumberOption {
  readonly default: number;
  /** Smallest and largest value that make sense, both included. */
  readonly range: readonly [number, number];
  readonly integer?: boolean;
  readonly about: string;
}

/** An option that is anything else: a text, a list, a map. */
export interface JsonOption<T extends Json = Json> {
  /** Checks the value. It is kept as it was given, so no defaults are filled in. */
  readonly schema: z.ZodType<T>;
  /** Left out where the option must be given. */
  readonly default?: T;
  readonly about: string;
}

export type Option = NumberOption | JsonOption;
export type OptionTable = Readonly<Record<string, Option>>;
export type OptionValues = Readonly<Record<string, Json>>;

/** What a table resolves to: every key, with its value. */
export type Options<T extends OptionTable> = { readonly [K in keyof T]: T[K] extends JsonOption<infer V> ? V : number };

/**
 * The defaults with `given` laid over them. Throws `E_CONFIG` where a key is unknown, or a value is missing or not allowed.
 *
 * @example resolveOptions('source q-learning', { discount: { default: 0.9, range: [0, 1], about: 'γ' } }, { discount: 0.5 })
 */
export function resolveOptions<T extends OptionTable>(owner: string, table: T, given: Readonly<Record<string, unknown>> = {}): Options<T> {
  const unknown = Object.keys(given).find(key => !Object.hasOwn(table, key));
  const known = Object.keys(table).join(', ') || 'none';
  if (unknown !== undefined)
    throw new CadenzaError('E_CONFIG', `${owner} has no option "${unknown}". Its options are: ${known}. Remove or rename "${unknown}".`);
  const entries = Object.entries(table).map(([key, option]) => [key, checked(owner, key, option, given[key] ?? option.default)]);
  return Object.fromEntries(entries) as Options<T>;
}

/** What a registered thing with options declares. */
export interface OptionedEntry<Made> {
  readonly id: string;
  readonly description: string;
  readonly options: OptionTable;
  /** Makes it under these options; throws `E_CONFIG` for an unknown option or a value that is not allowed. */
  create(options?: Readonly<Record<string, unknown>>): Made;
}

function checked(owner: string, key: string, option: Option, value: unknown): Json {
  const refuse = (what: string) => new CadenzaError('E_CONFIG', `${owner}: option "${key}" (${option.about}) ${what}.`);
  if ('schema' in option) {
    if (value === undefined) throw refuse('is missing. Give it in the options');
    const { error } = option.schema.safeParse(value);
    if (!error) return value as Json;
    const faults = error.issues.map(({ path, message }) => [...path, message].join(': '));
    throw refuse(`does not fit: ${faults.slice(0, 3).join('; ')}`);
  }
  const { range, integer } = option;
  const [low, high] = range;
  if (typeof value === 'number' && value >= low && value <= high && (!integer || Number.isInteger(value) || value === Infinity))
    return value;
  throw refuse(`must be ${integer ? 'an integer' : 'a number'} in [${low}, ${high}], but is ${String(value)}`);
}
