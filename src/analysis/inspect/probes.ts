/**
 * @file Stage `inspect-probes`: linear probes that decode from Z what is hidden in the task, and what a learner of the source believes after the same
 * steps, at each moment. They are fitted on some streams of training tasks and scored on other streams and on held-out tasks.
 */

import type { StageContext, StageFile, StageOutput } from '../../cache/store.ts';
import { curveOf, type FactorProbes, type Missing, PROBED, type Probed, type ProbeReport, SIDES, type Sides } from '../../records/index.ts';
import { PROBE_REPORT } from '../../records/inspection-format.ts';
import type { Factor } from '../../rl/index.ts';
import { drawRuns, mean, measureOf, type ProbeScores, probe } from '../../statistics/index.ts';
import { breathe } from '../../util/breathe.ts';
import { groupBy } from '../../util/groups.ts';
import { Random } from '../../util/random.ts';
import { resampledOf } from '../protocol.ts';
import { beliefsOf } from './beliefs.ts';
import { inCalls, loadStreams, recentTransitions, type WatchedStreams } from './streams.ts';
import { both, type Side, type Subject } from './subject.ts';

const REPORT: StageFile<ProbeReport> = { name: 'probes.json', schema: PROBE_REPORT };

/** Moments that fewer of the streams reached, in any part of the samples, are left out. */
const REACHED = 1 / 4;

/** What is probed: a factor, and its value in stream i of a side at moment e. */
interface Target {
  readonly factor: Factor;
  /** The source that believes it. */
  readonly source?: string;
  valueAt(side: Side, i: number, e: number): readonly number[];
}

export async function inspectProbes(subject: Subject, streams: Sides<StageOutput>): Promise<ProbeReport | Missing> {
  const { model, config, options, store } = subject;
  const { hidden = [], id } = model.family;
  if (hidden.length === 0 && beliefsOf(subject).length === 0)
    return { missing: `Not available: ${id} does not declare the hidden factors of its tasks, and the source declares no beliefs.` };
  if (options.streams < 2)
    return { missing: 'Not available: probes need at least 2 streams per task, to fit on some and score on others. Raise --streams.' };
  const { value } = await store.compute({
    stage: 'inspect-probes',
    settings: { env: config.env, seed: options.seed, resamples: config.evaluate.resamples },
    inputs: { train: streams.train.key, heldOut: streams.heldOut.key },
    file: REPORT,
    run: context =>
      probes(
        subject,
        both(side => loadStreams(streams[side])),
        context,
      ),
  });
  return value;
}

/** What is hidden in the tasks, then what learners of the source believe. */
function targetsOf(subject: Subject, streams: Sides<WatchedStreams>): Target[] {
  const { model, tasks, config } = subject;
  return [
    ...(model.family.hidden ?? []).map((factor): Target => {
      const values = both(side => tasks[side].map(factor.of));
      return { factor, valueAt: (side, i) => values[side][streams[side].task[i]] };
    }),
    ...beliefsOf(subject).map(
      (factor, b): Target => ({ factor, source: config.source.id, valueAt: (side, i, e) => streams[side].beliefs[i][e][b] }),
    ),
  ];
}

/** Number of streams per task for fitting, of `streams`: three quarters, with at least one left to score. */
const fittedOf = (streams: number): number => Math.min(streams - 1, Math.ceil(0.75 * streams));

/** The streams that probes are fitted and scored on. */
const samplesOf = ({ train, heldOut }: Sides<WatchedStreams>, perTask: number, fitted: number) => {
  const all = [...train.task.keys()];
  return {
    fit: all.filter(i => i % perTask < fitted),
    train: all.filter(i => i % perTask >= fitted),
    heldOut: [...heldOut.task.keys()],
  };
};

async function probes(subject: Subject, streams: Sides<WatchedStreams>, context: StageContext) {
  const { progress, signal } = context;
  const { tasks, options, config } = subject;
  const fittedStreams = fittedOf(options.streams);
  const samples = samplesOf(streams, options.streams, fittedStreams);
  type Part = keyof typeof samples;
  const sideOf = (part: Part): Side => (part === 'heldOut' ? 'heldOut' : 'train');
  const reached = (part: Part, e: number) => samples[part].filter(i => streams[sideOf(part)].reached[i][e]);
  const parts = Object.keys(samples) as Part[];
  const moments = [...streams.train.moments.keys()].filter(e =>
    parts.every(part => reached(part, e).length >= REACHED * samples[part].length),
  );
  // Permute labels between whole tasks, so that a probe can fit the wrong labels as well as the true ones.
  const random = Random.seeded(options.seed).split('inspect', 'shuffled');
  const elsewhere = random.shuffled([...tasks.train.keys()]);
  const shuffled = (i: number) => elsewhere[streams.train.task[i]] * options.streams + (i % options.streams);
  const draws = both(side => {
    const drawn = (cells: readonly number[]) => {
      const random = Random.seeded(options.seed).split('bootstrap');
      return drawRuns(
        cells.map(count => [count]),
        resampledOf(config, options.streams),
        config.evaluate.resamples,
        random,
      );
    };
    const known = new Map<string, ReturnType<typeof drawn>>();
    return moments.map(e => {
      const groups = groupBy(reached(side, e), i => streams[side].task[i]);
      const cells = [...groups.values()].map(({ length }) => length);
      const key = cells.join();
      const resamples = known.get(key) ?? drawn(cells);
      known.set(key, resamples);
      return resamples;
    });
  });

  const targets = targetsOf(subject, streams);
  progress.start('probe', targets.length * PROBED.length * moments.length);
  let done = 0;
  const factors: FactorProbes[] = [];
  for (const { factor, source, valueAt } of targets) {
    const at = async (probed: Probed, e: number): Promise<Sides<ProbeScores>> => {
      await breathe(signal);
      const samplesAt = (part: Part) => {
        const [side, chosen] = [sideOf(part), reached(part, e)];
        const labeled = (i: number) => valueAt(side, probed === 'shuffled' && side === 'train' ? shuffled(i) : i, e);
        return {
          rows: rowsAt(streams[side], probed, e, chosen),
          values: chosen.map(labeled),
          groups: chosen.map(i => streams[side].task[i]),
        };
      };
      const fit = samplesAt('fit');
      const [train, heldOut] = probe({
        space: factor.space,
        size: fit.rows.length / fit.values.length,
        fit,
        scored: SIDES.map(samplesAt),
      });
      progress.update(++done);
      return { train, heldOut };
    };
    const scores = {} as Record<Probed, Sides<ProbeScores>[]>;
    for (const probed of PROBED) {
      scores[probed] = [];
      for (const e of moments) scores[probed].push(await at(probed, e));
    }
    const along = (probed: Probed, side: Side) => scores[probed].map(sides => sides[side]);
    const curve = (probed: Probed) => both(side => curveOf(along(probed, side), draws[side]));
    const each = <T>(of: (scores: ProbeScores) => T) => both(side => along('Z', side).map(of));
    const numbers = scores.Z[0].train.parts.length;
    const named = Array.from({ length: numbers }, (_, c) => ({
      name: factor.parts?.[c] ?? String(c),
      mean: each(({ parts }) => mean(parts[c])),
    }));
    factors.push({
      name: factor.name,
      source,
      measure: measureOf(factor.space),
      curves: { Z: curve('Z'), raw: curve('raw'), shuffled: curve('shuffled') },
      ...(numbers > 1 ? { parts: named } : {}),
      // Most of what is hidden is spread evenly over tasks; beliefs are often the same in most streams, for example unknown.
      chance: each(({ chance, frequent }) => (source ? frequent : chance)),
    });
  }
  progress.finish();
  const share = (side: Side) => moments.map(e => mean(reached(side, e).map(i => streams[side].rewarded[i][e])));
  const width = (values: Float32Array) => values.length / (streams.train.task.length * streams.train.moments.length);
  return {
    [inCalls(subject) ? 'calls' : 'episodes']: moments.map(e => streams.train.moments[e]),
    numbers: { Z: width(streams.train.latents), raw: width(streams.train.recent) },
    transitions: recentTransitions(subject),
    fittedStreams,
    rewarded: both(share),
    factors,
  };
}

/** The probed features of some streams at one moment. */
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
