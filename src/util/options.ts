/**
 * @file Options of registered kinds (environments, sources, problems): each has a default, a valid range or schema, and a one-sentence
 * description.
 */

import type { z } from 'zod';
import type { Json } from './canonical.ts';
import { CadenzaError } from './errors.ts';

/** A numeric option. */
export interface NumberOption {
  /** The value if the option is not given. */
  readonly default: number;
  /** Smallest and largest valid value, both included. */
  readonly range: readonly [number, number];
  /** Whether the value must be an integer. */
  readonly integer?: boolean;
  /** What the option means, in one phrase. */
  readonly about: string;
}

/** An option of any other type: text, a list, a map. */
export interface JsonOption<T extends Json = Json> {
  /** Checks the value. The value is stored as given, so the schema's defaults are not filled in. */
  readonly schema: z.ZodType<T>;
  /** Absent if the option is required. */
  readonly default?: T;
  /** What the option means, in one phrase. */
  readonly about: string;
}

/** An option of a registered kind. */
export type Option = NumberOption | JsonOption;
/** The options of a registered kind, by name. */
export type OptionTable = Readonly<Record<string, Option>>;
/** Values of options, by name. */
export type OptionValues = Readonly<Record<string, Json>>;

/** The type of a table's values: every key, with its value. */
export type Options<T extends OptionTable> = { readonly [K in keyof T]: T[K] extends JsonOption<infer V> ? V : number };

/**
 * The defaults of a table, overridden by `given`.
 *
 * @param owner what has the options, for errors: 'source q-learning'.
 * @throws {CadenzaError} `E_CONFIG` if a key is unknown, or a value is missing or invalid.
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

/** A registered kind with options. */
export interface OptionedEntry<Kind> {
  readonly id: string;
  readonly description: string;
  /** The options that `create` takes. */
  readonly options: OptionTable;
  /**
   * Creates it with these options.
   *
   * @throws {CadenzaError} `E_CONFIG` for an unknown option or an invalid value.
   */
  create(options?: Readonly<Record<string, unknown>>): Kind;
}

function checked(owner: string, key: string, option: Option, value: unknown): Json {
  const refuse = (what: string) => new CadenzaError('E_CONFIG', `${owner}: option "${key}" (${option.about}) ${what}.`);
  if ('schema' in option) {
    if (value === undefined) throw refuse('is missing. Give it in the options');
    const { error } = option.schema.safeParse(value);
    if (!error) return value as Json;
    const faults = error.issues.map(({ path, message }) => [...path, message].join(': '));
    throw refuse(`is invalid: ${faults.slice(0, 3).join('; ')}`);
  }
  const { range, integer } = option;
  const [low, high] = range;
  if (typeof value === 'number' && value >= low && value <= high && (!integer || Number.isInteger(value) || value === Infinity))
    return value;
  throw refuse(`must be ${integer ? 'an integer' : 'a number'} in [${low}, ${high}], but is ${String(value)}`);
}
