/** @file A process whose jobs do nothing, for `queue.ts`. */

import { serveJobs } from '../src/distributed/pool.ts';

serveJobs(async () => {});
