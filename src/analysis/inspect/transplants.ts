/** @file Stages `inspect-transplants-…`: the agent acts for one episode in each task with the latents from every other task. */

import { z } from 'zod';
import { openPolicy } from '../../agent/inference.ts';
import type { StageFile, StageOutput } from '../../cache/store.ts';
import { sizeOf } from '../../engine/index.ts';
import { playTransplants, type TransplantTable, transplantPlaces, transplantTable } from '../../play/index.ts';
import type { Reference } from '../../records/index.ts';
import { type MeanScore, scaleOf } from '../../statistics/index.ts';
import { fields } from '../../util/formats.ts';
import { Random } from '../../util/random.ts';
import { resampledOf } from '../protocol.ts';
import { loadStreams } from './streams.ts';
import type { Side, Subject } from './subject.ts';

const number = z.number();
const matrix = z.array(z.array(number));
const score = fields<MeanScore>({ mean: number, low: number, high: number });
const alone = fields<TransplantTable['own']>({ return: score, pursues: score });
const TABLE: StageFile<TransplantTable> = {
  name: 'transplants.json',
  schema: fields<TransplantTable>({
    tasks: z.array(z.string()),
    byOther: matrix,
    byOwn: matrix,
    pursues: matrix,
    own: alone,
    transplanted: fields<TransplantTable['transplanted']>({ byOther: score, byOwn: score, pursues: score }),
    empty: alone,
  }),
};

/** Swaps latents between the first tasks of a side. The final Z of a stream stays fixed for the whole episode. */
export async function inspectTransplants(
  subject: Subject,
  side: Side,
  output: StageOutput,
  { kind, scales }: Reference,
): Promise<TransplantTable> {
  const { store, config, options, executor, model, agent } = subject;
  const { family } = model;
  const { value } = await store.compute({
    stage: `inspect-transplants-${side}`,
    settings: {
      ...subject.shared,
      exchanged: options.exchanged,
      sampling: config.evaluate.sampling,
      resamples: config.evaluate.resamples,
      ...(kind === 'oracle' ? {} : { reference: config.evaluate.reference }),
    },
    inputs: { agent: agent.trained.key, streams: output.key },
    file: TABLE,
    async run({ progress, signal }) {
      const { latents, moments } = loadStreams(output);
      const tasks = subject.tasks[side].slice(0, options.exchanged);
      const places = transplantPlaces(tasks.length, options.streams);
      const row = sizeOf(model.latentShape(agent.compressorId)!);
      const random = Random.seeded(options.seed).split('inspect', 'transplants', side);
      /** One episode for every pair of tasks, with the latents after one number of episodes. */
      const play = async (e: number) => {
        const given = new Float32Array(places.length * row);
        for (const [i, { of, memory }] of places.entries()) {
          const from = ((of * options.streams + memory) * moments.length + e) * row;
          given.set(latents.subarray(from, from + row), i * row);
        }
        return playTransplants({
          family,
          tasks: places.map(({ acted }) => tasks[acted]),
          memories: places.map(({ of }) => tasks[of]),
          policy: await openPolicy({ model, executor, size: places.length, given }, agent),
          random,
          greedy: config.evaluate.sampling === 'greedy',
          signal,
        });
      };
      progress.start(`swap latents of ${side === 'train' ? 'training' : 'held-out'} tasks`, 2);
      const memory = await play(moments.length - 1);
      progress.update(1);
      const empty = await play(0);
      progress.finish(`${2 * places.length} episodes`);
      return transplantTable(memory, empty, {
        keys: tasks.map(family.taskKey),
        scales: tasks.map(task => scaleOf(scales, family.taskKey(task), 'transplants')),
        memories: options.streams,
        resamples: config.evaluate.resamples,
        resampled: resampledOf(config, options.streams),
        random: Random.seeded(options.seed).split('bootstrap'),
      });
    },
  });
  return value;
}
