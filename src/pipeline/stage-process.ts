/** @file The worker process of `parallel.ts`, which runs single stages. */

import { StageCache } from '../cache/store.ts';
import { type Note, serveJobs } from '../distributed/pool.ts';
import { readyExecutor } from '../engine/executors/registry.ts';
import { importModules } from '../util/modules.ts';
import { lineProgress, type Progress } from '../util/progress.ts';
import { kindOf } from './kinds.ts';
import type { StageJob } from './parallel.ts';
import { collectStages } from './schedule.ts';

serveJobs<StageJob>(async ({ config, key, ...options }, { note, signal }) => {
  await importModules(config.imports);
  const stages = await collectStages(kindOf(config), config, { ...options, executor: await readyExecutor(config.executor) });
  const { request, inputs } = stages.find(stage => stage.key === key)!;
  const store = new StageCache(options.out, { ...options, progress: progressTo(note), signal });
  // The inputs are finished. Requesting them checks their files.
  const read = new Set(Object.values(inputs));
  for (const stage of stages) if (read.has(stage.key)) await store.run(stage.request);
  await store.run(request);
});

/** Progress as notes. The end of a stage stays on the screen. */
function progressTo(note: (text: string, more?: Partial<Note>) => void): Progress {
  let [stays, share, total] = [false, 0, 0];
  const lines = lineProgress({ write: text => note(text.trimEnd(), { stays, share }) }, { interval: 2000 });
  return {
    ...lines,
    say: text => note(text, { stays: true, share }),
    start(stage, of, done = 0) {
      [total, share] = [of, done / of];
      lines.start(stage, of, done);
    },
    update(done, text) {
      share = done / total;
      lines.update(done, text);
    },
    finish(text) {
      stays = true;
      lines.finish(text);
      stays = false;
    },
  };
}
