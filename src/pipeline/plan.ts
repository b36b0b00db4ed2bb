/** @file The stages that a command will ask its store for, in that order, and where among them it is. Follows run.ts; a test compares the two. */

import type { Progress } from '../util/progress.ts';
import { type CommonConfig, type ExperimentKind, type PlannedMethod, wantedBy } from './kind.ts';

export interface PlannedStage {
  readonly stage: string;
  /** Of its training, where it trains. */
  readonly steps?: number;
}

/** The stages of an experiment without its tables. */
export function plannedStages<C extends CommonConfig>(
  kind: Pick<ExperimentKind<C, never>, 'dataStage' | 'training' | 'planned'>,
  config: C,
  until: string,
): PlannedStage[] {
  const { data, evaluation } = kind.planned(config, until);
  const training: PlannedStage[] = [];
  const trained: PlannedMethod[] = [];
  for (const seed of config.seeds)
    for (const stage of kind.training) {
      const steps = stage.steps(config);
      if (!wantedBy(kind, until, stage.name) || steps === 0) continue;
      for (const { name, ...trains } of stage.parts?.(config) ?? [{ name: stage.name, steps }])
        training.push({ stage: `${name}-seed${seed}`, ...trains });
      trained.push(...stage.rows(config).map(row => ({ ...row, seed })));
    }
  const named = (stages: readonly string[]) => stages.map(stage => ({ stage }));
  return [...named(data), ...training, ...(until === 'evaluate' ? named(evaluation(trained)) : [])];
}

/**
 * Where a command is among its planned stages. A stage is expected to take as long as others of its kind did, or failing those, training as
 * long a step as other training, and anything else as long as its like.
 */
export class Plan {
  readonly #stages: readonly PlannedStage[];
  readonly #seconds = new Map<string, number[]>();
  #at = 0;

  constructor(stages: readonly PlannedStage[]) {
    this.#stages = stages;
  }

  /** The next stage is asked for: `progress` shows where it is. */
  begin(progress: Progress): void {
    this.#at++;
    const rest = this.#stages.slice(this.#at).map(each => this.#expected(each));
    const seconds = rest.reduce<number>((sum, each = 0) => sum + each, 0);
    progress.place?.({ at: this.#at, of: this.#stages.length, seconds, more: rest.includes(undefined) });
  }

  /** The stage that began was made, from its beginning, in so many seconds. */
  made(seconds: number): void {
    const stage = this.#stages[this.#at - 1];
    if (stage)
      for (const kind of kindsOf(stage)) this.#seconds.set(kind, [...(this.#seconds.get(kind) ?? []), seconds / (stage.steps ?? 1)]);
  }

  #expected(stage: PlannedStage): number | undefined {
    const like = kindsOf(stage)
      .map(kind => this.#seconds.get(kind))
      .find(Boolean);
    return like && ((stage.steps ?? 1) * like.reduce((a, b) => a + b, 0)) / like.length;
  }
}

/** What a stage may take as long as: itself with another seed, or else another one that trains, or whose name begins alike. */
const kindsOf = ({ stage, steps }: PlannedStage) => [
  stage.replace(/-seed\d+$/, ''),
  steps ? ' training' : ` ${/^[a-z]+/.exec(stage)?.[0]}`,
];
