/** @file The process that makes parts of an experiment for `parallel.ts`. */

import { serveJobs } from '../distributed/pool.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { lineProgress } from '../util/progress.ts';
import type { PartJob } from './parallel.ts';
import { road } from './run.ts';
import { StageStore } from './store.ts';

serveJobs<PartJob>(async ({ config, out, resume, until, only }, { note, signal }) => {
  const progress = lineProgress({ write: text => note(text.trimEnd()) }, { interval: 2000 });
  await road(config, new StageStore(out, { resume, progress, signal }), nodeExecutor(config.executor), until, only);
});
