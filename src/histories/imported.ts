/** @file Histories that were recorded elsewhere in the place of a source's: the family that they are of, and those of the training tasks. */

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

/** The data set that stands in for the source, if there is one. */
export const datasetOf = ({ source: { dataset } }: ImportConfig): Dataset | undefined =>
  dataset === undefined ? undefined : readDataset(dataset);

/** The registered family of this name, or undefined. */
export const registered = (id: string, options?: Readonly<Record<string, unknown>>): EnvFamily | undefined =>
  environments.has(id) ? environment(id, options) : undefined;

/**
 * The family of an experiment: the registered one, or, for a data set of an environment that is not here, what the data set knows of it.
 * Throws `E_CONFIG` where there is neither, or where the data set is of another environment than the experiment.
 */
export function familyOf({ env, source }: ImportConfig, dataset = datasetOf({ env, source })): EnvFamily {
  if (!dataset) return environment(env.id, env.options);
  const { id } = dataset.environment;
  if (id !== env.id)
    throw new CadenzaError(
      'E_CONFIG',
      `${source.dataset} holds histories of ${id}, but env.id is ${env.id}. Set env.id to ${id}, or use other data.`,
    );
  return registered(id, env.options) ?? recordedFamily(dataset);
}

export interface Selection {
  readonly folder: string;
  readonly dataset: Dataset;
  readonly family: EnvFamily;
  /** All training tasks, and those of them that are to be trained on. */
  readonly train: readonly Task[];
  readonly taught: readonly Task[];
}

/** The histories of the taught tasks. Throws `E_SPLIT` where there are none, `E_DATA` where they are of other options of the environment. */
export function selectHistories({ folder, dataset, family, train, taught }: Selection) {
  const [recorded, here] = [dataset.environment, environmentOf(family)].map(each => canonicalJson(each));
  if (recorded !== here)
    throw new CadenzaError(
      'E_DATA',
      `${folder} holds histories of ${recorded}, but env is ${here}. Set env.options as they were recorded.`,
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
      `${folder} has ${all.length} histories, but none of the ${taught.length} tasks to train on. Change split.seed or split.heldOut, or import more.`,
    );
  // Left out: histories of held-out tasks, and of training tasks beyond `source.maxTasks`.
  return { histories, dropped: { heldOut: all.length - histories.length - beyondMaxTasks, beyondMaxTasks } };
}

/** The name of a data set by content, for a stage's key. */
export const datasetKey = (config: ImportConfig): { dataset?: string } => {
  const dataset = datasetOf(config);
  return dataset ? { dataset: dataset.hash } : {};
};

/** Throws `E_DATA` unless the data set of a configuration is the one whose record (`run.imported.main`) the results have. */
export function expectImported(config: ImportConfig, recorded: unknown): void {
  const dataset = datasetOf(config);
  if (!dataset) return;
  const identity = ({ labels, layout, files }: { labels: string; layout: string; files: readonly { sha256: string }[] }) =>
    canonicalJson([labels, layout, files.map(({ sha256 }) => sha256)]);
  const found = identity({ labels: dataset.labels, ...dataset.origin });
  if (recorded === undefined || found === identity(recorded as Parameters<typeof identity>[0])) return;
  throw new CadenzaError(
    'E_DATA',
    `${config.source.dataset} is not the data set that these results were computed from: other files, layout or labels. Put the former one back, or run the experiment again.`,
  );
}

export interface DatasetRequest extends Omit<ImportRequest, 'format' | 'familyOf'> {
  /** Id of the layout; found out from the files when left out. */
  readonly layout?: string;
  readonly out: string;
}

/** Imports files and keeps them as a data set. Throws as `importHistories` and `saveDataset` do. */
export async function importDataset({ layout, out, ...request }: DatasetRequest): Promise<{ dataset: Dataset; format: ExchangeFormat }> {
  expectFolderFor(out);
  const { importHistories } = await import('../data/exchange.ts');
  const { exchangeFormat } = await import('../data/formats/index.ts');
  const familyOf = ({ id, options }: DeclaredEnvironment) => registered(id, options);
  const given = layout === undefined ? undefined : exchangeFormat(layout);
  const { histories, format, ...about } = await importHistories({ ...request, format: given, familyOf });
  return { dataset: saveDataset(out, histories, { ...about, creator: provenance() }), format };
}
