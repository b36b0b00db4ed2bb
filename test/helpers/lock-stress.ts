/** @file A process that takes and leaves one lock as often as it can, and reports whether another process was inside, too. For a test. */

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claim } from '../../src/util/lock.ts';

const [lock, inside] = ['lock', 'inside'].map(name => join(process.argv[2], name));
const { signal } = new AbortController();

/** Whether a process is in there. One that was killed in there is not. */
function occupied(): boolean {
  try {
    // One that was killed while it wrote has left an empty file.
    const pid = Number(readFileSync(inside, 'utf8'));
    return pid > 0 && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

for (;;) {
  const release = await claim(lock, { signal, patience: 1 });
  const overlap = occupied();
  writeFileSync(inside, String(process.pid));
  await new Promise(resolve => setTimeout(resolve, Math.random() * 2));
  rmSync(inside, { force: true });
  process.send!(overlap);
  if (Math.random() < 0.5) release();
  else {
    // As if it had died with the lock: no process has this number, which is above the largest that Linux gives.
    const dead = { ...JSON.parse(readFileSync(lock, 'utf8')), pid: 2 ** 22 + 1 };
    writeFileSync(`${lock}.${process.pid}`, JSON.stringify(dead));
    renameSync(`${lock}.${process.pid}`, lock);
  }
}
