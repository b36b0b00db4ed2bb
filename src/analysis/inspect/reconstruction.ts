/** @file Stage `inspect-reconstruction`: contexts of watched streams given back from their Z, beside the best guess without it. */

import { weightsOf } from '../../agent/inference.ts';
import { INFERENCE_INPUTS, withWeights } from '../../agent/model.ts';
import type { StageContext, StageOutput } from '../../cache/store.ts';
import { optimise, sizeOf, toOnnx, zeros } from '../../engine/index.ts';
import { type FieldReconstruction, type Missing, type Reconstruction, SIDES, type Sides } from '../../records/index.ts';
import { RECONSTRUCTION } from '../../records/inspection-format.ts';
import { MeanContext, measuresOf, ReconstructionScore } from '../../statistics/index.ts';
import { type Decoder, decoderOf } from './decoder.ts';
import { fullAfter, loadStreams, type WatchedStreams } from './streams.ts';
import type { Subject } from './subject.ts';

const FOUND = { name: 'reconstruction.json', schema: RECONSTRUCTION };
/** Contexts that are given back in one call. */
const BATCH = 32;
/** Bins of the curves by steps back. */
const CURVE_BINS = 40;

export async function inspectReconstruction(subject: Subject, streams: Sides<StageOutput>): Promise<Reconstruction | Missing> {
  const decoder = await decoderOf(subject);
  if (!decoder) return { missing: 'Not available: the student came without a decoder of its own, and none was to be fitted.' };
  const { value } = await subject.store.compute({
    stage: 'inspect-reconstruction',
    settings: { executor: subject.config.executor },
    inputs: { decoder: decoder.trained.key, train: streams.train.key, heldOut: streams.heldOut.key },
    file: FOUND,
    run: context => reconstruct(subject, decoder, streams, context),
  });
  return { decoder: decoder.about, ...value };
}

async function reconstruct(
  subject: Subject,
  decoder: Decoder,
  outputs: Sides<StageOutput>,
  { progress, signal }: StageContext,
): Promise<Omit<Reconstruction, 'decoder'>> {
  const { model, student, executor } = subject;
  const { contextTokens, contextTransitions } = model;
  const { context: layout, tokensPerTransition } = model.tokenizer;
  const { horizon } = model.family;
  const graph = withWeights(model.decoder(student.kind, BATCH), weightsOf(decoder), INFERENCE_INPUTS);
  const program = await executor.compile(toOnnx(optimise(graph)));
  const latents = zeros([BATCH, ...model.latentShape(student.kind)!]);
  const [row, size] = [contextTokens * layout.width, sizeOf(latents.shape) / BATCH];
  const streams = { train: loadStreams(outputs.train), heldOut: loadStreams(outputs.heldOut) };
  const after = fullAfter(subject);

  const mean = new MeanContext(layout, contextTokens);
  mean.add(streams.train.contexts);
  const guess = mean.mean();
  const total = SIDES.reduce((sum, side) => sum + streams[side].kept.length, 0);
  progress.start('give back contexts', total);
  let done = 0;
  const scoreSide = async ({ kept, contexts, latents: all, moments }: WatchedStreams): Promise<FieldReconstruction[]> => {
    const [decoded, reference] = [new ReconstructionScore(layout, contextTokens), new ReconstructionScore(layout, contextTokens)];
    for (let from = 0; from < kept.length; from += BATCH) {
      signal.throwIfAborted();
      const chunk = kept.slice(from, from + BATCH);
      for (const [k, i] of chunk.entries()) {
        const at = (i * moments.length + moments.indexOf(after)) * size;
        latents.data.set(all.subarray(at, at + size), k * size);
      }
      const { context } = await program.run({ latents }, ['context']);
      const actual = contexts.subarray(from * row, (from + chunk.length) * row);
      decoded.add((context.data as Float32Array).subarray(0, actual.length), actual);
      for (let k = 0; k < chunk.length; k++) reference.add(guess, actual.subarray(k * row, (k + 1) * row));
      done += chunk.length;
      progress.update(done);
    }
    const aged = (score: ReconstructionScore) => {
      const back = (token: number) => contextTransitions - 1 - Math.floor(token / tokensPerTransition);
      const episodes = score.means(Math.ceil(contextTransitions / horizon), token => Math.floor(back(token) / horizon));
      const steps = score.means(Math.ceil(contextTransitions / binSteps), token => Math.floor(back(token) / binSteps));
      return episodes.map(({ all, bins }, m) => ({ all, byEpisode: bins, bySteps: steps[m].bins }));
    };
    const [byDecoder, byReference] = [aged(decoded), aged(reference)];
    return measuresOf(layout.fields).map((measured, m) => ({ ...measured, decoder: byDecoder[m], reference: byReference[m] }));
  };
  const binSteps = Math.ceil(contextTransitions / CURVE_BINS);
  const fields = { train: await scoreSide(streams.train), heldOut: await scoreSide(streams.heldOut) };
  await program.dispose();
  progress.finish();
  const contexts = { train: streams.train.kept.length, heldOut: streams.heldOut.kept.length };
  return { after, contexts, horizon, binSteps, fields };
}
