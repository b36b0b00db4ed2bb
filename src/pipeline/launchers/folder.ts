/** @file Where a worker keeps stages from a bucket. */

import { join } from 'node:path';
import { makeFolder } from '../../util/files.ts';
import { claim } from '../../util/lock.ts';

/** Milliseconds to wait for a folder that is in use. */
const PATIENCE = 500;

/** Takes the first numbered folder below `cache` that no other process uses, so that none removes what another reads. */
export async function takeFolder(cache: string): Promise<{ readonly folder: string; release(): void }> {
  makeFolder(cache);
  for (let i = 0; ; i++) {
    const folder = join(cache, String(i));
    const release = await claim(`${folder}.lock`, { signal: AbortSignal.timeout(PATIENCE) }).catch(error => {
      if ((error as Error).name !== 'TimeoutError') throw error;
    });
    if (release) return { folder, release };
  }
}
