/** @file Which histories an experiment wants, each with a random stream of its own. Runs in pages, too. */

import type { EnvFamily, Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { source, type WantedHistory } from '../sources/index.ts';
import { Random } from '../util/random.ts';

export type RollConfig = Pick<BaseConfig, 'env' | 'source' | 'seed'>;

/** Some histories of one task: those with these numbers, [from, to). */
export interface Part {
  readonly task: Task;
  readonly from: number;
  readonly to: number;
}

/** Transitions that a thread generates at once, at most: enough to hide the messages, few enough to divide a task. */
const PART = 2 ** 14;

/** The stream from which those of all histories split. */
export const rollRandom = ({ seed }: Pick<RollConfig, 'seed'>): Random => Random.seeded(seed).split('generate');

/** Every history of every task, divided into parts. */
export function* partsOf(
  { source: { histories, episodes } }: Pick<RollConfig, 'source'>,
  { horizon }: EnvFamily,
  tasks: readonly Task[],
): Generator<Part> {
  const each = Math.max(1, Math.floor(PART / (episodes * horizon)));
  for (const task of tasks) for (let from = 0; from < histories; from += each) yield { task, from, to: Math.min(histories, from + each) };
}

/** What all histories of a source have in common. */
export function sourceRequest({ id, episodes, options, stride, labels }: BaseConfig['source'], family: EnvFamily) {
  return { family, source: source(id), episodes, options, stride, labels };
}

/** Requests for the histories of these parts, each with its own random stream and its noise. */
export function* wantedOf(
  settings: BaseConfig['source'],
  family: EnvFamily,
  parts: Iterable<Part>,
  random: Random,
): Generator<WantedHistory> {
  for (const { task, from, to } of parts) {
    const key = family.taskKey(task);
    for (let i = from; i < to; i++) {
      const own = random.split(key, i);
      yield { task, random: own, stream: `${key}#${i}`, noise: noiseOf(settings, own) };
    }
  }
}

/** Fraction of random actions in the history of a random stream. */
export function noiseOf({ noise: { fraction, max } }: BaseConfig['source'], random: Random): number {
  const draw = random.split('noise');
  return draw.uniform() < fraction ? draw.uniform() * max : 0;
}

/** The histories of these parts, as a request to `eachHistory`. */
export const wantedHistories = (config: Pick<RollConfig, 'source' | 'seed'>, family: EnvFamily, parts: Iterable<Part>) => ({
  ...sourceRequest(config.source, family),
  wanted: wantedOf(config.source, family, parts, rollRandom(config)),
});
