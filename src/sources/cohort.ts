/**
 * @file Histories of learners that are trained together: one cohort plays, each learner in its own environments. Shape key: L learners, E
 * environments of each; F, W and P numbers in an observation, an action and a distribution over actions.
 */

import {
  type ActionDistribution,
  actionDistribution,
  type EnvFamily,
  episodeStarts,
  type Feedback,
  type History,
  joinHistories,
  newActions,
  type PlayedStep,
  Recording,
  type StepResult,
  spaceSize,
  staysEpisode,
  type Task,
  type VectorEnv,
} from '../rl/index.ts';
import { breathe } from '../util/breathe.ts';
import type { Random } from '../util/random.ts';
import { firstInformed } from './labels.ts';
import type { HistoriesRequest, WantedHistory } from './request.ts';
import { type Cohort, type CohortSource, withEpisodes } from './source.ts';

export interface CohortHistories extends HistoriesRequest {
  readonly source: CohortSource;
  /** Called as episodes end, with the number of finished episodes out of all that are wanted. */
  readonly onProgress?: (done: number) => void;
}

/**
 * Plays until every learner has its episodes; what a learner does beyond its own is not recorded. Every step of the environments is one
 * call of the cohort.
 */
export async function playCohort(request: CohortHistories): Promise<History[]> {
  const { family, source, wanted, episodes, stride = 1, labels, executor, onProgress, signal } = request;
  const options = withEpisodes(source, episodes, request.options);
  const E = source.environments(options);
  const size = wanted.length * E;
  const actions = actionDistribution(family.actionSpace);
  const [F, W, P] = [spaceSize(family.observationSpace), actions.width, actions.size];
  const players = wanted.map(one => new Player(one, { family, actions, environments: E, episodes, stride }));
  const randoms = wanted.map(({ random }) => random.split('learner'));
  const cohort = await source.cohort({ family, randoms, environments: E, executor }, options);
  const feedback: Feedback = {
    observation: new Float32Array(size * F),
    action: newActions(family.actionSpace, size),
    reward: new Float32Array(size),
    nextObservation: new Float32Array(size * F),
    terminated: new Uint8Array(size),
    truncated: new Uint8Array(size),
  };
  try {
    cohort.reset(size);
    for (const [l, player] of players.entries()) feedback.observation.set(player.observation, l * E * F);
    for (let done = 0; done < wanted.length * episodes; ) {
      await breathe(signal);
      const rows = await cohort.act(feedback.observation);
      for (const [l, player] of players.entries()) {
        const step = player.step(rows.subarray(l * E * P, (l + 1) * E * P));
        feedback.action.set(step.action, l * E * W);
        feedback.nextObservation.set(step.nextObservation, l * E * F);
        for (const column of ['reward', 'terminated', 'truncated'] as const) feedback[column].set(step[column], l * E);
      }
      await cohort.observe(feedback);
      for (const [l, player] of players.entries()) feedback.observation.set(player.observation, l * E * F);
      done = players.reduce((sum, { ended }) => sum + ended, 0);
      onProgress?.(done);
    }
    if (labels === 'final') await relabel(cohort, players, { feedback, environments: E, signal });
    return players.map(player => player.history());
  } finally {
    await cohort.dispose();
  }
}

/** Writes the current distribution of each learner for every step of its history from `firstInformed` on. Replays its episodes E at a time. */
async function relabel(
  cohort: Cohort,
  players: readonly Player[],
  { feedback, environments: E, signal }: { feedback: Feedback; environments: number; signal: AbortSignal },
): Promise<void> {
  cohort.freeze();
  const { size: P, width: W } = cohort.actions;
  const F = feedback.observation.length / feedback.reward.length;
  const firsts = players.map(({ kept }) => {
    const whole = joinHistories(kept);
    const informed = firstInformed(whole.reward);
    return Array.from(episodeStarts(whole), start => informed - start);
  });
  for (let from = 0; from < players[0].kept.length; from += E) {
    const lanes = players.flatMap(({ kept }) => Array.from({ length: E }, (_, e) => kept[from + e] as History | undefined));
    const longest = Math.max(...lanes.map(episode => episode?.reward.length ?? 0));
    for (let t = 0; t < longest; t++) {
      await breathe(signal);
      const playing = lanes.map(episode => (episode && t < episode.reward.length ? episode : undefined));
      for (const [i, episode] of playing.entries()) {
        if (episode) feedback.observation.set(episode.observation.subarray(t * F, (t + 1) * F), i * F);
      }
      const rows = await cohort.act(feedback.observation);
      for (const [i, episode] of playing.entries()) {
        // A lane without an episode waits at the end of one, where nothing is remembered.
        feedback.terminated[i] = episode ? episode.terminated[t] : 1;
        feedback.truncated[i] = episode ? episode.truncated[t] : 0;
        if (!episode) continue;
        const first = firsts[Math.floor(i / E)][from + (i % E)];
        if (t >= first) episode.probabilities.set(rows.subarray(i * P, (i + 1) * P), t * P);
        feedback.action.set(episode.action.subarray(t * W, (t + 1) * W), i * W);
        feedback.reward[i] = episode.reward[t];
        feedback.nextObservation.set(episode.nextObservation.subarray(t * F, (t + 1) * F), i * F);
      }
      await cohort.observe(feedback);
    }
  }
}

interface PlayerRequest {
  readonly family: EnvFamily;
  readonly actions: ActionDistribution;
  readonly environments: number;
  readonly episodes: number;
  readonly stride: number;
}

/** The environments of one learner, and the finished episodes of its history. */
class Player {
  /** [E × F] current observations. */
  readonly observation: Float32Array;
  /** Number of finished episodes of the history. */
  ended = 0;
  readonly #wanted: WantedHistory;
  readonly #request: PlayerRequest;
  readonly #env: VectorEnv;
  readonly #draws: Random;
  readonly #running: Recording[];
  /** Its episodes that stay in the history. */
  readonly kept: History[] = [];

  constructor(wanted: WantedHistory, request: PlayerRequest) {
    const { task, random } = wanted;
    const tasks = new Array<Task>(request.environments).fill(task);
    this.#wanted = wanted;
    this.#request = request;
    this.#env = request.family.make(tasks, random.split('env'));
    this.#draws = random.split('actions');
    this.#running = tasks.map(() => this.#begin());
    this.observation = Float32Array.from(this.#env.reset());
  }

  /**
   * Samples actions from [E × P] distributions, executes them, and records the episodes that end. The arrays are valid only until the next
   * step.
   */
  step(rows: Float32Array): PlayedStep {
    const { family, actions, environments } = this.#request;
    const action = newActions(family.actionSpace, environments);
    for (let e = 0; e < environments; e++) actions.draw(rows, e * actions.size, this.#draws, action, e * actions.width, this.#wanted.noise);
    const result: StepResult = this.#env.step(action);
    const step: PlayedStep = {
      observation: this.observation.slice(),
      // The environment may have overridden the action; learning and recording use the executed one.
      action: result.executed ?? action,
      probabilities: rows,
      reward: result.reward,
      nextObservation: result.finalObservation,
      terminated: result.terminated,
      truncated: result.truncated,
    };
    for (const [e, recording] of this.ended < this.#request.episodes ? this.#running.entries() : []) {
      recording.record(step, e);
      if (recording.episodes === 0) continue;
      this.#end(recording);
      this.#running[e] = this.#begin();
    }
    this.observation.set(result.observation);
    return step;
  }

  history(): History {
    return joinHistories(this.kept);
  }

  #begin(): Recording {
    return new Recording(this.#wanted.task, this.#request.family, this.#request.actions);
  }

  #end(recording: Recording): void {
    const { family, episodes, stride } = this.#request;
    if (this.ended === episodes) return;
    const { task, stream = '' } = this.#wanted;
    if (staysEpisode(this.ended++, episodes, stride)) this.kept.push(recording.history({ taskKey: family.taskKey(task), stream }));
  }
}
