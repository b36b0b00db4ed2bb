/**
 * @file Stage `inspect-reconstruction`: reconstructs contexts from their Z, compared with the best guess without Z. Uses the decoder that the
 * agent was trained with, if C_θ has not changed since, and otherwise fits a new decoder to Z.
 */

import { join } from 'node:path';
import { weightsOf } from '../../agent/inference.ts';
import { INFERENCE_INPUTS, PARTS, partOf, withWeights } from '../../agent/model.ts';
import { loadTensors, MODEL_FILE } from '../../cache/checkpoint.ts';
import type { StageContext, StageOutput } from '../../cache/store.ts';
import { optimize, sizeOf, toOnnx, zeros } from '../../engine/index.ts';
import { type FieldReconstruction, type Missing, type Reconstruction, SIDES, type Sides } from '../../records/index.ts';
import { RECONSTRUCTION } from '../../records/inspection-format.ts';
import { MeanContext, measuresOf, ReconstructionScore } from '../../statistics/index.ts';
import { trainOnHistories } from '../../training/stage.ts';
import { stageOf } from '../finished.ts';
import { fullAfter, inCalls, loadStreams } from './streams.ts';
import { both, inTurn, type Side, type Subject } from './subject.ts';

const FOUND = { name: 'reconstruction.json', schema: RECONSTRUCTION };
/** Contexts decoded in one call. */
const BATCH = 32;
/** Number of bins of the curves over steps back in time. */
const CURVE_BINS = 40;

export async function inspectReconstruction(subject: Subject, streams: Sides<StageOutput>): Promise<Reconstruction | Missing> {
  const decoder = ownDecoder(subject) ?? (await fitDecoder(subject));
  if (!decoder) return { missing: 'Not available: the agent has no decoder, and --decoder-steps 0 fits none.' };
  const { value } = await subject.store.compute({
    stage: 'inspect-reconstruction',
    settings: { executor: subject.config.executor },
    inputs: { decoder: decoder.trained.key, train: streams.train.key, heldOut: streams.heldOut.key },
    file: FOUND,
    run: context => reconstruct(subject, decoder, streams, context),
  });
  return { decoder: decoder.about, ...value };
}

async function reconstruct(subject: Subject, decoder: Decoder, outputs: Sides<StageOutput>, context: StageContext) {
  const { progress, signal } = context;
  const { model, agent, executor } = subject;
  const { contextTokens, contextTransitions } = model;
  const { context: layout, tokensPerTransition } = model.tokenizer;
  const { horizon } = model.family;
  const graph = withWeights(model.decoder(agent.compressorId, BATCH), weightsOf(decoder), INFERENCE_INPUTS);
  const program = await executor.compile(toOnnx(optimize(graph)));
  const latents = zeros([BATCH, ...model.latentShape(agent.compressorId)!]);
  const [row, size] = [contextTokens * layout.width, sizeOf(latents.shape) / BATCH];
  const streams = both(side => loadStreams(outputs[side]));
  const after = fullAfter(subject);

  const mean = new MeanContext(layout, contextTokens);
  mean.add(streams.train.contexts);
  const guess = mean.mean();
  const total = SIDES.reduce((sum, side) => sum + streams[side].kept.length, 0);
  progress.start('reconstruct contexts', total);
  let done = 0;
  const scoreSide = async (side: Side): Promise<FieldReconstruction[]> => {
    const { kept, contexts, latents: all, moments } = streams[side];
    const [decoded, reference] = [1, 2].map(() => new ReconstructionScore(layout, contextTokens));
    for (let from = 0; from < kept.length; from += BATCH) {
      signal.throwIfAborted();
      const chunk = kept.slice(from, from + BATCH);
      for (const [k, i] of chunk.entries()) {
        const at = (i * moments.length + (inCalls(subject) ? moments.length - 1 : moments.indexOf(after))) * size;
        latents.data.set(all.subarray(at, at + size), k * size);
      }
      const made = await program.run({ latents }, ['context']);
      const actual = contexts.subarray(from * row, (from + chunk.length) * row);
      decoded.add((made.context.data as Float32Array).subarray(0, actual.length), actual);
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
  const fields = await inTurn(scoreSide);
  await program.dispose();
  progress.finish();
  return { after, contexts: both(side => streams[side].kept.length), horizon, binSteps, fields };
}

/** A stage with the weights of R_ψ, and their origin. */
type Decoder = { readonly trained: StageOutput; readonly about: string };

/**
 * The decoder from the agent's last stage, or from pretraining if C_θ is identical there. With a decoder of older latents, the errors would
 * show the mismatch instead of what Z contains.
 */
function ownDecoder({ folder, agent: { trained } }: Subject): Decoder | undefined {
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
    if (same) return { trained: stage, about: `R_ψ as trained with C_θ in the stage ${stage.stage}.` };
  }
  return undefined;
}

/** A new decoder, trained on contexts of training histories with C_θ frozen. */
async function fitDecoder(subject: Subject): Promise<Decoder | undefined> {
  const { config, model, agent, options } = subject;
  if (options.decoderSteps === 0) return undefined;
  const trained = await trainOnHistories(subject, {
    name: 'inspect-decoder',
    own: { ...config.pretrain, steps: options.decoderSteps },
    compressor: agent.compressorId,
    settings: { latents: config.latents },
    from: { agent: agent.trained },
    trains: [PARTS.decoder],
    build(scope, batch) {
      const { context } = model.inputs(batch);
      const { loss, fields, metrics } = model.reconstruction(scope, model.latents(scope, agent.compressorId, { context })!.settled, {
        context,
      });
      return { loss, metrics: { ...fields, ...metrics } };
    },
  });
  const about = `A new decoder, trained for ${options.decoderSteps} steps on Z of the training histories with C_θ frozen, because the agent has none.`;
  return { trained, about };
}
