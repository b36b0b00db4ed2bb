/**
 * @file Options of registered kinds (environments, sources, problems): each has a default, a valid range or schema, and a one-sentence
 * description.
 */

import type { z } from 'zod';
import type { Json } from './canonical.ts';
import { CadenzaError } from './errors.ts';
import { nearest } from './nearest.ts';

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
  const [problem] = optionProblems(owner, table, given);
  if (problem) throw new CadenzaError('E_CONFIG', `${owner}: option "${problem.key}": ${problem.expected}, found ${show(problem.found)}.`);
  return Object.fromEntries(Object.entries(table).map(([key, option]) => [key, given[key] ?? option.default])) as Options<T>;
}

/** An option that is unknown, missing or invalid. */
export interface OptionProblem {
  /** Name of the option. */
  readonly key: string;
  /** What was expected, as the end of a sentence: `expected a number in [0, 1]`. */
  readonly expected: string;
  /** The value; undefined if it is missing. */
  readonly found: unknown;
}

/** What is wrong with given options; empty if nothing is. */
export function optionProblems(owner: string, table: OptionTable, given: Readonly<Record<string, unknown>>): OptionProblem[] {
  const names = Object.keys(table);
  const unknown = Object.keys(given).filter(key => !Object.hasOwn(table, key));
  const known = names.length > 0 ? `an option of ${owner} (${names.join(', ')})` : `no option, because ${owner} has none`;
  const near = (key: string) => (names.length > 1 ? `; the nearest is ${nearest(key, names)}` : '');
  return [
    ...unknown.map(key => ({ key, expected: `expected ${known}${near(key)}`, found: given[key] })),
    ...names.flatMap(key => {
      const found = given[key] ?? table[key].default;
      const expected = expectation(table[key], found);
      return expected === undefined ? [] : [{ key, expected, found }];
    }),
  ];
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

/** What was expected in place of an invalid value; undefined if the value is valid. */
function expectation(option: Option, value: unknown): string | undefined {
  if ('schema' in option) {
    if (value === undefined) return `expected a value (${option.about})`;
    const { error } = option.schema.safeParse(value);
    if (!error) return undefined;
    const faults = error.issues.map(({ path, message }) => [...path, message].join(': '));
    return `${faults.slice(0, 3).join('; ')} (${option.about})`;
  }
  const { range, integer, about } = option;
  const [low, high] = range;
  const valid = typeof value === 'number' && value >= low && value <= high && (!integer || Number.isInteger(value) || value === Infinity);
  return valid ? undefined : `expected ${integer ? 'an integer' : 'a number'} in [${low}, ${high}] (${about})`;
}

const show = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value);
