/** @file How soon `cadenza watch` lists thousands of finished runs: copies of one small, real run. */

import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RECORD_FILE } from '../src/cache/run-record.ts';
import { openExperiment } from '../src/pipeline/open.ts';
import { serveWatch } from '../src/server/index.ts';
import { RunIndex } from '../src/server/run-index.ts';
import type { ListEvents } from '../src/server/watched.ts';
import { eventsOf } from '../test/helpers/request.ts';
import type { Bench } from './bench.ts';
import { median } from './training.ts';

const RUNS = 2000;
/** Seconds that the first listing may take. */
const LIMIT = 1;

export const watch: Bench = {
  description: `time until cadenza watch lists ${RUNS} finished runs, and until it has all of their scores`,
  async run(say) {
    const folder = mkdtempSync(join(tmpdir(), 'cadenza-bench-watch-'));
    try {
      say('one run of tiny …');
      const one = join(folder, 'one');
      await (await openExperiment('tiny')).run({ out: one });
      const record = readFileSync(join(one, RECORD_FILE));
      for (let i = 0; i < RUNS; i++) {
        const path = join(folder, 'many', `run-${i}`);
        mkdirSync(path, { recursive: true });
        writeFileSync(join(path, RECORD_FILE), record);
        linkSync(join(one, 'results.json'), join(path, 'results.json'));
      }
      say(`${RUNS} runs …`);
      const [began, used] = [performance.now(), process.cpuUsage()];
      const seconds = () => (performance.now() - began) / 1000;
      const server = await serveWatch(join(folder, 'many'));
      const events = await eventsOf(server.url, '/events/runs');
      const { runs } = await events.next<ListEvents['list']>('list', ({ runs }) => runs.length === RUNS);
      const listed = seconds();
      const { user, system } = process.cpuUsage(used);
      const unscored = new Set(runs.filter(({ score }) => !score).map(({ id }) => id));
      while (unscored.size > 0)
        for (const { id, score } of (await events.next<ListEvents['change']>('change')).runs) if (score) unscored.delete(id);
      const scored = seconds();
      events.close();
      await server.close();
      const index = new RunIndex(join(folder, 'many'));
      index.scan();
      const scans = Array.from({ length: 20 }, () => {
        const from = performance.now();
        index.scan();
        return performance.now() - from;
      });
      index.close();
      return {
        runs: RUNS,
        secondsToList: listed,
        // On a machine that does other work, these are closer to what an idle one takes.
        cpuSecondsToList: (user + system) / 1e6,
        secondsToScores: scored,
        msPerScan: median(scans),
        limit: LIMIT,
        passes: listed <= LIMIT,
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
