/** @file Imported histories, which replace those of a source: their environment, and the histories of training tasks. */

import { provenance } from '../cache/provenance.ts';
import type { ImportRequest } from '../data/exchange.ts';
import type { DeclaredEnvironment, ExchangeFormat } from '../data/formats/index.ts';
import { type Dataset, datasetHistories, environmentOf, expectFolderFor, readDataset, recordedFamily, saveDataset } from '../data/index.ts';
import { environment, environments } from '../envs/index.ts';
import type { EnvFamily, Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { CadenzaError } from '../util/errors.ts';
import { canonicalJson } from '../util/files.ts';

type ImportConfig = Pick<BaseConfig, 'env' | 'source'>;

/** The data set that replaces the source, if there is one. */
export const datasetOf = ({ source: { dataset } }: ImportConfig): Dataset | undefined =>
  dataset === undefined ? undefined : readDataset(dataset);

/** The registered environment with this id, or undefined. */
export const registered = (id: string, options?: Readonly<Record<string, unknown>>): EnvFamily | undefined =>
  environments.has(id) ? environment(id, options) : undefined;

/**
 * The environment of an experiment: the registered one, or, if it is not installed, the description in the data set. Throws `E_CONFIG` if
 * there is neither, or if the data set has another environment than the experiment.
 */
export function familyOf({ env, source }: ImportConfig, dataset = datasetOf({ env, source })): EnvFamily {
  if (!dataset) return environment(env.id, env.options);
  const { id } = dataset.environment;
  if (id !== env.id)
    throw new CadenzaError(
      'E_CONFIG',
      `${source.dataset} contains histories of ${id}, but env.id is ${env.id}. Set env.id to ${id}, or use another data set.`,
    );
  return registered(id, env.options) ?? recordedFamily(dataset);
}

export interface Selection {
  readonly folder: string;
  readonly dataset: Dataset;
  readonly family: EnvFamily;
  /** All training tasks, and those with histories. */
  readonly train: readonly Task[];
  readonly taught: readonly Task[];
}

/** The histories of the tasks in `taught`. Throws `E_SPLIT` if there are none, `E_DATA` if they have other environment options. */
export function selectHistories({ folder, dataset, family, train, taught }: Selection) {
  const [recorded, here] = [dataset.environment, environmentOf(family)].map(each => canonicalJson(each));
  if (recorded !== here)
    throw new CadenzaError(
      'E_DATA',
      `${folder} contains histories of ${recorded}, but env is ${here}. Set env.options to the recorded values.`,
    );
  const all = datasetHistories(folder, dataset);
  const of = (tasks: readonly Task[]) => {
    const keys = new Set(tasks.map(family.taskKey));
    return all.filter(({ taskKey }) => keys.has(taskKey));
  };
  const histories = of(taught);
  const beyondMaxTasks = of(train).length - histories.length;
  if (histories.length === 0)
    throw new CadenzaError(
      'E_SPLIT',
      `${folder} has ${all.length} histories, but none of the ${taught.length} training tasks. Change split.seed or split.heldOut, or import more histories.`,
    );
  // Number of unused histories: of held-out tasks, and of training tasks beyond `source.maxTasks`.
  return { histories, dropped: { heldOut: all.length - histories.length - beyondMaxTasks, beyondMaxTasks } };
}

/** A content hash of a data set, for a stage's key. */
export const datasetKey = (config: ImportConfig): { dataset?: string } => {
  const dataset = datasetOf(config);
  return dataset ? { dataset: dataset.hash } : {};
};

/** Throws `E_DATA` unless the data set of a configuration is the one recorded in the results (`run.imported.main`). */
export function expectImported(config: ImportConfig, recorded: unknown): void {
  const dataset = datasetOf(config);
  if (!dataset) return;
  const identity = ({ labels, layout, files }: { labels: string; layout: string; files: readonly { sha256: string }[] }) =>
    canonicalJson([labels, layout, files.map(({ sha256 }) => sha256)]);
  const found = identity({ labels: dataset.labels, ...dataset.origin });
  if (recorded === undefined || found === identity(recorded as Parameters<typeof identity>[0])) return;
  throw new CadenzaError(
    'E_DATA',
    `${config.source.dataset} is not the data set of these results: its files, format or labels differ. Restore the original data set, or run the experiment again.`,
  );
}

export interface DatasetRequest extends Omit<ImportRequest, 'format' | 'familyOf'> {
  /** Id of the file format. Default: detected from the files. */
  readonly layout?: string;
  readonly out: string;
}

/** Imports files and saves them as a data set. Throws the same errors as `importHistories` and `saveDataset`. */
export async function importDataset({ layout, out, ...request }: DatasetRequest): Promise<{ dataset: Dataset; format: ExchangeFormat }> {
  expectFolderFor(out);
  const { importHistories } = await import('../data/exchange.ts');
  const { exchangeFormat } = await import('../data/formats/index.ts');
  const familyOf = ({ id, options }: DeclaredEnvironment) => registered(id, options);
  const given = layout === undefined ? undefined : exchangeFormat(layout);
  const { histories, format, ...about } = await importHistories({ ...request, format: given, familyOf });
  return { dataset: saveDataset(out, histories, { ...about, creator: provenance() }), format };
}
