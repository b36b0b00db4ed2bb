/**
 * @file Ablations: one experiment, varied along declared axes. All combinations are trained and evaluated on the same tasks. Stages with equal
 * settings and inputs are shared, and a repeated call runs only missing stages.
 */

import { z } from 'zod';
import type { Evaluated } from '../analysis/evaluate.ts';
import { plannedRows } from '../analysis/protocol.ts';
import { baseField, baseFile } from '../config/bases.ts';
import {
  type ExperimentConfig,
  experimentSchema,
  importExperiment,
  settingsSchema,
  type TableSettings,
  withSettings,
} from '../config/experiment.ts';
import { commonSelection } from '../config/selection.ts';
import { generatedReport } from '../histories/generate.ts';
import { expectComparable, type MethodTimes, type Results, rateReturn } from '../records/index.ts';
import { type ImitationTable, REFERENCES, type ReturnTable } from '../statistics/index.ts';
import { teacher } from '../training/stages/teacher.ts';
import { loadConfig, readConfig, type Sweep, topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson } from '../util/files.ts';
import { fromRegistries } from '../util/registry.ts';
import type { EvaluatedVariant, RunOptions, Variant } from './kind.ts';
import type { Estimate } from './needs.ts';
import { type JobPlan, planVariants } from './plan.ts';
import { previewVariants } from './preview.ts';
import { type ReinforcementEvaluation, reinforcement } from './reinforcement.ts';
import { resultsOf, type Tables } from './results.ts';
import { runVariants, type Variants } from './run.ts';

const label = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, 'expected letters, digits, ".", "_", "+" and "-"')
  .describe('Name of the value. The method name of a combination consists of the names of its values');

export const ablationSchema = fromRegistries(() =>
  z.strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, ".", "_" and "-", because it becomes a folder name')
      .describe('Name of the ablation. Without --out, results go to runs/<name>'),
    base: baseField,
    set: settingsSchema().describe('Settings that override those of the experiment in every combination').default({}),
    axes: z
      .array(
        z.strictObject({
          name: label.describe('Name of the axis: what varies'),
          values: z.record(label, settingsSchema()).describe('Settings of each value of the axis, by the name of the value'),
        }),
      )
      .min(1)
      .describe('Axes of variation. Combinations are the product of all axes'),
    skip: z
      .array(
        z.strictObject({
          when: z
            .record(z.string(), z.union([z.string(), z.array(z.string())]))
            .describe('Values by axis name. A combination is skipped if all of them match'),
          because: z.string().describe('Why these combinations are skipped'),
        }),
      )
      .describe('Combinations to skip')
      .default([]),
    methods: z
      .array(z.string())
      .describe('Additional methods of each combination to show, such as teacher. Identical ones are shown once')
      .meta({ formerly: 'beside' })
      .default([]),
    rate: z
      .strictObject({
        along: label.describe('Axis along which the size of Z grows. The other axes define the lines'),
        against: z.string().describe('Method whose return is 1 on the vertical axis, such as teacher').default('teacher'),
      })
      .describe('Rate–return curve: return by the number of bits of Z. If omitted, no curve')
      .optional(),
    reference: z
      .string()
      .describe(
        'Combination to compare with every other method by paired differences, given as its values joined by spaces. If omitted, no comparison',
      )
      .optional(),
  }),
);

export type Ablation = z.output<ReturnType<typeof ablationSchema>>;

/** One combination. Its name consists of its values. */
type Cell = Variant<ExperimentConfig> & { readonly values: Readonly<Record<string, string>> };

/** An ablation, its base experiment and all its combinations. */
export interface OpenAblation {
  readonly ablation: Ablation;
  readonly base: ExperimentConfig;
  readonly cells: readonly Cell[];
  /** Whether it is a sweep. A sweep omits the rate–return curve if the reference has no return. */
  readonly swept?: boolean;
}

/** Whether a file is an ablation rather than an experiment, as standard input must be. */
export function isAblation(file: string): boolean {
  // It can be read only once.
  if (file === '-') return false;
  const keys = topLevelKeys({ file, text: readConfig(file) });
  return ['base', 'axes'].every(key => keys.includes(key));
}

/** Reads an ablation and its base experiment, with `overrides` for all combinations. Throws `E_CONFIG`, also if an axis sets an overridden setting. */
export async function loadAblation(file: string, overrides: readonly string[] = []): Promise<OpenAblation> {
  const text = readConfig(file);
  const keys = topLevelKeys({ file, text });
  const own = keys.find(key => key !== 'name' && (key === 'problem' || key in experimentSchema().shape));
  if (own && !keys.includes('axes'))
    throw new CadenzaError(
      'E_CONFIG',
      `${file} is an experiment, not an ablation: it has "${own}", but no "axes". Run it with cadenza run ${file}, or write an ablation with it as base, such as experiments/ablations/matrix.yaml.`,
    );
  // Import the experiment's modules first, because the ablation's schema depends on them.
  const { base: varied } = loadConfig(z.looseObject({ base: baseField }), { file, text });
  const base = await importExperiment(baseFile(varied, file), overrides);
  const ablation = loadConfig(ablationSchema(), { file, text });
  const over = loadConfig(settingsSchema(), { file, text: '{}', overrides });
  for (const override of overrides) expectOffAxes(override, ablation.axes, file);
  return { ablation, base, cells: combinations(ablation, base, [ablation.set, over], file) };
}

/** Settings that determine the size of Z: a sweep over one of them gives a rate–return curve. */
const RATES = ['model.latents', 'latents.groups', 'latents.codes'];

/**
 * A sweep: an ablation without a file, with one axis for each setting that has several values. `overrides` are the experiment's overrides
 * and `file` is its file, for error messages. Throws `E_CONFIG` like `loadAblation`.
 */
export function sweepOver(base: ExperimentConfig, sweeps: readonly Sweep[], file: string, overrides: readonly string[] = []): OpenAblation {
  const settings = (override: string) => loadConfig(settingsSchema(), { file, text: '{}', overrides: [override] });
  const axes = sweeps.map(({ key, values }) => {
    const twice = values.find((value, i) => values.indexOf(value) < i);
    const what = `--set ${key}=${values.join()}: expected different values, found ${twice} twice. Remove one.`;
    if (twice !== undefined) throw new CadenzaError('E_CONFIG', what);
    return { name: key, values: Object.fromEntries(values.map(value => [value, settings(`${key}=${value}`)])) };
  });
  const along = sweeps.find(({ key }) => RATES.includes(key))?.key;
  const name = [base.name, 'sweep', ...sweeps.map(({ key }) => key)].join('-');
  const ablation: Ablation = { name, base: file, set: {}, axes, skip: [], methods: [] };
  // The name is that of the folder, and no setting of a combination.
  for (const override of overrides) if (!/^\s*name\s*=/.test(override)) expectOffAxes(override, axes, file);
  // Object keys that are numbers would be sorted.
  const place = (cell: Cell) => sweeps.reduce((at, { key, values }) => at * values.length + values.indexOf(cell.values[key]), 0);
  const cells = combinations(ablation, base, [], file).sort((a, b) => place(a) - place(b));
  // The curve divides by the return of a method that all combinations share, which requires a teacher.
  const taught = cells.every(({ config }) => teacher.steps(config) > 0);
  return { ablation: along && taught ? { ...ablation, rate: { along, against: 'teacher' } } : ablation, base, cells, swept: true };
}

/** Throws `E_CONFIG` if two axes have the same name or set the same setting. */
function expectIndependent(axes: Ablation['axes'], file: string): void {
  const owner = new Map<string, string>();
  for (const [i, { name, values }] of axes.entries()) {
    if (axes.findIndex(axis => axis.name === name) < i)
      throw new CadenzaError(
        'E_CONFIG',
        `${file}: axes.${i}.name: expected a unique name, but another axis is also named "${name}". Rename one.`,
      );
    const keys = new Set(Object.values(values).flatMap(settings => leavesOf(settings)));
    for (const key of keys) {
      const [other, by] = [...owner].find(([taken]) => within(key, taken) || within(taken, key)) ?? [];
      if (other !== undefined)
        throw new CadenzaError(
          'E_CONFIG',
          `${file}: axes.${i}: both "${name}" and "${by}" set ${key} (${other}), so one of them would have no effect. Set it in only one of them.`,
        );
    }
    for (const key of keys) owner.set(key, name);
  }
}

const within = (key: string, map: string) => key === map || key.startsWith(`${map}.`);

/** Dotted paths of all settings that are not maps. */
const leavesOf = (settings: unknown, path: readonly string[] = []): string[] =>
  typeof settings === 'object' && settings !== null && !Array.isArray(settings)
    ? Object.entries(settings).flatMap(([key, value]) => leavesOf(value, [...path, key]))
    : [path.join('.')];

/** Throws `E_CONFIG` if an override sets what an axis also sets, because one of them would have no effect. */
function expectOffAxes(override: string, axes: Ablation['axes'], file: string): void {
  const set = leavesOf(loadConfig(settingsSchema(), { file, text: '{}', overrides: [override] }));
  // An override to null removes the setting.
  const keys = set.length > 0 ? set : [override.slice(0, override.indexOf('=')).trim()];
  for (const [i, { name, values }] of axes.entries())
    for (const taken of Object.values(values).flatMap(settings => leavesOf(settings)))
      if (keys.some(key => within(key, taken) || within(taken, key)))
        throw new CadenzaError(
          'E_CONFIG',
          `--set ${override}: ${file}: axes.${i}: "${name}" also sets ${taken}, so the override would have no effect there. Omit the override, or change the axis.`,
        );
}

/** The product of the axes, without skipped combinations. */
function combinations(ablation: Ablation, base: ExperimentConfig, sets: readonly TableSettings[], file: string): Cell[] {
  const { name, axes, skip, rate, reference } = ablation;
  expectIndependent(axes, file);
  const values = new Map(axes.map(axis => [axis.name, Object.keys(axis.values)]));
  for (const [i, { when }] of skip.entries())
    for (const [axis, wanted] of Object.entries(when))
      for (const value of [wanted].flat())
        if (!values.get(axis)?.includes(value))
          throw new CadenzaError(
            'E_CONFIG',
            `${file}: skip.${i}.when: no axis "${axis}" has a value "${value}". Use an existing axis and value.`,
          );
  if (rate && !values.has(rate.along))
    throw new CadenzaError(
      'E_CONFIG',
      `${file}: rate.along: expected one of the axes ${[...values.keys()].join(', ')}, found "${rate.along}".`,
    );

  let product: { values: Record<string, string>; sets: TableSettings[] }[] = [{ values: {}, sets: [...sets] }];
  for (const axis of axes) {
    const chosen = Object.entries(axis.values);
    product = product.flatMap(({ values, sets }) =>
      chosen.map(([value, settings]) => ({ values: { ...values, [axis.name]: value }, sets: [...sets, settings] })),
    );
  }
  const skipped = (cell: Record<string, string>) =>
    skip.some(({ when }) => Object.entries(when).every(([axis, wanted]) => [wanted].flat().includes(cell[axis])));
  const kept = product.filter(cell => !skipped(cell.values));
  if (kept.length === 0) throw new CadenzaError('E_CONFIG', `${file}: all combinations are skipped. Keep at least one.`);
  const names = kept.map(({ values }) => Object.values(values).join(' '));
  if (reference !== undefined && !names.includes(reference))
    throw new CadenzaError('E_CONFIG', `${file}: reference: expected one of the combinations ${names.join(', ')}, found "${reference}".`);
  return kept.map((cell, i) => {
    const row = names[i];
    try {
      return { name: row, values: cell.values, config: withSettings(base, cell.sets, name) };
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      const [{ path, message }] = error.issues;
      throw new CadenzaError('E_CONFIG', `${file}: the combination "${row}" is not valid: ${path.join('.')}: ${message}.`);
    }
  });
}

/** The method name of a source. If combinations have different sources, each is named after the first combination with it. */
function sourceRows(cells: readonly Cell[]): (config: ExperimentConfig) => string {
  const keyOf = ({ source: { id, options } }: ExperimentConfig) => JSON.stringify([id, options]);
  const first = new Map<string, string>();
  for (const { name, config } of cells) if (!first.has(keyOf(config))) first.set(keyOf(config), name);
  return config => (first.size === 1 ? 'source' : `source ${first.get(keyOf(config))}`);
}

/** The line of the rate–return curve to which a combination belongs. */
function lineOf({ values }: Cell, along: string): string {
  const { [along]: _, ...others } = values;
  return Object.values(others).join(' ') || 'cad';
}

/**
 * Names of methods that several combinations share. A method that is identical in all keeps its name; otherwise the combination is
 * appended. Returns pairs of the name within the combination and the name in the table.
 */
function sharedRows(names: readonly string[]): (found: Evaluated, cell: string) => [string, string][] {
  const firsts = new Map<string, string>();
  return ({ methods, raw }, cell) => {
    const there = names.filter(name => methods[name]);
    return there.map(name => {
      const own = JSON.stringify(raw.methods[name]);
      if (!firsts.has(name)) firsts.set(name, own);
      return [name, own === firsts.get(name) ? name : `${name} ${cell}`];
    });
  };
}

/**
 * Throws if combinations cannot be compared in one table, because they are evaluated differently or on different tasks.
 *
 * @throws `E_CONFIG` and `E_SPLIT`.
 */
function expectOneTable(cells: readonly Cell[]): void {
  const [first] = cells;
  const odd = cells.find(({ config }) => hashJson(config.evaluate) !== hashJson(first.config.evaluate));
  if (odd)
    throw new CadenzaError(
      'E_CONFIG',
      `the combinations "${first.name}" and "${odd.name}" differ in evaluate, but all methods of a table must be evaluated in the same way. Set evaluate outside the axes, or use evaluate.envs for additional tables.`,
    );
  expectComparable(cells.map(({ name, config }) => plannedRows(`"${name}"`, config)));
}

/** The same ablation with other seeds. */
export function withSeeds({ base, cells, ...opened }: OpenAblation, seeds: readonly number[]): OpenAblation {
  const seeded = (config: ExperimentConfig) => ({ ...config, seeds: [...seeds] });
  return { ...opened, base: seeded(base), cells: cells.map(cell => ({ ...cell, config: seeded(cell.config) })) };
}

/** All combinations as variants. Throws the same errors as `expectOneTable`. */
function variantsIn({ ablation, base, cells }: OpenAblation): Variants<ExperimentConfig> {
  expectOneTable(cells);
  const hashes = Object.fromEntries(cells.map(({ name, config }) => [name, hashJson(config)]));
  return { name: ablation.name, kind: 'ablation', describes: { ...ablation, experiment: base, cells: hashes }, variants: cells };
}

/**
 * Runs every combination. Returns one table with CAD of each combination, the source and a random policy, or undefined if it was asked to
 * stop before the evaluation.
 */
export async function runAblation(opened: OpenAblation, options: RunOptions): Promise<Results | undefined> {
  const { ablation, base, cells } = opened;
  const { out, signal, command } = options;
  return runVariants(reinforcement, variantsIn(opened), options, found =>
    resultsOf(out, cells[0].config, { ...oneTable(opened, found), command }, { signal, recorded: { ablation, base } }),
  );
}

/** Estimates all combinations up to a stage, with the finished parts. Throws `E_CONFIG` like `runAblation`. */
export const previewAblation = (opened: OpenAblation, options: Omit<RunOptions, 'progress' | 'signal' | 'command'>): Promise<Estimate> =>
  previewVariants(reinforcement, variantsIn(opened), options);

/** All combinations as jobs. Throws `E_CONFIG` like `runAblation`. */
export const planAblation = (opened: OpenAblation, options: Parameters<typeof planVariants>[2]): Promise<JobPlan> =>
  planVariants(reinforcement, variantsIn(opened), options);

function oneTable(
  { ablation: { rate, methods: shown, reference }, cells, swept = false }: OpenAblation,
  all: readonly EvaluatedVariant<ExperimentConfig, ReinforcementEvaluation>[],
): Omit<Tables, 'command'> {
  const sourceMethod = sourceRows(cells);
  const namesIn = sharedRows([...new Set([...shown, ...(rate ? [rate.against] : [])])]);
  let main: Evaluated | undefined;
  const tables: Record<string, Evaluated> = {};
  const returns: Record<string, ReturnTable> = {};
  const imitation: Record<string, ImitationTable> = {};
  const times: Record<string, Record<string, MethodTimes>> = {};
  const [dataHashes, seconds]: [Record<string, string>, Record<string, number>] = [{}, {}];
  for (const { name, config, evaluated: found, seconds: spent } of all) {
    const sharedNames = namesIn(found, name);
    const rows = <T>({ cad, source, random, ...others }: Record<string, T>): Record<string, T> => ({
      [`cad ${name}`]: cad,
      ...(source && { [sourceMethod(config)]: source }),
      random,
      ...Object.fromEntries(sharedNames.filter(([own]) => others[own]).map(([own, shown]) => [shown, others[own]])),
    });
    const added = (table: Evaluated | undefined, { methods, raw, protocol }: Evaluated): Evaluated => ({
      protocol: table ? { ...protocol, selection: commonSelection(table.protocol.selection, protocol.selection) } : protocol,
      methods: { ...table?.methods, ...rows(methods) },
      raw: { ...raw, methods: { ...table?.raw.methods, ...rows(raw.methods) } },
    });
    main = added(main, found);
    for (const [at, there] of Object.entries(found.elsewhere)) tables[at] = added(tables[at], there);
    if (found.returns) {
      const { predictors, histories } = found.returns;
      const references = Object.fromEntries(Object.values(REFERENCES).map(reference => [reference, predictors[reference]]));
      const before = returns[config.name]?.predictors;
      returns[config.name] = { histories, predictors: { ...before, [`cad ${name}`]: predictors.cad, ...references } };
    }
    if (found.imitation) {
      const { histories, methods } = found.imitation;
      // The accuracy of random choice depends on the source, and there may be several sources.
      const { random: _, ...own } = rows(methods);
      imitation[config.name] = { histories, methods: { ...imitation[config.name]?.methods, ...own } };
    }
    times[config.name] = { ...times[config.name], ...rows(found.times!) };
    dataHashes[name] = generatedReport(found.generated).dataHash;
    seconds[name] = Object.values(spent).reduce((a, b) => a + b, 0);
  }
  const lines = rate && new Map(cells.map(cell => [`cad ${cell.name}`, lineOf(cell, rate.along)]));
  const earned = rate && [main!.methods[rate.against]?.final, main!.methods[rate.against]?.area].every(score => (score?.meanLow ?? 0) > 0);
  const curve = lines && (earned || !swept) && rateReturn(main!.methods, main!.raw, lines, rate.against);
  return {
    ...main!,
    tables,
    returns,
    imitation,
    rate: curve || undefined,
    reference: reference && `cad ${reference}`,
    dataHashes,
    seconds,
    times,
  };
}
