/**
 * @file Stage `inspect-probes`: linear probes that decode the hidden task from Z after each number of episodes. They are fitted on some streams of
 * training tasks and scored on other streams and on held-out tasks.
 */

import type { StageContext, StageFile, StageOutput } from '../../cache/store.ts';
import { curveOf, type FactorProbes, type Missing, PROBED, type Probed, type ProbeReport, SIDES, type Sides } from '../../records/index.ts';
import { PROBE_REPORT } from '../../records/inspection-format.ts';
import type { HiddenFactor } from '../../rl/index.ts';
import { drawRuns, mean, measureOf, type ProbeScores, probe } from '../../statistics/index.ts';
import { breathe } from '../../util/breathe.ts';
import { Random } from '../../util/random.ts';
import { resampledOf } from '../protocol.ts';
import { loadStreams, recentTransitions, type WatchedStreams } from './streams.ts';
import { both, type Side, type Subject } from './subject.ts';

const REPORT: StageFile<ProbeReport> = { name: 'probes.json', schema: PROBE_REPORT };

export async function inspectProbes(subject: Subject, streams: Sides<StageOutput>): Promise<ProbeReport | Missing> {
  const { model, config, options, store } = subject;
  const { hidden = [], id } = model.family;
  if (hidden.length === 0) return { missing: `Not available: ${id} does not declare the hidden factors of its tasks.` };
  if (options.streams < 2)
    return { missing: 'Not available: probes need at least 2 streams per task, to fit on some and score on others. Raise --streams.' };
  const read = () => both(side => loadStreams(streams[side]));
  const { value } = await store.compute({
    stage: 'inspect-probes',
    settings: { env: config.env, seed: options.seed, resamples: config.evaluate.resamples },
    inputs: { train: streams.train.key, heldOut: streams.heldOut.key },
    file: REPORT,
    run: context => probes(subject, read(), hidden, context),
  });
  return value;
}

/** Number of streams per task for fitting, of `streams`: three quarters, with at least one left to score. */
const fittedOf = (streams: number): number => Math.min(streams - 1, Math.ceil(0.75 * streams));

async function probes(subject: Subject, streams: Sides<WatchedStreams>, hidden: readonly HiddenFactor[], context: StageContext) {
  const { progress, signal } = context;
  const { tasks, options, config } = subject;
  const { moments } = streams.train;
  const fittedStreams = fittedOf(options.streams);
  const all = ({ task }: WatchedStreams) => [...task.keys()];
  const fit = all(streams.train).filter(i => i % options.streams < fittedStreams);
  const scored = { train: all(streams.train).filter(i => i % options.streams >= fittedStreams), heldOut: all(streams.heldOut) };
  // Permute labels between whole tasks, so that a probe can fit the wrong labels as well as the true ones.
  const random = Random.seeded(options.seed).split('inspect', 'shuffled');
  const elsewhere = random.shuffled([...tasks.train.keys()]);
  const draws = both(side => {
    const per = scored[side].length / tasks[side].length;
    const cells = new Array(tasks[side].length).fill([per]);
    const random = Random.seeded(options.seed).split('bootstrap');
    return drawRuns(cells, resampledOf(config, options.streams), config.evaluate.resamples, random);
  });

  progress.start('probe', hidden.length * PROBED.length * moments.length);
  let done = 0;
  const factors: FactorProbes[] = [];
  for (const factor of hidden) {
    const value = both(side => tasks[side].map(factor.of));
    const at = async (probed: Probed, e: number): Promise<Sides<ProbeScores>> => {
      await breathe(signal);
      const labels = probed === 'shuffled' ? { ...value, train: elsewhere.map(t => value.train[t]) } : value;
      const samples = (side: Side, at: readonly number[]) => ({
        rows: rowsAt(streams[side], probed, e, at),
        values: at.map(i => labels[side][streams[side].task[i]]),
      });
      const fitted = { ...samples('train', fit), groups: fit.map(i => streams.train.task[i]) };
      const size = fitted.rows.length / fit.length;
      const asked = SIDES.map(side => samples(side, scored[side]));
      const [train, heldOut] = probe({ space: factor.space, size, fit: fitted, scored: asked });
      progress.update(++done);
      return { train, heldOut };
    };
    const scores = {} as Record<Probed, Sides<ProbeScores>[]>;
    for (const probed of PROBED) {
      scores[probed] = [];
      for (const e of moments.keys()) scores[probed].push(await at(probed, e));
    }
    const along = (probed: Probed, side: Side) => scores[probed].map(sides => sides[side]);
    const curve = (probed: Probed) => both(side => curveOf(along(probed, side), draws[side]));
    const each = <T>(of: (scores: ProbeScores) => T) => both(side => along('Z', side).map(of));
    const numbers = scores.Z[0].train.parts.length;
    const parts = Array.from({ length: numbers }, (_, c) => ({
      name: factor.parts?.[c] ?? String(c),
      mean: each(({ parts }) => mean(parts[c])),
    }));
    factors.push({
      name: factor.name,
      measure: measureOf(factor.space),
      curves: { Z: curve('Z'), raw: curve('raw'), shuffled: curve('shuffled') },
      ...(numbers > 1 ? { parts } : {}),
      chance: each(({ chance }) => chance),
    });
  }
  progress.finish();
  const share = (side: Side) => moments.map((_, e) => mean(scored[side].map(i => streams[side].rewarded[i][e])));
  const width = (values: Float32Array) => values.length / (streams.train.task.length * moments.length);
  return {
    episodes: moments,
    numbers: { Z: width(streams.train.latents), raw: width(streams.train.recent) },
    transitions: recentTransitions(subject),
    fittedStreams,
    rewarded: both(share),
    factors,
  };
}

/** The probed features of some streams after one number of episodes. */
function rowsAt({ latents, recent, moments, task }: WatchedStreams, probed: Probed, e: number, streams: readonly number[]): Float32Array {
  const values = probed === 'raw' ? recent : latents;
  const width = values.length / (task.length * moments.length);
  const rows = new Float32Array(streams.length * width);
  for (const [to, i] of streams.entries()) {
    const from = (i * moments.length + e) * width;
    rows.set(values.subarray(from, from + width), to * width);
  }
  return rows;
}
