/**
 * @file How the tasks of a Gymnasium family differ: arguments, attributes, reset options or seeds, as lists or as all combinations of
 * values.
 */

import { z } from 'zod';
import { canonicalJson, isMap, type Json } from '../../util/canonical.ts';

const json = z.json() as z.ZodType<Json>;
const byName = <T>(values: z.ZodType<T>) => z.record(z.string(), values).optional();
const seed = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const count = z
  .int()
  .min(1)
  .max(2 ** 20);

/** Values of one name: listed, evenly spaced, or returned by a Python function for the seeds 0, 1, …. */
const values = z.union([
  z.array(json).min(1),
  z.strictObject({ low: z.number(), high: z.number(), count: count.min(2) }),
  z.strictObject({ call: z.string().regex(/^[\w.]+:\w+$/), kwargs: z.record(z.string(), json).optional(), seeds: count }),
]);
type Values = z.output<typeof values>;

/** Where a task differs from the family: in arguments of `make`, in attributes of the environment, or in options of `reset`. */
const PLACES = ['kwargs', 'attributes', 'options'] as const;

const listed = z
  .array(z.strictObject({ kwargs: byName(json), attributes: byName(json), options: byName(json), seed: seed.optional() }))
  .min(1);
const combined = z.strictObject({
  kwargs: byName(values),
  attributes: byName(values),
  options: byName(values),
  seeds: z.union([count, z.array(seed).min(1)]).optional(),
});

/** The option `tasks`: a list of tasks, or values by name whose combinations are the tasks. */
export const tasksSchema = z.union([listed, combined], {
  error: issue =>
    Array.isArray(issue.input)
      ? 'expected a list of tasks, each with some of kwargs, attributes, options and seed'
      : 'expected values by name under kwargs, attributes or options (a list, { low, high, count } or { call: "module:function", kwargs, seeds }), or seeds',
});

/** What one task overrides in the family. */
export type GymTask = z.output<typeof listed>[number];

/** All tasks, without duplicates. `call` calls a Python function. */
export function gymTasks(tasks: z.output<typeof tasksSchema>, call: (of: Extract<Values, { call: string }>) => readonly Json[]): GymTask[] {
  const valuesOf = (of: Values): readonly Json[] => {
    if (Array.isArray(of)) return of;
    if ('call' in of) return call(of);
    return Array.from({ length: of.count }, (_, i) => of.low + ((of.high - of.low) * i) / (of.count - 1));
  };
  const all = () => {
    if (Array.isArray(tasks)) return tasks;
    const { seeds = [] } = tasks;
    let found: GymTask[] = [{}];
    for (const place of PLACES)
      for (const [name, of] of Object.entries(tasks[place] ?? {})) {
        const choices = valuesOf(of);
        found = found.flatMap(task => choices.map(value => ({ ...task, [place]: { ...task[place], [name]: value } })));
      }
    const drawn = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i) : seeds;
    return drawn.length === 0 ? found : found.flatMap(task => drawn.map(seed => ({ ...task, seed })));
  };
  return [...new Map(all().map(task => [gymTaskKey(task), task])).values()];
}

/** The task by content: `attributes.gravity=9.8`, `seed=3`. */
export function gymTaskKey(task: GymTask): string {
  const parts = Object.entries(task).flatMap(([place, value]) =>
    isMap(value)
      ? Object.entries(value).map(([name, each]) => `${place}.${name}=${canonicalJson(each)}`)
      : value === undefined
        ? []
        : [`${place}=${canonicalJson(value)}`],
  );
  return parts.sort().join(' ') || 'as registered';
}
