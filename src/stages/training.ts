/** @file The training stages: teacher, pretrain, distil, finetune and the baselines (method 4). Each is a loss over parts of one model. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Executor, type HostTensor, inputsOf, type Tensor, zeros } from '../engine/index.ts';
import { initialise, type ParameterSpec, Scope } from '../nn/index.ts';
import type { History } from '../rl/index.ts';
import { stateOf } from '../rl/index.ts';
import { monteCarloActions } from '../sources/index.ts';
import { type Batch, BatchSampler, newBatch } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { loadTensors, loadWeights, saveTensors, type Weights } from './checkpoint.ts';
import { type ExperimentConfig, stageOptimiser, type TrainingStage } from './config.ts';
import { type Model, PARTS, weighted } from './model.ts';
import type { StageOutput, StageStore } from './store.ts';
import { type TrainRequest, train } from './trainer.ts';

/** Weights of a finished training stage. */
export const MODEL_FILE = 'model.safetensors';

/** What the training stages of one seed share. */
export interface TrainingRun {
  readonly store: StageStore;
  readonly config: ExperimentConfig;
  readonly seed: number;
  readonly model: Model;
  /** Opened when the first stage really trains. */
  readonly histories: () => readonly History[];
  readonly generated: StageOutput;
  readonly executor: Executor;
}

/** What tells two training stages apart. */
interface StageSpec {
  /** Name of the stage, and of its folder. */
  readonly name: string;
  readonly kind: TrainingStage;
  /** Settings besides the ones that every training stage depends on. */
  readonly settings: Record<string, unknown>;
  /** Earlier stages whose weights it starts from or reads. */
  readonly from: Readonly<Record<string, StageOutput | undefined>>;
  readonly build: (scope: Scope, batch: number) => { loss: Tensor; metrics?: Record<string, Tensor> };
  /** Parts that are trained; the other parameters of the loss are frozen. */
  readonly trains: readonly string[];
  readonly group?: TrainRequest['group'];
  /** Fills the further input `teacher` from a table. */
  readonly table?: boolean;
}

const partOf = (name: string) => name.slice(0, name.indexOf('.'));

function trainingStage(run: TrainingRun, spec: StageSpec): Promise<StageOutput> {
  const { config, seed, model } = run;
  const optimiser = stageOptimiser(config, spec.kind);
  const { steps } = config[spec.kind];
  const before = Object.entries(spec.from).filter((entry): entry is [string, StageOutput] => entry[1] !== undefined);
  return run.store.run({
    stage: `${spec.name}-seed${seed}`,
    settings: {
      seed,
      steps,
      optimiser,
      tokenizer: config.tokenizer,
      context: config.context,
      queries: config.queries,
      model: config.model,
      executor: config.executor,
      ...spec.settings,
    },
    inputs: { generate: run.generated.key, ...Object.fromEntries(before.map(([role, { key }]) => [role, key])) },
    async run(context) {
      const scope = new Scope();
      const { loss, metrics } = spec.build(scope, optimiser.batch);
      const specs = [...scope.table.values()];
      const trainable = specs.filter(({ name }) => spec.trains.includes(partOf(name)));
      const frozen = specs.filter(({ name }) => !spec.trains.includes(partOf(name)));
      const random = Random.seeded(seed).split(spec.name);
      const given: Weights = initialise(specs, random.split('init'));
      for (const [, output] of before) for (const [name, values] of inherited(output, specs)) given.set(name, values);

      const shape = model.batchShape(optimiser.batch);
      const inputs = model.inputs(optimiser.batch);
      const batch = newBatch(model.tokenizer, shape);
      const host = (name: keyof typeof inputs): HostTensor => ({ data: batch[name], shape: inputs[name].shape, dtype: 'float32' });
      const teacher = spec.table ? zeros(inputs.target.shape) : undefined;
      const feeds: Record<string, HostTensor> = {
        context: host('context'),
        query: host('query'),
        target: host('target'),
        weight: host('weight'),
      };
      if (teacher) feeds.teacher = teacher;
      const used = inputsOf({ outputs: { loss, ...metrics } });
      const histories = run.histories();
      const sampler = new BatchSampler(histories, model.tokenizer, shape, config.queries.early);
      const lookUp = spec.table ? teacherTable(model, histories, random.split('monte-carlo')) : undefined;
      const result = await train({
        title: `${spec.name} (seed ${seed})`,
        loss,
        metrics,
        trainable,
        frozen,
        given,
        steps,
        optimiser,
        group: spec.group,
        batch: Object.fromEntries(Object.entries(feeds).filter(([name]) => used.has(name))),
        fill(step) {
          sampler.fill(batch, random.split('batch', step));
          if (teacher) lookUp?.(batch, teacher.data as Float32Array);
        },
        checkpointEvery: config.checkpoint.everySteps,
        executor: run.executor,
        context,
      });
      // The frozen parts go along, so that one file holds the whole student.
      const tensors = specs
        .filter(({ name }) => spec.trains.includes(PARTS.teacher) || partOf(name) !== PARTS.teacher)
        .map(({ name, shape }) => [name, { data: (result.weights.get(name) ?? given.get(name)) as Float32Array, shape }] as const);
      saveTensors(join(context.folder, MODEL_FILE), new Map(tensors), { stage: spec.name, key: context.key });
      rmSync(join(context.folder, 'checkpoint.safetensors'), { force: true });
      const parameters = trainable.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
      return {
        parameters,
        steps,
        loss: result.lastLoss,
        overhead: Number(result.overhead.toFixed(4)),
        sampling: Number(result.sampling.toFixed(4)),
      };
    },
  });
}

/** The tensors of an earlier stage that this one has parameters for, with their shapes checked. */
function inherited(output: StageOutput, specs: readonly ParameterSpec[]): Weights {
  const path = join(output.folder, MODEL_FILE);
  const { tensors } = loadTensors(path);
  return loadWeights(
    path,
    specs.filter(({ name }) => tensors.has(name)),
  ).weights;
}

/** Monte-Carlo optimal actions of every training task, looked up by what the agent saw (method: teacher T). */
function teacherTable(model: Model, histories: readonly History[], random: Random): (batch: Batch, out: Float32Array) => void {
  const { family } = model;
  const { horizon } = family;
  const actions = family.actionSpace.n;
  const state = stateOf(family);
  const tables = new Map<string, Float32Array>();
  for (const { task, taskKey } of histories)
    if (!tables.has(taskKey)) tables.set(taskKey, monteCarloActions(family, task, random.split(taskKey)));
  return ({ place }, out) => {
    out.fill(0);
    for (let b = 0; b < place.history.length; b++) {
      const { taskKey, observation, action } = histories[place.history[b]];
      const table = tables.get(taskKey)!;
      const width = observation.length / action.length;
      for (let t = 0; t < place.length[b]; t++) {
        const row = state(observation, (place.first[b] + t) * width) * actions;
        out.set(table.subarray(row, row + actions), (b * horizon + t) * actions);
      }
    }
  };
}

/** The full-context transformer: a model of all of X, trained on the source's actions. */
export function trainTeacher(run: TrainingRun): Promise<StageOutput> {
  return trainingStage(run, {
    name: 'teacher',
    kind: 'teacher',
    settings: {},
    from: {},
    trains: [PARTS.teacher],
    build: (scope, batch) => ({ loss: run.model.losses(scope.at(PARTS.teacher), 'full', batch, 'absent').task }),
  });
}

/** L_pre = L_rec + λ_cap · R(Z) over C_θ and R_ψ (method 4.1). */
export function pretrain(run: TrainingRun): Promise<StageOutput> {
  const { model, config } = run;
  const { lambdaCap } = config.pretrain;
  return trainingStage(run, {
    name: 'pretrain',
    kind: 'pretrain',
    settings: { compressor: config.compressor, lambdaCap },
    from: {},
    trains: [PARTS.compressor, PARTS.decoder],
    build(scope, batch) {
      const { context } = model.inputs(batch);
      const z = model.latents(scope, config.compressor, context)!;
      const { loss: reconstruction, fields } = model.reconstruction(scope, z, context);
      const loss = weighted([
        [1, () => reconstruction],
        [lambdaCap, () => model.capacity(z)],
      ]);
      return { loss, metrics: Object.fromEntries(Object.entries(fields).map(([name, value]) => [`reconstruction.${name}`, value])) };
    },
  });
}

/** What L_AD reads of the teacher, by the configuration. */
function teacherOf({ config }: TrainingRun, beta: number, teacher: StageOutput | undefined) {
  const wanted = beta > 0;
  const table = wanted && config.teacher.kind === 'monte-carlo';
  const kind = !wanted ? 'absent' : table ? 'table' : 'model';
  return { table, kind, from: kind === 'model' ? teacher : undefined } as const;
}

/** L_AD = α · task + β · KL over A_φ, with C_θ frozen (method 4.2). */
export function distil(run: TrainingRun, earlier: { teacher?: StageOutput; pretrain?: StageOutput }): Promise<StageOutput> {
  const { model, config } = run;
  const { alpha, beta } = config.distil;
  const teacher = teacherOf(run, beta, earlier.teacher);
  return trainingStage(run, {
    name: 'distil',
    kind: 'distil',
    settings: { compressor: config.compressor, alpha, beta, teacher: teacher.kind },
    from: { pretrain: earlier.pretrain, teacher: teacher.from },
    trains: [PARTS.policy],
    table: teacher.table,
    build(scope, batch) {
      const { task, kl } = model.losses(scope, config.compressor, batch, teacher.kind);
      const loss = weighted([
        [alpha, () => task],
        [beta, kl],
      ]);
      return { loss, metrics: { task } };
    },
  });
}

/** L_joint = L_AD + γ · L_rec over all three parts, C_θ at a smaller rate (method 4.3). */
export function finetune(
  run: TrainingRun,
  earlier: { teacher?: StageOutput; pretrain?: StageOutput; distil?: StageOutput },
): Promise<StageOutput> {
  const { model, config } = run;
  const { alpha } = config.distil;
  const { beta = config.distil.beta, gamma, compressorRate, compressorWeightDecay } = config.finetune;
  const teacher = teacherOf(run, beta, earlier.teacher);
  return trainingStage(run, {
    name: 'finetune',
    kind: 'finetune',
    settings: { compressor: config.compressor, alpha, beta, gamma, compressorRate, compressorWeightDecay, teacher: teacher.kind },
    // In this order: what distillation learnt stands over what pretraining did.
    from: { pretrain: earlier.pretrain, distil: earlier.distil, teacher: teacher.from },
    trains: [PARTS.compressor, PARTS.policy, PARTS.decoder],
    table: teacher.table,
    group: name => (partOf(name) === PARTS.compressor ? { rate: compressorRate, weightDecay: compressorWeightDecay } : {}),
    build(scope, batch) {
      const { z, context, task, kl } = model.losses(scope, config.compressor, batch, teacher.kind);
      const reconstruction = () => model.reconstruction(scope, z!, context).loss;
      const loss = weighted([
        [alpha, () => task],
        [beta, kl],
        [gamma, reconstruction],
      ]);
      return { loss, metrics: { task } };
    },
  });
}

/** A model of the same size with another thing in the compressor's place, trained end to end on the task loss. */
export function trainBaseline(run: TrainingRun, kind: string): Promise<StageOutput> {
  return trainingStage(run, {
    name: kind,
    kind: 'baselines',
    settings: { compressor: kind },
    from: {},
    trains: [PARTS.compressor, PARTS.policy],
    build: (scope, batch) => ({ loss: run.model.losses(scope, kind, batch, 'absent').task }),
  });
}
