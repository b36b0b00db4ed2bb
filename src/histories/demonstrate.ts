/**
 * @file The stages that generate demonstrations for few-shot prompts (method 3, 5.2), one for each style and side of the split, with separate
 * random streams. Evaluations show demonstrations of the evaluated tasks, as a user would. Training shows demonstrations of training tasks,
 * each with the history of a source learner that saw it: labels of a learner that did not would teach the policy to explore in spite of
 * the demonstration.
 */

import { provenance } from '../cache/provenance.ts';
import type { StageCache, StageOutput } from '../cache/store.ts';
import { saveHistories } from '../data/index.ts';
import { type History, joinHistories, shortenEpisodes, type Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { type DemonstrationStyle, demonstrations, generateHistory, inStyle } from '../sources/index.ts';
import { breathe } from '../util/breathe.ts';
import { hashJson } from '../util/files.ts';
import { Random } from '../util/random.ts';
import { learningHistory } from './generate.ts';
import { openTasks } from './tasks.ts';

/** The demonstrations of one style. */
export type Demonstrations = { readonly style: DemonstrationStyle; readonly output: StageOutput };

/** Which demonstrations to generate: `each` per task. */
interface DemonstrationRequest {
  readonly side: 'training' | 'evaluated';
  readonly tasks: readonly Task[];
  readonly each: number;
  /** Name of the entry of `evaluate.envs` whose tasks are evaluated, if any. */
  readonly at?: string;
}

/**
 * Demonstrations of the training tasks in every prompt style of the experiment; none without prompts. Each history starts with the
 * demonstration and continues with a new learner that saw it.
 */
export function demonstrateTraining(store: StageCache, config: BaseConfig): Promise<Demonstrations[]> {
  const { taught: tasks } = openTasks(config);
  return inStyles(store, config, { side: 'training', tasks, each: config.policy.prompt?.demonstrations ?? 0 });
}

/** Demonstrations of the evaluated tasks, one for every stream, in the order of tasks and streams. */
export function demonstrateEvaluated(store: StageCache, config: BaseConfig, tasks: readonly Task[], at?: string) {
  return inStyles(store, config, { side: 'evaluated', tasks, each: config.evaluate.streams, at });
}

async function inStyles(store: StageCache, config: BaseConfig, wanted: DemonstrationRequest): Promise<Demonstrations[]> {
  const made: Demonstrations[] = [];
  for (const style of config.policy.prompt?.styles ?? []) made.push({ style, output: await demonstrate(store, config, style, wanted) });
  return made;
}

function demonstrate(store: StageCache, config: BaseConfig, style: DemonstrationStyle, wanted: DemonstrationRequest): Promise<StageOutput> {
  const { env, split: division, source: learner, seed } = config;
  const { episodes, length } = config.policy.prompt!;
  const { side, tasks, each, at } = wanted;
  const { family, train, test } = openTasks(config);
  const keys = tasks.map(family.taskKey);
  const title = `demonstrate-${style}-${side}${at ? `-${at}` : ''}`;
  return store.run({
    stage: title,
    settings: { env, split: division, source: learner, seed, style, episodes, length, each, tasks: hashJson(keys) },
    inputs: {},
    async run({ folder, progress, signal }) {
      const random = Random.seeded(seed).split('demonstrate', style, side);
      const shown: History[] = [];
      progress.start(title, tasks.length);
      for (const [t, task] of tasks.entries()) {
        for (let i = 0; i < each; i++) {
          await breathe(signal);
          const stream = `${keys[t]}#${style}${i}`;
          const own = random.split(keys[t], i);
          const whole = generateHistory({ family, task, source: demonstrations, options: inStyle(style), random: own, episodes, stream });
          const seen = length ? shortenEpisodes(whole, length) : whole;
          const after = side === 'training' && learningHistory(learner, family, { task, random: own.split('after'), stream, seen });
          shown.push(after ? joinHistories([seen, after]) : seen);
        }
        progress.update(t + 1);
      }
      const { dataHash } = saveHistories(folder, family, shown, {
        source: { id: demonstrations.id, options: inStyle(style), knows: demonstrations.knows },
        seed,
        noise: null,
        // For the audit: the tasks that may be shown, and those that must not.
        split: { train: keys, test: (side === 'training' ? test : train).map(family.taskKey) },
        creator: provenance(),
      });
      progress.finish(`${shown.length} demonstrations`);
      return { dataHash, demonstrations: shown.length };
    },
  });
}
