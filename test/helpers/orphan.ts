/** @file A process that hands out a job, and the one that runs it and tells something when the first is dead. For a test. */

import { runPool, serveJobs } from '../../src/distributed/pool.ts';

if (process.send)
  serveJobs<number>(async (_, { note }) => {
    const parent = process.ppid;
    process.kill(parent, 'SIGKILL');
    // Without a pause for events: this process has not heard of it yet.
    while (process.ppid === parent) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    note('too late');
    await new Promise(resolve => setTimeout(resolve, 100));
  });
else await runPool({ module: new URL(import.meta.url), jobs: [0], processes: 1, signal: new AbortController().signal });
