/** @file How long jobs take with a number of workers. */

/** A job with its time. */
export interface TimedJob {
  readonly key: string;
  /** Keys of the jobs that it waits for, which come earlier. */
  readonly after: readonly string[];
  readonly seconds: number;
}

/**
 * Simulates workers, each of which takes the first job that is ready whenever it is free.
 *
 * @param jobs the most urgent first.
 * @returns seconds until all jobs are finished.
 */
export function makespan(jobs: readonly TimedJob[], workers: number): number {
  const waitFor = new Map<string, number[]>(jobs.map(({ key }) => [key, []]));
  const missing = jobs.map(({ after }, i) => {
    const own = after.filter(key => waitFor.has(key));
    for (const key of own) waitFor.get(key)!.push(i);
    return own.length;
  });
  // Both in ascending order: indices of ready jobs, and running jobs by their end.
  const ready = [...jobs.keys()].filter(i => missing[i] === 0);
  const running: { readonly end: number; readonly job: number }[] = [];
  let now = 0;
  for (;;) {
    while (ready.length > 0 && running.length < workers) {
      const job = ready.shift()!;
      const end = now + jobs[job].seconds;
      insert(running, { end, job }, other => other.end > end);
    }
    const next = running.shift();
    if (!next) return now;
    now = next.end;
    for (const i of waitFor.get(jobs[next.job].key)!) if (--missing[i] === 0) insert(ready, i, other => other > i);
  }
}

/** Inserts an item into an ascending list, before those that come later. */
function insert<T>(list: T[], item: T, isLater: (other: T) => boolean): void {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isLater(list[middle])) to = middle;
    else from = middle + 1;
  }
  list.splice(from, 0, item);
}

/** Seconds of the longest chain of jobs, each of which waits for the one before: the least that any number of workers takes. */
export function criticalPath(jobs: readonly TimedJob[]): number {
  const ends = new Map<string, number>();
  for (const { key, after, seconds } of jobs) ends.set(key, seconds + Math.max(0, ...after.map(input => ends.get(input) ?? 0)));
  return Math.max(0, ...ends.values());
}
