/** @file Groups of jobs with the same needs, which clusters start together. */

import { groupBy } from '../../util/groups.ts';
import { kindOfStage, type ScheduledStage } from '../schedule.ts';

/** Jobs of a launch that are alike. */
export interface JobArray {
  /** Their stage, without a seed. */
  readonly name: string;
  /** Number of the first job in the file of the launch; the others follow it. */
  readonly first: number;
  readonly jobs: readonly ScheduledStage[];
  /** Cores of each job. */
  readonly cores: number;
  /** Memory of each job in MiB. */
  readonly memory: number;
  /** Numbers of the arrays that it waits for. */
  readonly after: readonly number[];
}

/** Seconds in which a job that must end saves its state. */
export const SAVING = 120;

/** Estimates of memory may be too low by this factor; clusters kill what needs more than it asked for. */
const SPARE = 1.5;

/** Divides jobs into arrays: the same stage, needs and place in the order. An array comes after those that it waits for. */
export function arraysOf(jobs: readonly ScheduledStage[]): JobArray[] {
  const depth = new Map<string, number>();
  for (const { key, after } of jobs) depth.set(key, Math.max(-1, ...after.map(input => depth.get(input)!)) + 1);
  const memoryOf = ({ bytes }: ScheduledStage) => Math.ceil((SPARE * bytes) / 2 ** 20 / 100) * 100;
  const groups = [
    ...groupBy(jobs, job => JSON.stringify([depth.get(job.key), kindOfStage(job.stage), job.cores, memoryOf(job)])).values(),
  ].sort(([a], [b]) => depth.get(a.key)! - depth.get(b.key)!);
  const groupOf = new Map(groups.flatMap((own, g) => own.map(({ key }) => [key, g])));
  let first = 0;
  return groups.map(own => {
    const [{ stage, cores }] = own;
    const after = [...new Set(own.flatMap(job => job.after.map(key => groupOf.get(key)!)))].sort((a, b) => a - b);
    const array = { name: kindOfStage(stage), first, jobs: own, cores, memory: memoryOf(own[0]), after };
    first += own.length;
    return array;
  });
}
