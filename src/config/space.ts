/** @file The search space of a study: dotted settings of an experiment, each with a domain that trials are drawn from (method 4.4). */

import { z } from 'zod';
import { configJsonSchema, loadConfig } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { settingAt } from '../util/suggest.ts';
import { experimentSchema } from './experiment.ts';

/** Where the values of one setting come from. Bounds are included. */
export type Domain =
  | { readonly values: readonly unknown[] }
  | { readonly integer: readonly [number, number] }
  | { readonly uniform: readonly [number, number] }
  | { readonly logUniform: readonly [number, number] };

/** Domains by dotted setting, such as `optimizer.learningRate`. */
export type SearchSpace = Readonly<Record<string, Domain>>;

/** Values by dotted setting. */
export type Settings = Readonly<Record<string, unknown>>;

const SAME_SCORE = 'a setting that training depends on; every trial is scored alike, on the same validation tasks';
const SAME_DATA =
  'a setting that training depends on; which tasks are kept apart is not for a study to choose, or it could choose easy ones';
const NOT_TUNED = 'a setting that training depends on';

/** Settings that no space may hold, by their first part, with what to say. */
const REFUSED: Readonly<Record<string, string>> = {
  evaluate: SAME_SCORE,
  env: SAME_SCORE,
  split: SAME_DATA,
  seed: `${NOT_TUNED}; a seed that scores well means nothing`,
  seeds: `${NOT_TUNED}; a seed that scores well means nothing`,
  baselines: `${NOT_TUNED}; baselines are not trained in a study`,
  selection: NOT_TUNED,
  name: NOT_TUNED,
  imports: NOT_TUNED,
  tables: NOT_TUNED,
  checkpoint: NOT_TUNED,
  executor: NOT_TUNED,
};

/**
 * Reads a search space from its YAML file; every domain is held against the range of its own setting.
 *
 * @param resource the setting that the study itself sets (the training steps of successive halving), which the space may not hold.
 * @throws {CadenzaError} `E_CONFIG` with file, line and column, as `loadConfig` does.
 */
export function loadSpace(file: string, resource?: string): SearchSpace {
  return loadConfig(spaceSchema(resource), { file });
}

/** The schema of a space file: each setting of an experiment that may be searched, with the kinds of domain that suit its type. */
export function spaceSchema(resource?: string): z.ZodType<SearchSpace> {
  const known = configJsonSchema(experimentSchema());
  /** The setting with every part of it that was renamed as it was before. */
  const formerly = (key: string) =>
    key
      .split('.')
      .map((part, i, path) => settingAt(known, path.slice(0, i + 1))?.formerly ?? part)
      .join('.');
  const entries = settingsOf(experimentSchema()).map(([key, setting]) => {
    const refused = REFUSED[key.split('.')[0]] ?? (key === resource ? `${NOT_TUNED}; this one is the resource of successive halving` : '');
    const domain = refused ? z.unknown().refine(() => false, `expected ${refused}`) : domainSchema(setting);
    return [key, domain.optional().meta({ formerly: formerly(key) })] as const;
  });
  return z
    .strictObject(Object.fromEntries(entries))
    .refine(space => Object.keys(space).length > 0, 'expected at least one setting to search') as unknown as z.ZodType<SearchSpace>;
}

/** Every setting that is a value rather than a map, with its schema stripped of defaults. */
function settingsOf(schema: z.core.$ZodType, path: readonly string[] = []): [string, z.ZodType][] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return settingsOf(schema.unwrap(), path);
  if (schema instanceof z.ZodObject) return Object.entries(schema.shape).flatMap(([key, field]) => settingsOf(field, [...path, key]));
  return [[path.join('.'), schema as z.ZodType]];
}

function domainSchema(setting: z.ZodType): z.ZodType {
  const kinds: Record<string, z.ZodType> = { values: z.array(setting).min(1).refine(distinct, 'expected every value once') };
  if (setting instanceof z.ZodNumber) {
    // Bounds within a setting's range suffice: every range of the schema is an interval.
    const bounds = z
      .array(setting)
      .length(2)
      .refine(([low, high]) => low < high, 'expected a lower and a higher bound');
    if (setting.format?.includes('int')) kinds.integer = bounds;
    else {
      kinds.uniform = bounds;
      kinds.logUniform = bounds.refine(([low]) => low > 0, 'expected bounds above 0, because their logarithms are taken');
    }
  }
  const names = Object.keys(kinds);
  return z
    .strictObject(Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, kind.optional()])))
    .refine(domain => Object.keys(domain).length === 1, `expected exactly one of ${names.join(', ')}`);
}

const distinct = (values: readonly unknown[]) => new Set(values.map(value => JSON.stringify(value))).size === values.length;

/** One value of a domain. Reals have four significant digits: they can be read, and written down without loss. */
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
 * Draws distinct settings that `reject` finds nothing against; each setting and trial from a stream of its own, so that one more setting or
 * trial leaves the values of the others as they are. Gives fewer where the space holds no more.
 *
 * @param reject says what is wrong with settings that do not go together, or undefined.
 * @throws {CadenzaError} `E_CONFIG` when nothing that was drawn goes together.
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
      `no settings of the search space go together; ${ATTEMPTS} draws were all refused, the last because: ${reason}`,
    );
  return [...drawn.values()];
}
