/** @file The search space of `cadenza tune`: dotted settings, each with a domain from which trials are sampled (method 4.4). */

import { z } from 'zod';
import { configJsonSchema, loadConfig } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { settingAt } from '../util/suggest.ts';
import { experimentSchema } from './experiment.ts';

/** The possible values of one setting. Bounds are inclusive. */
export type Domain =
  | { readonly values: readonly unknown[] }
  | { readonly integer: readonly [number, number] }
  | { readonly uniform: readonly [number, number] }
  | { readonly logUniform: readonly [number, number] };

/** Domains by dotted setting, such as `optimizer.learningRate`. */
export type SearchSpace = Readonly<Record<string, Domain>>;

/** Values by dotted setting. */
export type Settings = Readonly<Record<string, unknown>>;

const SAME_SCORE = 'a setting of the training; all trials are scored in the same way on the same validation tasks';
const SAME_DATA = 'a setting of the training; a search must not choose the held-out tasks, because it could choose easy ones';
const NOT_TUNED = 'a setting of the training';

/** Settings that a search space must not contain, by first part, with what was expected instead. */
const REFUSED: Readonly<Record<string, string>> = {
  evaluate: SAME_SCORE,
  env: SAME_SCORE,
  split: SAME_DATA,
  seed: `${NOT_TUNED}; the best seed is no better than others`,
  seeds: `${NOT_TUNED}; the best seed is no better than others`,
  baselines: `${NOT_TUNED}; a search trains no baselines`,
  selection: NOT_TUNED,
  name: NOT_TUNED,
  imports: NOT_TUNED,
  tables: NOT_TUNED,
  checkpoint: NOT_TUNED,
  executor: NOT_TUNED,
};

/**
 * Reads a search space from its YAML file and checks every domain against the range of its setting.
 *
 * @param resource the setting that the search itself sets (the training steps of successive halving); the space must not contain it.
 * @throws {CadenzaError} `E_CONFIG` with file, line and column, like `loadConfig`.
 */
export function loadSpace(file: string, resource?: string): SearchSpace {
  return loadConfig(spaceSchema(resource), { file });
}

/** The schema of a search space file: every searchable setting with the kinds of domain for its type. */
export function spaceSchema(resource?: string): z.ZodType<SearchSpace> {
  const known = configJsonSchema(experimentSchema());
  /** The dotted setting under its former names. */
  const formerly = (key: string) =>
    key
      .split('.')
      .map((part, i, path) => settingAt(known, path.slice(0, i + 1))?.formerly ?? part)
      .join('.');
  const entries = settingsOf(experimentSchema()).map(([key, setting]) => {
    const refused = REFUSED[key.split('.')[0]] ?? (key === resource ? `${NOT_TUNED}; successive halving sets this one itself` : '');
    const domain = refused ? z.unknown().refine(() => false, `expected ${refused}`) : domainSchema(setting);
    return [key, domain.optional().meta({ formerly: formerly(key) })] as const;
  });
  return z
    .strictObject(Object.fromEntries(entries))
    .refine(space => Object.keys(space).length > 0, 'expected at least one setting to search') as unknown as z.ZodType<SearchSpace>;
}

/** Every setting with a single value, with its schema without defaults. */
function settingsOf(schema: z.core.$ZodType, path: readonly string[] = []): [string, z.ZodType][] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return settingsOf(schema.unwrap(), path);
  if (schema instanceof z.ZodObject) return Object.entries(schema.shape).flatMap(([key, field]) => settingsOf(field, [...path, key]));
  return [[path.join('.'), schema as z.ZodType]];
}

function domainSchema(setting: z.ZodType): z.ZodType {
  const kinds: Record<string, z.ZodType> = { values: z.array(setting).min(1).refine(distinct, 'expected unique values') };
  if (setting instanceof z.ZodNumber) {
    // Checking the bounds is enough, because every range in the schema is an interval.
    const bounds = z
      .array(setting)
      .length(2)
      .refine(([low, high]) => low < high, 'expected a lower bound and then a higher bound');
    if (setting.format?.includes('int')) kinds.integer = bounds;
    else {
      kinds.uniform = bounds;
      kinds.logUniform = bounds.refine(([low]) => low > 0, 'expected bounds above 0 for sampling on a logarithmic scale');
    }
  }
  const names = Object.keys(kinds);
  return z
    .strictObject(Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, kind.optional()])))
    .refine(domain => Object.keys(domain).length === 1, `expected exactly one of ${names.join(', ')}`);
}

const distinct = (values: readonly unknown[]) => new Set(values.map(value => JSON.stringify(value))).size === values.length;

/** Samples a value of a domain. Real numbers are rounded to four significant digits, so that they are short and exact in YAML. */
export function drawValue(domain: Domain, random: Random): unknown {
  if ('values' in domain) return domain.values[random.integer(domain.values.length)];
  if ('integer' in domain) return domain.integer[0] + random.integer(domain.integer[1] - domain.integer[0] + 1);
  const [low, high] = 'uniform' in domain ? domain.uniform : domain.logUniform;
  const share = random.uniform();
  const value = 'uniform' in domain ? low + share * (high - low) : low * (high / low) ** share;
  return Math.min(high, Math.max(low, Number(value.toPrecision(4))));
}

const ATTEMPTS = 200;

/**
 * Samples distinct settings that `reject` accepts. Each setting of each trial has its own random stream, so that adding a setting or a
 * trial does not change other values. Returns fewer settings if the space has no more.
 *
 * @param reject returns why settings are inconsistent, or undefined if they are consistent.
 * @throws {CadenzaError} `E_CONFIG` if all sampled settings were rejected.
 */
export function drawSettings(
  space: SearchSpace,
  count: number,
  random: Random,
  reject: (settings: Settings) => string | undefined,
): Settings[] {
  const drawn = new Map<string, Settings>();
  let reason = '';
  for (let trial = 0; trial < count; trial++) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const entries = Object.entries(space).map(([key, domain]) => [key, drawValue(domain, random.split(trial, attempt, key))]);
      const settings = Object.fromEntries(entries) as Settings;
      const identity = JSON.stringify(entries);
      if (drawn.has(identity)) continue;
      const fault = reject(settings);
      if (fault === undefined) {
        drawn.set(identity, settings);
        break;
      }
      reason = fault;
    }
  }
  if (drawn.size === 0 && count > 0)
    throw new CadenzaError(
      'E_CONFIG',
      `expected consistent settings in the search space, but all ${ATTEMPTS} samples were rejected, the last one because: ${reason}`,
    );
  return [...drawn.values()];
}
