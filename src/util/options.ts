/** @file Options of registered things (environments, sources, problems): each is a number with a default, a range and one sentence. */

import { CadenzaError } from './errors.ts';

/** One documented option. */
export interface Option {
  readonly default: number;
  /** Smallest and largest value that make sense, both included. */
  readonly range: readonly [number, number];
  readonly integer?: boolean;
  readonly about: string;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** What a table resolves to: every key, with its value. */
export type Options<T extends OptionTable> = { readonly [K in keyof T]: number };

/**
 * The defaults with `given` laid over them. Throws `E_CONFIG` where a key is unknown or a value lies outside its range.
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
  /** Makes it under these options; throws `E_CONFIG` for an unknown option or a value out of range. */
  create(options?: Readonly<Record<string, unknown>>): Made;
}

function checked(owner: string, key: string, { range: [low, high], integer, about }: Option, value: unknown): number {
  if (typeof value === 'number' && value >= low && value <= high && (!integer || Number.isInteger(value) || value === Infinity))
    return value;
  const kind = integer ? 'an integer' : 'a number';
  throw new CadenzaError('E_CONFIG', `${owner}: option "${key}" (${about}) must be ${kind} in [${low}, ${high}], but is ${String(value)}.`);
}
