/** @file A thread that generates learning histories, part by part. */

import { parentPort, workerData } from 'node:worker_threads';
import { failureOf } from '../distributed/pool.ts';
import { environment } from '../envs/index.ts';
import { expectLearners, generateHistory } from '../sources/index.ts';
import { importModules } from '../util/modules.ts';
import type { RollerAnswer, RollerData } from './rolling.ts';
import { type Part, rollRandom, sourceRequest, wantedOf } from './wanted.ts';

const port = parentPort!;
const config = workerData as RollerData;
const random = rollRandom(config);
const ready = importModules(config.imports).then(() => {
  const family = environment(config.env.id, config.env.options);
  const { source, ...request } = sourceRequest(config.source, family);
  return { ...request, source: expectLearners(source, 'A thread') };
});

port.on('message', async (part: Part) => {
  try {
    const request = await ready;
    const histories = Array.from(wantedOf(config.source, request.family, [part], random), wanted =>
      generateHistory({ ...request, ...wanted }),
    );
    const buffers = histories.flatMap(history =>
      Object.values(history).flatMap(column => (ArrayBuffer.isView(column) ? [column.buffer] : [])),
    );
    port.postMessage({ histories } satisfies RollerAnswer, buffers as ArrayBuffer[]);
  } catch (error) {
    port.postMessage({ failed: failureOf(error) } satisfies RollerAnswer);
  }
});
