/** @file A folder of stages as a cache of a bucket: the stages that were not used for longest are removed when it is too large. */

import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** File in the folder of a stage that is also in a bucket. Its time is the last use. */
const MARK = '.stored';

/** Notes that a stage was used now, and is in the bucket. Keeps the time of its folder, which says when the stage was made. */
export function markUsed(folder: string): void {
  const path = join(folder, MARK);
  const { atime, mtime } = statSync(folder);
  if (!existsSync(path)) writeFileSync(path, '');
  utimesSync(path, new Date(), new Date());
  utimesSync(folder, atime, mtime);
}

/**
 * Removes stages that are in a bucket until all have at most `bytes`, those first that were not used for longest.
 *
 * @param out the folder with `stages`.
 * @param since stages that were used after this time, in milliseconds, stay.
 * @returns the names of what was removed.
 */
export function trimStages(out: string, bytes: number, since: number): readonly string[] {
  const stages = join(out, 'stages');
  if (!existsSync(stages)) return [];
  const found = readdirSync(stages, { withFileTypes: true }).flatMap(entry => {
    if (!entry.isDirectory()) return [];
    const folder = join(stages, entry.name);
    const used = statSync(join(folder, MARK), { throwIfNoEntry: false })?.mtimeMs;
    const size = readdirSync(folder).reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
    return [{ name: entry.name, folder, used, size }];
  });
  let total = found.reduce((sum, { size }) => sum + size, 0);
  const removed: string[] = [];
  const unused = found.filter(({ used }) => used !== undefined && used < since).sort((a, b) => a.used! - b.used!);
  for (const { name, folder, size } of unused) {
    if (total <= bytes) break;
    rmSync(folder, { recursive: true });
    total -= size;
    removed.push(name);
  }
  return removed;
}
