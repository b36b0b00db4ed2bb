/** @file The worker process of `parallel.ts`, which runs parts of an experiment. */

import { StageCache } from '../cache/store.ts';
import { serveJobs } from '../distributed/pool.ts';
import { readyExecutor } from '../engine/executors/registry.ts';
import { importModules } from '../util/modules.ts';
import { lineProgress } from '../util/progress.ts';
import { kindOf } from './kinds.ts';
import type { PartJob } from './parallel.ts';
import { runVariant } from './run.ts';

serveJobs<PartJob>(async ({ config, out, fresh, since, until, only }, { note, signal }) => {
  const lines = lineProgress({ write: text => note(text.trimEnd()) }, { interval: 2000 });
  const progress = { ...lines, say: (text: string) => note(text, true) };
  const store = new StageCache(out, { fresh, since, progress, signal });
  await importModules(config.imports);
  await runVariant(kindOf(config), config, { store, executor: await readyExecutor(config.executor), until, only, alone: false });
});
