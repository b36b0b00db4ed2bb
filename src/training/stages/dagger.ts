/**
 * @file Stage `dagger`: dataset aggregation (Ross et al. 2011, "A Reduction of Imitation Learning"). The agent plays training tasks, a learner of
 * the source observes every step and labels it, and fine-tuning continues on these histories and as many of the source's own. So the agent
 * learns what to do where its own mistakes lead, which the source never sees.
 */

import type { z } from 'zod';
import { openPolicy } from '../../agent/inference.ts';
import type { Model } from '../../agent/model.ts';
import { provenance } from '../../cache/provenance.ts';
import type { StageContext, StageOutput } from '../../cache/store.ts';
import { HistoryWriter, type Manifest } from '../../data/index.ts';
import { loadHistories, madeFor } from '../../histories/generate.ts';
import { openTasks } from '../../histories/tasks.ts';
import { recordRollout } from '../../play/index.ts';
import { type EnvFamily, type History, Recording, type Task } from '../../rl/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { count, stageSection, steps } from '../../settings/fields.ts';
import { source, sourcePolicy } from '../../sources/index.ts';
import { stageTitle } from '../../util/progress.ts';
import { Random } from '../../util/random.ts';
import { agentOf, defineStage, type TrainingRun, trainedAs } from '../define.ts';
import { type FineTuningConfig, fineTune, fineTuningOf, fineTuningTerms } from './finetune.ts';

const settings = stageSection(
  "Dataset aggregation (DAgger) after fine-tuning: the agent plays training tasks, the source's learner labels its steps, and fine-tuning continues on these histories and as many of the source's. With the loss of finetune",
  {
    steps: steps('Number of training steps of each round. 0 skips the stage').default(0),
    rounds: count('Number of rounds. Each plays with the latest agent and trains on what all rounds have played', 'unrolled').default(1),
    streams: count(
      'Number of streams of a round. Each plays source.episodes episodes of one training task, starting with an empty memory',
    ).default(1000),
  },
);

export type DaggerSection = { readonly dagger: z.output<typeof settings> };
type Config = FineTuningConfig & DaggerSection;

/** Streams that are played together. */
export const PLAYED_TOGETHER = 64;

const METHODS = [{ method: 'dagger', agent: true }];
const roundsOf = ({ dagger }: DaggerSection) => Array.from({ length: dagger.rounds }, (_, i) => i + 1);
const playName = (round: number) => `dagger-play-${round}`;
const trainName = (round: number) => `dagger-${round}`;

export const dagger = defineStage({
  name: 'dagger',
  settings,
  steps: ({ dagger }: BaseConfig & Config) => dagger.steps,
  parts: (config: BaseConfig & Config) =>
    roundsOf(config).flatMap(round => [{ name: playName(round) }, { name: trainName(round), steps: config.dagger.steps }]),
  terms: config => fineTuningTerms(config),
  methods: () => METHODS,
  objectives: (config, model: Model) => roundsOf(config).map(round => fineTuningOf(config, model, trainName(round))),
  async train(run: TrainingRun<Config>, earlier) {
    const { model, config } = run;
    const played: StageOutput[] = [];
    let agent = agentOf(earlier);
    for (const round of roundsOf(config)) {
      played.push(await playRound(run, round, agent));
      const own = () => played.flatMap(output => loadHistories(output, model.family).histories);
      const histories = () => aggregated(own(), run.histories());
      agent = await fineTune(
        { ...run, histories },
        {
          name: trainName(round),
          own: config.dagger,
          from: { agent },
          teacher: earlier.teacher,
          data: Object.fromEntries(played.map(({ key }, i) => [playName(i + 1), key])),
        },
      );
    }
    return trainedAs(METHODS, config.compressor, agent);
  },
});

/**
 * The agent's histories, and as many of the source's, at equal distances, because those of one task follow each other; all of them if there
 * are fewer.
 */
export function aggregated<T>(own: readonly T[], ofSource: readonly T[]): T[] {
  const count = Math.min(own.length, ofSource.length);
  return [...own, ...Array.from({ length: count }, (_, i) => ofSource[Math.floor((i * ofSource.length) / count)])];
}

/** The histories of one round: the agent acts, and the probabilities are those of the source's learner, which observes. */
function playRound(run: TrainingRun<Config>, round: number, agent: StageOutput): Promise<StageOutput> {
  const { config, seed, store, model, executor } = run;
  const { env, split: division, source: labeler, dagger } = config;
  return store.run({
    stage: `${playName(round)}-seed${seed}`,
    settings: { env, split: division, source: labeler, seed, streams: dagger.streams, executor: config.executor },
    inputs: { agent: agent.key },
    async run(context) {
      const { family, train, test } = openTasks(config);
      const made = openTasks(madeFor(config)).family;
      const random = Random.seeded(seed).split(playName(round));
      const order = random.split('tasks').shuffled(train);
      const tasks = Array.from({ length: dagger.streams }, (_, i) => order[i % order.length]);
      const split = { train: train.map(family.taskKey), test: test.map(family.taskKey) };
      const writer = new HistoryWriter(context.folder, family, split);
      context.progress.start(stageTitle(playName(round), seed), tasks.length);
      const open = (size: number) => openPolicy({ model, executor, size }, { compressorId: config.compressor, trained: agent });
      let policy = await open(Math.min(PLAYED_TOGETHER, tasks.length));
      for (let from = 0; from < tasks.length; from += PLAYED_TOGETHER) {
        const some = tasks.slice(from, from + PLAYED_TOGETHER);
        if (from > 0 && some.length < PLAYED_TOGETHER) policy = await open(some.length);
        for (const history of await playLabeled({ run, family: made, policy, tasks: some, random, from, context })) writer.add(history);
        context.progress.update(from + some.length);
      }
      const { id, options } = labeler;
      const knows = `What the agent of this run learned in context. Labels: ${id} observed it. ${source(id).knows}`;
      const { dataHash } = writer.finish({
        source: { id: 'agent', options: options as Manifest['source']['options'], knows },
        noise: null,
        seed,
        split,
        creator: provenance(),
      });
      context.progress.finish(`${tasks.length} histories`);
      return { dataHash, histories: tasks.length };
    },
  });
}

interface LabeledRequest {
  readonly run: Pick<TrainingRun, 'config'>;
  readonly family: EnvFamily;
  readonly policy: Awaited<ReturnType<typeof openPolicy>>;
  readonly tasks: readonly Task[];
  readonly random: Random;
  /** Number of the first stream. */
  readonly from: number;
  readonly context: Pick<StageContext, 'signal'>;
}

async function playLabeled({ run, family, policy, tasks, random: ofRound, from, context }: LabeledRequest): Promise<History[]> {
  const { id, options, episodes } = run.config.source;
  const random = ofRound.split(from);
  const labeler = sourcePolicy({ family, tasks, source: source(id), random: random.split('labels'), options });
  const { size } = labeler.actions;
  const streams = tasks.map(task => new Recording(task, family, policy.actions));
  const labels = tasks.map((): number[] => []);
  labeler.reset(tasks.length);
  await recordRollout(streams, {
    family,
    policy,
    episodes,
    random: random.split('play'),
    signal: context.signal,
    async onStep(step) {
      const rows = await labeler.act(step.observation);
      for (const [i, { episodes: ended }] of streams.entries())
        if (ended < episodes) labels[i].push(...rows.subarray(i * size, (i + 1) * size));
      await labeler.observe?.(step);
    },
  });
  return streams.map((stream, i) => ({
    ...stream.history({ taskKey: family.taskKey(stream.task), stream: `${family.taskKey(stream.task)}#agent-${from + i}` }),
    probabilities: Float32Array.from(labels[i]),
  }));
}
