/** @file The stages that a command will ask its store for, in that order, and where among them it is. Follows run.ts; a test compares the two. */

import { baseline, isTrained } from '../agent/baselines/index.ts';
import { measuresImitation } from '../analysis/imitation.ts';
import { type ExperimentConfig, tableConfig } from '../config/experiment.ts';
import { openTasks } from '../histories/tasks.ts';
import type { PlannedRow } from '../training/define.ts';
import { trainingStages } from '../training/stages/index.ts';
import { STAGES, type Stage } from '../training/stages/names.ts';
import type { Progress } from '../util/progress.ts';

/** Whether a stage runs when `until` is the last one to run. */
export const wantedBy = (until: Stage, stage: Stage) => STAGES.indexOf(stage) <= STAGES.indexOf(until);

export interface PlannedStage {
  readonly stage: string;
  /** Of its training, where it trains. */
  readonly steps?: number;
}

/** A row that is trained, as far as its stages follow from it. */
type PlannedMethod = PlannedRow & { readonly seed: number };

/** The stages of an experiment with its tables. */
export const plannedStages = (config: ExperimentConfig, until: Stage = 'evaluate'): PlannedStage[] =>
  [config, ...config.tables.map(table => tableConfig(config, table))].flatMap(each => plannedRoad(each, until));

/** The stages of one experiment with one source: training, and where it gets there evaluation and the timing of actions. */
function plannedRoad(config: ExperimentConfig, until: Stage): PlannedStage[] {
  const { policy, seeds } = config;
  const stages: PlannedStage[] = [{ stage: 'generate' }];
  const add = (...names: string[]) => stages.push(...names.map(stage => ({ stage })));
  const styles = policy.prompt?.styles ?? [];
  if (wantedBy(until, 'teacher')) add(...styles.map(style => `demonstrate-${style}-training`));

  const trained: PlannedMethod[] = [];
  const chosen = config.baselines.methods.map(baseline);
  for (const seed of seeds)
    for (const stage of trainingStages) {
      const steps = stage.steps(config);
      if (!wantedBy(until, stage.name) || steps === 0) continue;
      for (const { name, ...trains } of stage.parts?.(config) ?? [{ name: stage.name, steps }])
        stages.push({ stage: `${name}-seed${seed}`, ...trains });
      trained.push(...stage.rows(config).map(row => ({ ...row, seed })));
    }
  if (until !== 'evaluate') return stages;

  const remember = ({ remembers, seed }: PlannedMethod, suffix = '') =>
    remembers && add(`contexts-${config.evaluate.tasks}${suffix}-seed${seed}`);
  const evaluation = (at?: string) => {
    const suffix = at ? `-${at}` : '';
    add(...styles.map(style => `demonstrate-${style}-evaluated${suffix}`));
    for (const each of trained)
      for (const prompt of ['', ...styles.map(style => `-${style}`)]) {
        remember(each, suffix);
        add(`evaluate-${each.method}${prompt}${suffix}-seed${each.seed}`);
      }
    const bySource = [
      ...(config.source.dataset === undefined ? ['source'] : []),
      'random',
      ...chosen.filter(row => !isTrained(row)).map(({ id }) => id),
    ];
    for (const method of bySource) add(...seeds.map(seed => `evaluate-${method}${suffix}-seed${seed}`));
  };
  evaluation();
  if (policy.returns && config.source.dataset === undefined)
    add('returns-actual', ...trained.filter(each => each.foresees).map(({ method, seed }) => `returns-${method}-seed${seed}`));
  if (measuresImitation(config, openTasks(config).family)) {
    add('imitation-references');
    for (const each of trained) {
      remember(each);
      add(`imitation-${each.method}-seed${each.seed}`);
    }
  }
  for (const { name } of config.evaluate.envs) evaluation(name);
  const timed = config.evaluate.timed > 0 ? trained.filter(({ seed }) => seed === seeds[0]) : [];
  for (const each of timed) {
    remember(each);
    add(`time-${each.method}`);
  }
  return stages;
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
