/**
 * @file Inspects the latents of a finished run's agent: what Z reconstructs, what probes decode from it, how the policy acts with another task's
 * Z, and where the policy attends. Nothing is chosen on held-out tasks, and all measurements are repeated on training tasks.
 */

import { join } from 'node:path';
import { madeBy } from '../../cache/provenance.ts';
import type { StageOutput, StoreOptions } from '../../cache/store.ts';
import { generatedReport } from '../../histories/generate.ts';
import type { TransplantTable } from '../../play/index.ts';
import { attendingLayers } from '../../policy/index.ts';
import { INSPECTION_FORMAT, type InspectedSide, type Inspection, type Missing, type Reference, type Sides } from '../../records/index.ts';
import { writeJson } from '../../util/files.ts';
import { knownReference } from '../reference.ts';
import { inspectBeliefs } from './belief-probe.ts';
import { inspectProbes } from './probes.ts';
import { inspectReconstruction } from './reconstruction.ts';
import { loadStreams, watchStreams } from './streams.ts';
import { both, type InspectOptions, inTurn, openSubject, type Side, type Subject } from './subject.ts';
import { inspectTransplants } from './transplants.ts';

export interface InspectRequest extends StoreOptions {
  readonly run: string;
  /** Folder of inspect.json. */
  readonly out: string;
  readonly options: InspectOptions;
  readonly command: string;
}

/** Inspects a run. The stages are cached in the folder of the run. */
export async function inspectRun({ run, out, options, command, progress, signal }: InspectRequest): Promise<Inspection> {
  const subject = await openSubject(run, options, { progress, signal });
  const { config, agent, model, store, episodes, generated } = subject;
  const { trained } = agent;
  // Inspections play episodes.
  const evaluate = { ...config.evaluate, window: undefined };
  const reference = knownReference({ ...config, evaluate }, model.family, [...subject.tasks.train, ...subject.tasks.heldOut]);
  const streams = await inTurn(side => watchStreams(subject, side));
  await inspectBeliefs(subject);
  const inspection: Inspection = {
    format: INSPECTION_FORMAT,
    name: config.name,
    model: { stage: trained.stage, key: trained.key, compressor: agent.compressorId, latentShape: model.latentShape(agent.compressorId)! },
    sides: both(side => sideOf(subject, side)),
    episodes,
    intervalNote: intervalNoteOf(subject),
    reconstruction: await inspectReconstruction(subject, streams),
    probes: await inspectProbes(subject, streams),
    transplants: await transplants(subject, streams, reference),
    ...(reference && reference.kind !== 'oracle' ? { reference: reference.kind } : {}),
    attention: attentionOf(subject, streams),
    run: { command, config, ...madeBy(), dataHashes: { main: generatedReport(generated).dataHash }, seconds: { ...store.seconds } },
  };
  writeJson(join(out, 'inspect.json'), inspection);
  return inspection;
}

const sideOf = ({ tasks, options, config }: Subject, side: Side): InspectedSide => ({
  side: side === 'train' ? 'train' : config.evaluate.tasks,
  tasks: tasks[side].length,
  streams: tasks[side].length * options.streams,
});

function transplants(
  subject: Subject,
  streams: Sides<StageOutput>,
  reference: Reference | undefined,
): Promise<Sides<TransplantTable>> | Missing {
  const { options, tasks } = subject;
  const fewest = Math.min(options.exchanged, tasks.train.length, tasks.heldOut.length);
  if (fewest < 2) return { missing: 'Not available: swapping latents needs at least two tasks.' };
  if (!reference)
    return {
      missing:
        'Not available: the reference was measured only on the evaluated tasks. Set evaluate.reference to two returns { low, high } and run the experiment again, which reuses all training.',
    };
  return inTurn(side => inspectTransplants(subject, side, streams[side], reference));
}

function attentionOf(subject: Subject, streams: Sides<StageOutput>): Inspection['attention'] {
  const layers = attendingLayers(subject.model.policyOptions);
  if (layers.length === 0) return { missing: 'Not available: no layer of this policy has cross-attention to Z.' };
  const [latents] = subject.model.latentShape(subject.agent.compressorId)!;
  return { layers, latents, ...both(side => loadStreams(streams[side]).attention) };
}

function intervalNoteOf({ config, options }: Subject): string {
  return (
    `The agent acted in context for ${options.streams} streams per task, with ${config.evaluate.sampling === 'greedy' ? 'greedy' : 'sampled'} actions, on training tasks ` +
    `and on ${config.evaluate.tasks} tasks. Brackets and bands are 95% bootstrap intervals over streams within tasks (${config.evaluate.resamples} resamples); they do not cover variation between tasks or training seeds.`
  );
}
