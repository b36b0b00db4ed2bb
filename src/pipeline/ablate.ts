/**
 * @file Ablations: one experiment, varied along declared axes. Every combination is trained and evaluated on the same tasks by the same
 * pipeline; stages whose settings and inputs are equal are shared, and a second call does only what is missing.
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
import { previewVariants } from './preview.ts';
import { type ReinforcementEvaluation, reinforcement } from './reinforcement.ts';
import { resultsOf, type Tables } from './results.ts';
import { runVariants, type Variants } from './run.ts';

const label = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, 'expected letters, digits, ".", "_", "+" and "-"')
  .describe('Name of the value; the row of a combination is named after its values');

export const ablationSchema = fromRegistries(() =>
  z.strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, ".", "_" and "-", because it names the folder of the run')
      .describe('Name of the ablation and of its folder'),
    base: baseField,
    set: settingsSchema().describe('Settings laid over the experiment in every combination').default({}),
    axes: z
      .array(
        z.strictObject({
          name: label.describe('What varies'),
          values: z.record(label, settingsSchema()).describe('Settings of every value'),
        }),
      )
      .min(1)
      .describe('Each axis is crossed with the others'),
    skip: z
      .array(
        z.strictObject({
          when: z.record(z.string(), z.union([z.string(), z.array(z.string())])).describe('Values by axis; all must match'),
          because: z.string().describe('Why this combination makes no sense'),
        }),
      )
      .describe('Combinations to leave out')
      .default([]),
    beside: z
      .array(z.string())
      .describe('Further rows of the combinations to show, such as teacher; equal ones are shown once')
      .default([]),
    rate: z
      .strictObject({
        along: label.describe('Axis along which Z grows; the values of the other axes tell the lines apart'),
        against: z.string().describe('Row whose return is 1, such as teacher').default('teacher'),
      })
      .describe('Draw return against the bits of Z')
      .optional(),
    reference: z
      .string()
      .describe('Combination that is held against every other row, by paired differences; its values, joined by spaces')
      .optional(),
  }),
);

export type Ablation = z.output<ReturnType<typeof ablationSchema>>;

/** One combination. Its name, and that of its row, are its values, joined. */
type Cell = Variant<ExperimentConfig> & { readonly values: Readonly<Record<string, string>> };

/** An ablation, the experiment that it varies, and all its combinations. */
export interface OpenAblation {
  readonly ablation: Ablation;
  readonly base: ExperimentConfig;
  readonly cells: readonly Cell[];
  /** Whether it is a sweep: its curve was not asked for, and is left out where the reference earned nothing. */
  readonly swept?: boolean;
}

/** Reads an ablation and the experiment that it varies. `overrides` are laid over the settings of the file. Throws `E_CONFIG`, also where an axis sets what they do. */
export async function loadAblation(file: string, overrides: readonly string[] = []): Promise<OpenAblation> {
  const text = readConfig(file);
  const keys = topLevelKeys({ file, text });
  const own = keys.find(key => key !== 'name' && (key === 'problem' || key in experimentSchema().shape));
  if (own && !keys.includes('axes'))
    throw new CadenzaError(
      'E_CONFIG',
      `${file} is an experiment, not an ablation: it has "${own}", but no "axes". Run it with cadenza run ${file}, or vary it by a file that has it as base and says the axes, such as experiments/ablations/matrix.yaml.`,
    );
  // What the experiment imports is in the schema of what varies it.
  const { base: varied } = loadConfig(z.looseObject({ base: baseField }), { file, text });
  const base = await importExperiment(baseFile(varied, file), overrides);
  const ablation = loadConfig(ablationSchema(), { file, text });
  const over = loadConfig(settingsSchema(), { file, text: '{}', overrides });
  for (const override of overrides) expectOffAxes(override, ablation.axes, file);
  return { ablation, base, cells: combinations(ablation, base, [ablation.set, over], file) };
}

/** Settings along which Z grows: a sweep of one of them gives a rate–return curve. */
const RATES = ['model.latents', 'latents.groups', 'latents.codes'];

/**
 * An experiment varied by settings that each take several values, all combinations of them: an ablation without a file, with an axis for each.
 * `overrides` are those that the experiment was read with, and `file` is its file. Throws `E_CONFIG` as `loadAblation` does.
 */
export function sweepOver(base: ExperimentConfig, sweeps: readonly Sweep[], file: string, overrides: readonly string[] = []): OpenAblation {
  const settings = (override: string) => loadConfig(settingsSchema(), { file, text: '{}', overrides: [override] });
  const axes = sweeps.map(({ key, values }) => {
    const twice = values.find((value, i) => values.indexOf(value) < i);
    const what = `--set ${key}=${values.join()}: expected different values, came ${twice} twice. Remove one.`;
    if (twice !== undefined) throw new CadenzaError('E_CONFIG', what);
    return { name: key, values: Object.fromEntries(values.map(value => [value, settings(`${key}=${value}`)])) };
  });
  const along = sweeps.find(({ key }) => RATES.includes(key))?.key;
  const name = [base.name, 'sweep', ...sweeps.map(({ key }) => key)].join('-');
  const ablation: Ablation = { name, base: file, set: {}, axes, skip: [], beside: [] };
  for (const override of overrides) expectOffAxes(override, axes, file);
  // Numbers as keys of an object come in their own order.
  const place = (cell: Cell) => sweeps.reduce((at, { key, values }) => at * values.length + values.indexOf(cell.values[key]), 0);
  const cells = combinations(ablation, base, [], file).sort((a, b) => place(a) - place(b));
  // The curve is of shares of a return that all combinations have in common, which takes a teacher.
  const taught = cells.every(({ config }) => teacher.steps(config) > 0);
  return { ablation: along && taught ? { ...ablation, rate: { along, against: 'teacher' } } : ablation, base, cells, swept: true };
}

/** Refuses axes that could not be told apart: of one name, or of settings that both give. */
function expectIndependent(axes: Ablation['axes'], file: string): void {
  const owner = new Map<string, string>();
  for (const [i, { name, values }] of axes.entries()) {
    if (axes.findIndex(axis => axis.name === name) < i)
      throw new CadenzaError('E_CONFIG', `${file}: axes.${i}.name: expected a name that no other axis has, came "${name}"; rename it.`);
    const keys = new Set(Object.values(values).flatMap(settings => leavesOf(settings)));
    for (const key of keys) {
      const [other, by] = [...owner].find(([taken]) => within(key, taken) || within(taken, key)) ?? [];
      if (other !== undefined)
        throw new CadenzaError(
          'E_CONFIG',
          `${file}: axes.${i}: "${name}" sets ${key}, which "${by}" sets, too (${other}), so one of the two would have no effect; set it in one of them.`,
        );
    }
    for (const key of keys) owner.set(key, name);
  }
}

const within = (key: string, map: string) => key === map || key.startsWith(`${map}.`);

/** Dotted paths of all settings that are values rather than maps. */
const leavesOf = (settings: unknown, path: readonly string[] = []): string[] =>
  typeof settings === 'object' && settings !== null && !Array.isArray(settings)
    ? Object.entries(settings).flatMap(([key, value]) => leavesOf(value, [...path, key]))
    : [path.join('.')];

/** Refuses an override of what an axis sets: one of the two would have no effect. */
function expectOffAxes(override: string, axes: Ablation['axes'], file: string): void {
  const set = leavesOf(loadConfig(settingsSchema(), { file, text: '{}', overrides: [override] }));
  // What goes back to its default is not there.
  const keys = set.length > 0 ? set : [override.slice(0, override.indexOf('=')).trim()];
  for (const [i, { name, values }] of axes.entries())
    for (const taken of Object.values(values).flatMap(settings => leavesOf(settings)))
      if (keys.some(key => within(key, taken) || within(taken, key)))
        throw new CadenzaError(
          'E_CONFIG',
          `--set ${override}: ${file}: axes.${i}: "${name}" sets ${taken}, too, so the override would have no effect there; leave it out, or change the axis.`,
        );
}

/** The product of the axes without what is skipped. */
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
            `${file}: skip.${i}.when: there is no value "${value}" on an axis "${axis}"; name one that is there.`,
          );
  if (rate && !values.has(rate.along))
    throw new CadenzaError(
      'E_CONFIG',
      `${file}: rate.along: there is no axis "${rate.along}"; expected one of ${[...values.keys()].join(', ')}.`,
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
  if (kept.length === 0) throw new CadenzaError('E_CONFIG', `${file}: every combination is skipped; leave at least one.`);
  const names = kept.map(({ values }) => Object.values(values).join(' '));
  if (reference !== undefined && !names.includes(reference))
    throw new CadenzaError('E_CONFIG', `${file}: reference: there is no combination "${reference}"; expected one of ${names.join(', ')}.`);
  return kept.map((cell, i) => {
    const row = names[i];
    try {
      return { name: row, values: cell.values, config: withSettings(base, cell.sets, name) };
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      const [{ path, message }] = error.issues;
      throw new CadenzaError('E_CONFIG', `${file}: the combination "${row}" does not fit together: ${path.join('.')}: ${message}.`);
    }
  });
}

/** The name of a source's row: where combinations have several, each is named after the first that has it. */
function sourceRows(cells: readonly Cell[]): (config: ExperimentConfig) => string {
  const keyOf = ({ source: { id, options } }: ExperimentConfig) => JSON.stringify([id, options]);
  const first = new Map<string, string>();
  for (const { name, config } of cells) if (!first.has(keyOf(config))) first.set(keyOf(config), name);
  return config => (first.size === 1 ? 'source' : `source ${first.get(keyOf(config))}`);
}

/** The line of the rate–return curve that a combination is a point of. */
function lineOf({ values }: Cell, along: string): string {
  const { [along]: _, ...others } = values;
  return Object.values(others).join(' ') || 'cad';
}

/**
 * Rows that combinations have under one name: what is the same in all keeps the name, others are named after their combination too. Gives the name of
 * every row that a combination is to show, by the name that it has there.
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
 * Refuses combinations whose rows could not stand in one table: evaluated in another way, or on other tasks.
 *
 * @throws `E_CONFIG` and `E_SPLIT`.
 */
function expectOneTable(cells: readonly Cell[]): void {
  const [first] = cells;
  const odd = cells.find(({ config }) => hashJson(config.evaluate) !== hashJson(first.config.evaluate));
  if (odd)
    throw new CadenzaError(
      'E_CONFIG',
      `the combinations "${first.name}" and "${odd.name}" differ in evaluate, but all rows of a table are evaluated alike; set evaluate outside the axes, or use evaluate.envs for further tables.`,
    );
  expectComparable(cells.map(({ name, config }) => plannedRows(`"${name}"`, config)));
}

/** All combinations as variants. Throws as `expectOneTable` does. */
function variantsIn({ ablation, base, cells }: OpenAblation): Variants<ExperimentConfig> {
  expectOneTable(cells);
  const hashes = Object.fromEntries(cells.map(({ name, config }) => [name, hashJson(config)]));
  return { name: ablation.name, describes: { ...ablation, experiment: base, cells: hashes }, variants: cells };
}

/**
 * Runs every combination and gives one table of their CAD rows, with the source and random choice beside them; nothing when it was asked to stop
 * before the evaluation.
 */
export async function runAblation(opened: OpenAblation, options: RunOptions): Promise<Results | undefined> {
  const { ablation, base, cells } = opened;
  const { out, signal, command } = options;
  return runVariants(reinforcement, variantsIn(opened), options, found =>
    resultsOf(out, cells[0].config, { ...oneTable(opened, found), command }, { signal, recorded: { ablation, base } }),
  );
}

/** What all combinations need up to a stage, and what of it is finished. Throws `E_CONFIG` as `runAblation` does before it starts. */
export const previewAblation = (opened: OpenAblation, options: Omit<RunOptions, 'progress' | 'signal' | 'command'>): Promise<Estimate> =>
  previewVariants(reinforcement, variantsIn(opened), options);

function oneTable(
  { ablation: { rate, beside, reference }, cells, swept = false }: OpenAblation,
  all: readonly EvaluatedVariant<ExperimentConfig, ReinforcementEvaluation>[],
): Omit<Tables, 'command'> {
  const sourceRow = sourceRows(cells);
  const namesIn = sharedRows([...new Set([...beside, ...(rate ? [rate.against] : [])])]);
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
      ...(source && { [sourceRow(config)]: source }),
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
      // How likely chance is to hit depends on the source, of which there may be several.
      const { random: _, ...own } = rows(methods);
      imitation[config.name] = { histories, methods: { ...imitation[config.name]?.methods, ...own } };
    }
    times[config.name] = { ...times[config.name], ...rows(found.times!) };
    dataHashes[name] = generatedReport(found.generated).dataHash;
    seconds[name] = Object.values(spent).reduce((a, b) => a + b, 0);
  }
  const lines = rate && new Map(cells.map(cell => [`cad ${cell.name}`, lineOf(cell, rate.along)]));
  const earned = rate && [main!.methods[rate.against]?.final, main!.methods[rate.against]?.area].every(score => (score?.mean ?? 0) > 0);
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
