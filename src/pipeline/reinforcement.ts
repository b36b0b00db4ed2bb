/** @file Reinforcement learning experiments: learning histories, the agent distilled from them, and its rollouts on held-out tasks. */

import { join } from 'node:path';
import { baseline, isTrained } from '../agent/baselines/index.ts';
import { exportModel } from '../agent/inference.ts';
import { Model } from '../agent/model.ts';
import { type Evaluated, evaluate } from '../analysis/evaluate.ts';
import { compareWithSource, measuresImitation } from '../analysis/imitation.ts';
import { expectLife, intervenedName, interventionsOn } from '../analysis/life.ts';
import { expectReference } from '../analysis/reference.ts';
import { returnPrediction } from '../analysis/return-prediction.ts';
import { measureTimes } from '../analysis/times.ts';
import { type ExperimentConfig, evaluatedAt, experimentSchema, tableConfig } from '../config/experiment.ts';
import { fingerprint } from '../config/selection.ts';
import { demonstrateEvaluated, demonstrateTraining } from '../histories/demonstrate.ts';
import { expectPast, generate, generatedReport, loadHistories } from '../histories/generate.ts';
import { openTasks } from '../histories/tasks.ts';
import { type MethodTimes, type Results, referenceOf } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import type { History } from '../rl/index.ts';
import type { ImitationTable, ReturnTable } from '../statistics/index.ts';
import type { TrainingRun } from '../training/define.ts';
import { type StageSections, trainingStages } from '../training/stages/index.ts';
import { expectBuildable } from './buildable.ts';
import { type ExperimentKind, type PlannedMethod, runsUntil } from './kind.ts';
import { resultsOf } from './results.ts';

export type HistoryData = Omit<TrainingRun<StageSections>, 'seed' | 'config'> & { readonly config: ExperimentConfig };

/** The evaluation of an experiment. */
export interface ReinforcementEvaluation extends Evaluated {
  readonly generated: HistoryData['generated'];
  readonly model: Model;
  /** The model to export. */
  readonly agent: TrainedMethod;
  readonly returns?: ReturnTable;
  readonly imitation?: ImitationTable;
  /** Evaluations at the entries of `evaluate.envs`, by name. */
  readonly elsewhere: Readonly<Record<string, Evaluated>>;
  /** Wall times. Absent if other parts of the run were active at the same time. */
  readonly times?: Record<string, MethodTimes>;
}

/** The parts that all experiments on learning histories share, regardless of their evaluation. */
export const onHistories = {
  schema: experimentSchema,
  acts: true,
  fingerprint,
  dataStage: 'generate',
  training: trainingStages,
  variants: (config: ExperimentConfig) => [
    { name: config.name, config },
    ...config.tables.map(table => ({ name: table.name, config: tableConfig(config, table) })),
  ],
  async open(config: ExperimentConfig, { store, executor }: Pick<TrainingRun, 'store' | 'executor'>, until: string): Promise<HistoryData> {
    const generated = await generate(store, config, executor);
    const { family } = openTasks(config);
    const demonstrations = until === 'generate' ? [] : await demonstrateTraining(store, config);
    const model = new Model(config, family);
    let opened: readonly History[] | undefined;
    const histories = () => {
      opened ??= expectPast(loadHistories(generated, family).histories, model.segment);
      return opened;
    };
    return { store, config, model, histories, generated, demonstrations, executor };
  },
  plannedData: ({ policy }: ExperimentConfig, until: string) => [
    'generate',
    ...(until === 'generate' ? [] : (policy.prompt?.styles ?? []).map(style => `demonstrate-${style}-training`)),
  ],
};

export const reinforcement: ExperimentKind<ExperimentConfig, HistoryData, ReinforcementEvaluation, Results> = {
  ...onHistories,
  name: 'reinforcement',
  expectBuildable(config, until) {
    const plays = until === 'evaluate' || (runsUntil(onHistories, until, 'reinforce') && config.reinforce.steps > 0);
    if (until === 'evaluate') {
      expectReference(config);
      for (const each of [config, ...config.evaluate.envs.map(env => evaluatedAt(config, env))]) expectLife(each);
    }
    return expectBuildable(config, { plays });
  },
  async evaluate({ store, config, model, executor, generated }, trained, { alone }) {
    const shownIn = (there: ExperimentConfig, at?: string) => demonstrateEvaluated(store, there, openTasks(there).evaluated, at);
    const here = { store, config, model, executor, shown: await shownIn(config) };
    let main!: Evaluated;
    // The learner that recorded a data set cannot learn again.
    const asks = model.returns && config.source.dataset === undefined;
    const elsewhere: Record<string, Evaluated> = {};
    const evaluateAt = async (env: ExperimentConfig['evaluate']['envs'][number]) => {
      const there = evaluatedAt(config, env);
      const shown = await shownIn(there, env.name);
      const evaluation = { store, config: there, model: model.in(openTasks(there).family), executor, at: env.name, shown };
      const found = await evaluate(evaluation, trained);
      // Other environment options, with the settings of the same trained networks.
      elsewhere[env.name] = { ...found, protocol: { ...found.protocol, selection: main.protocol.selection } };
    };
    const [, returns, imitation] = await store.each([
      async () => {
        main = await evaluate(here, trained);
      },
      async () => (asks ? await returnPrediction(here, generated, trained, () => referenceOf(main.raw)) : undefined),
      async () => (measuresImitation(config, model.family) ? await compareWithSource(here, trained) : undefined),
      ...config.evaluate.envs.map(env => () => evaluateAt(env)),
    ]);
    const times = alone ? await measureTimes(here, trained, main.methods) : undefined;
    const agent = trained.filter(each => each.agent && each.seed === config.seeds[0]).at(-1)!;
    return { ...main, generated, model, agent, returns, imitation, elsewhere, times };
  },
  async results(config, variants, { out, command, seconds, signal }) {
    const [{ evaluated: main }] = variants;
    await exportModel({ model: main.model, config }, main.agent, join(out, 'model'));
    /** Entries by table name, for the tables that have them. */
    const each = <T>(pick: (found: ReinforcementEvaluation) => T | undefined) =>
      Object.fromEntries(variants.flatMap(({ name, evaluated }) => (pick(evaluated) === undefined ? [] : [[name, pick(evaluated)!]])));
    /** The same, with "main" as the name of the experiment's own table. */
    const data = <T>(pick: (found: ReinforcementEvaluation) => T | undefined) => {
      const { [config.name]: own, ...others } = each(pick);
      return { ...(own === undefined ? {} : { main: own }), ...others };
    };
    const tables = variants.flatMap(({ name, evaluated: { elsewhere, ...found } }, i) => [
      ...(i === 0 ? [] : [[name, found as Evaluated] as const]),
      ...Object.entries(elsewhere).map(([at, there]) => [i === 0 ? at : `${name}-${at}`, there] as const),
    ]);
    return resultsOf(
      out,
      config,
      {
        ...main,
        tables: Object.fromEntries(tables),
        returns: each(({ returns }) => returns),
        imitation: each(({ imitation }) => imitation),
        times: each(({ times }) => times),
        dataHashes: data(({ generated }) => generatedReport(generated).dataHash),
        imported: data(({ generated }) => generatedReport(generated).imported),
        seconds,
        command,
      },
      { signal },
    );
  },
  planned: (config, until) => ({ data: onHistories.plannedData(config, until), evaluation: trained => plannedEvaluation(config, trained) }),
};

/** Names of the cached stages of an evaluation and of action timing. */
function plannedEvaluation(config: ExperimentConfig, trained: readonly PlannedMethod[]): string[] {
  const { policy, seeds } = config;
  const styles = policy.prompt?.styles ?? [];
  const bySource = [
    ...(config.source.dataset === undefined ? ['source'] : []),
    'random',
    ...config.baselines.methods
      .map(baseline)
      .filter(row => !isTrained(row))
      .map(({ id }) => id),
  ];
  const remember = ({ retrieves, seed }: PlannedMethod, suffix = '') =>
    retrieves ? [`contexts-${config.evaluate.tasks}${suffix}-seed${seed}`] : [];
  const evaluation = (at?: string) => {
    const suffix = at ? `-${at}` : '';
    return [
      ...styles.map(style => `demonstrate-${style}-evaluated${suffix}`),
      ...trained.flatMap(each =>
        [
          each.method,
          ...styles.map(style => `${each.method}-${style}`),
          ...interventionsOn(config, each).map(intervention => intervenedName(each.method, intervention)),
        ].flatMap(name => [...remember(each, suffix), `evaluate-${name}${suffix}-seed${each.seed}`]),
      ),
      ...bySource.flatMap(method => seeds.map(seed => `evaluate-${method}${suffix}-seed${seed}`)),
    ];
  };
  const predicts = policy.returns && config.source.dataset === undefined;
  const timed = config.evaluate.timedActions > 0 ? trained.filter(({ seed }) => seed === seeds[0]) : [];
  return [
    ...evaluation(),
    ...(predicts
      ? ['returns-actual', ...trained.filter(each => each.predictsReturns).map(({ method, seed }) => `returns-${method}-seed${seed}`)]
      : []),
    ...(measuresImitation(config, openTasks(config).family)
      ? ['imitation-references', ...trained.flatMap(each => [...remember(each), `imitation-${each.method}-seed${each.seed}`])]
      : []),
    ...config.evaluate.envs.flatMap(({ name }) => evaluation(name)),
    ...timed.flatMap(each => [...remember(each), `time-${each.method}`]),
  ];
}
