/** @file The worker process of `local.ts`, which runs single stages. */

import { type Note, serveJobs } from '../../distributed/pool.ts';
import { lineProgress, type Progress } from '../../util/progress.ts';
import { runStageJob, type StageJob } from './job.ts';

serveJobs<StageJob>((job, { note, signal }) => runStageJob(job, { progress: progressTo(note), signal }));

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
