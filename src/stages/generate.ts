/** @file Stage `generate`: learning histories of the source on the training tasks, with the split audited by content (method 5.1, 5.2). */

import { type HistoryStore, type Manifest, openHistories, saveHistories, splitTasks } from '../data/index.ts';
import { environment } from '../envs/index.ts';
import { type EnvFamily, episodeStarts, type History, type Task } from '../rl/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { Random } from '../util/random.ts';
import type { ExperimentConfig } from './config.ts';
import { provenance } from './provenance.ts';
import type { StageOutput, StageStore } from './store.ts';

type GenerateConfig = Pick<ExperimentConfig, 'env' | 'split' | 'source' | 'seed'>;

/** The tasks of an experiment: what is trained on, what settings are chosen on, and what only the final evaluation sees. */
export function split(config: GenerateConfig) {
  const family = environment(config.env.id, config.env.options);
  const { validation, tasks } = config.split;
  const { train, test } = splitTasks(family, { ...config.split, tasks: tasks && tasks + validation });
  expectTasks(validation < train.length, `split.validation is ${validation}, which leaves none of the ${train.length} tasks to train on.`);
  return { family, train: train.slice(validation), validation: train.slice(0, validation), test };
}

/** The first `most` tasks. A split lists its tasks in the order of its shuffle, so these are a random choice that its seed settles. */
export const atMost = (tasks: readonly Task[], most: number | undefined): readonly Task[] => tasks.slice(0, most);

export function generate(store: StageStore, config: GenerateConfig): Promise<StageOutput> {
  const { env, split: division, source: settings, seed } = config;
  return store.run({
    stage: 'generate',
    settings: { env, split: division, source: settings, seed },
    inputs: {},
    async run({ folder, progress, signal }) {
      const { family, train, test } = split(config);
      const taught = atMost(train, settings.maxTasks);
      const learner = source(settings.id);
      const random = Random.seeded(seed).split('generate');
      const histories: History[] = [];
      progress.start('generate', taught.length);
      for (const [done, task] of taught.entries()) {
        signal.throwIfAborted();
        for (let i = 0; i < settings.histories; i++) {
          const stream = random.split(family.taskKey(task), i);
          const draw = stream.split('noise');
          const noise = draw.uniform() < settings.noise.fraction ? draw.uniform() * settings.noise.max : 0;
          const { episodes, options, stride } = settings;
          const whole = generateHistory({
            family,
            task,
            source: learner,
            random: stream,
            episodes,
            noise,
            options,
            stream: `${family.taskKey(task)}#${i}`,
          });
          histories.push(everyNthEpisode(whole, stride));
        }
        progress.update(done + 1);
        // Lets a signal through between tasks.
        await new Promise(resolve => setImmediate(resolve));
      }
      const { version, commit, node } = provenance();
      const { dataHash } = saveHistories(folder, family, histories, {
        source: { id: learner.id, options: settings.options as Manifest['source']['options'], knows: learner.knows },
        seed,
        noise: settings.noise,
        split: { train: train.map(family.taskKey), test: test.map(family.taskKey) },
        creator: { version, node, commit },
      });
      const transitions = histories.reduce((sum, { action }) => sum + action.length, 0);
      progress.finish(`${histories.length} histories, ${transitions} transitions`);
      return { dataHash, histories: histories.length, transitions };
    },
  });
}

function expectTasks(condition: boolean, message: string): void {
  if (!condition) throw new CadenzaError('E_CONFIG', message);
}

export const loadHistories = (output: StageOutput, family: EnvFamily): HistoryStore => openHistories(output.folder, family);

/** The history with only every n-th episode, counted so that the last one stays. */
function everyNthEpisode(history: History, n: number): History {
  if (n === 1) return history;
  const starts = episodeStarts(history);
  const episodes = starts.length - 1;
  const kept = Array.from({ length: episodes }, (_, e) => e).filter(e => (episodes - 1 - e) % n === 0);
  const length = history.action.length;
  const pick = <T extends Float32Array | Int32Array | Uint8Array>(column: T): T => {
    const width = column.length / length;
    const parts = kept.map(e => column.subarray(starts[e] * width, starts[e + 1] * width));
    const out = new (column.constructor as new (size: number) => T)(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part as never, at);
      at += part.length;
    }
    return out;
  };
  return {
    ...history,
    observation: pick(history.observation),
    action: pick(history.action),
    probabilities: pick(history.probabilities),
    reward: pick(history.reward),
    nextObservation: pick(history.nextObservation),
    terminated: pick(history.terminated),
    truncated: pick(history.truncated),
  };
}
