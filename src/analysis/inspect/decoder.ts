/**
 * @file The decoder that gives contexts back from Z: the one that the student was trained with, where C_θ has not changed since, or else a fresh one
 * that is fitted on Z as it is.
 */

import { join } from 'node:path';
import { PARTS, partOf } from '../../agent/model.ts';
import { loadTensors, MODEL_FILE } from '../../cache/checkpoint.ts';
import type { StageOutput } from '../../cache/store.ts';
import { trainOnHistories } from '../../training/batches.ts';
import { stageOf } from '../finished.ts';
import type { Subject } from './subject.ts';

/** A stage that holds the weights of R_ψ, and where these come from. */
export interface Decoder {
  readonly trained: StageOutput;
  readonly about: string;
}

/** Gives the student's decoder; undefined where it has none and none is to be fitted. */
export async function decoderOf(subject: Subject): Promise<Decoder | undefined> {
  return ownDecoder(subject) ?? (await fitDecoder(subject));
}

/**
 * The decoder of the student's own stage, or of the one that pretrained it if C_θ is the same there, number for number: a decoder of latents that
 * have moved on would tell of itself.
 */
function ownDecoder({ folder, student: { trained } }: Subject): Decoder | undefined {
  const parts = (stage: StageOutput, part: string) =>
    [...loadTensors(join(stage.folder, MODEL_FILE)).tensors].filter(([name]) => partOf(name) === part);
  const compressor = parts(trained, PARTS.compressor);
  const earlier = trained.inputs.pretrain === undefined ? [] : [stageOf(folder, trained.inputs.pretrain)];
  for (const stage of [trained, ...earlier]) {
    if (parts(stage, PARTS.decoder).length === 0) continue;
    const there = new Map(parts(stage, PARTS.compressor));
    const same = compressor.every(([name, { data }]) => {
      const other = there.get(name)?.data;
      return other?.length === data.length && data.every((value, i) => value === other[i]);
    });
    if (same) return { trained: stage, about: `R_ψ as the stage ${stage.stage} trained it beside C_θ.` };
  }
  return undefined;
}

/** A fresh decoder, trained on the contexts of the training histories with C_θ frozen. */
async function fitDecoder(subject: Subject): Promise<Decoder | undefined> {
  const { config, model, student, seed, store, generated, histories, executor, options } = subject;
  if (options.decoderSteps === 0) return undefined;
  const run = { store, config, seed, model, histories, generated, executor };
  const trained = await trainOnHistories(run, {
    name: 'inspect-decoder',
    own: { ...config.pretrain, steps: options.decoderSteps },
    compressor: student.kind,
    settings: { latents: config.latents },
    from: { student: student.trained },
    trains: [PARTS.decoder],
    build(scope, batch) {
      const { context } = model.inputs(batch);
      const { loss, fields, metrics } = model.reconstruction(scope, model.latents(scope, student.kind, context)!.settled, context);
      return { loss, metrics: { ...fields, ...metrics } };
    },
  });
  const about = `A fresh decoder, fitted for ${options.decoderSteps} steps on Z of the training histories with C_θ frozen: the student came without one of its own.`;
  return { trained, about };
}
