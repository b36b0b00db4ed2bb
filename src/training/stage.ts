/** @file The training stages: teacher, pretrain, distil and finetune (method 4). Each is a loss over parts of one model. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Model, PARTS, RETURN_PARTS, weighted } from '../agent/model.ts';
import { CHECKPOINT, loadTensors, saveTensors, type Weights, weightsFrom } from '../cache/checkpoint.ts';
import type { StageOutput, StageStore } from '../cache/store.ts';
import { compressor, type Latents } from '../compressor/index.ts';
import { type ExperimentConfig, type OptimiserConfig, stageOptimiser, stageSteps, type TrainingStage } from '../config/experiment.ts';
import { type Data, type Executor, type Graph, type HostTensor, inputsOf, type Tensor, zeros } from '../engine/index.ts';
import { batchParts, type Demonstrations } from '../histories/demonstrate.ts';
import { type BufferSpec, initialise, type ParameterSpec, type RandomSpec, Scope } from '../nn/index.ts';
import { actionDistribution, type History, phaseCounter, stateOf } from '../rl/index.ts';
import { monteCarloActions } from '../sources/index.ts';
import { type Batch, BatchSampler, fieldStatistics, newBatch, writePrompts } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { type BatchSource, type TrainRequest, train } from './trainer.ts';

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
  /** Of the training tasks, for prompts; left out without them. */
  readonly demonstrations?: readonly Demonstrations[];
  readonly executor: Executor;
}

/** What tells two training stages apart. */
export interface StageSpec {
  /** Name of the stage, and of its folder. */
  readonly name: string;
  readonly kind: TrainingStage;
  /** Kind of the compressor in what it trains. */
  readonly compressor: string;
  /** Settings besides the ones that every training stage depends on. */
  readonly settings: Record<string, unknown>;
  /** Earlier stages whose weights it starts from or reads. */
  readonly from: Readonly<Record<string, StageOutput | undefined>>;
  readonly build: (scope: Scope, batch: number) => { loss: Tensor; metrics?: Record<string, Tensor> };
  /** Parts that are trained; the other parameters of the loss are frozen. */
  readonly trains: readonly string[];
  readonly group?: TrainRequest['group'];
  /** What is to be imitated of a history, in the place of what it recorded. */
  readonly labels?: (history: History) => History;
  /** Fills the further input `teacher` from a table. */
  readonly table?: boolean;
  /** Steps of the optimiser, where they are not the steps of the configuration. */
  readonly updates?: (batch: number) => number;
  /** Where the batches come from, if not from the histories. */
  readonly batches?: (request: BatchRequest) => Promise<StageBatches>;
}

/** What batches may depend on besides the run. */
export interface BatchRequest {
  readonly optimiser: OptimiserConfig;
  readonly trainable: readonly ParameterSpec[];
  readonly frozen: readonly ParameterSpec[];
  /** State that the steps replace. */
  readonly buffers: readonly BufferSpec[];
  /** The first value of every parameter and buffer. */
  readonly given: Weights;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** The batches of a stage. */
export interface StageBatches extends BatchSource {
  /** Parameters that follow from the data: those that the model has begin with these values. */
  readonly given?: Weights;
  readonly dispose?: () => Promise<void>;
}

export const partOf = (name: string) => name.slice(0, name.indexOf('.'));

export async function trainingStage(run: TrainingRun, spec: StageSpec): Promise<StageOutput> {
  const { config, seed } = run;
  const optimiser = stageOptimiser(config, spec.kind);
  const steps = stageSteps(config, spec.kind);
  const updates = spec.updates?.(optimiser.batch) ?? steps;
  // What is retrieved is seen in one stage alone, which says so itself; what of the head matters, the model does.
  const { retrieval: _, head: __, ...policy } = config.policy;
  const before = Object.entries(spec.from).filter((entry): entry is [string, StageOutput] => entry[1] !== undefined);
  const output = await run.store.run({
    stage: `${spec.name}-seed${seed}`,
    settings: {
      seed,
      steps,
      optimiser,
      tokenizer: config.tokenizer,
      context: config.context,
      queries: config.queries,
      policy,
      executor: config.executor,
      ...run.model.keySettings(spec.compressor, config),
      ...spec.settings,
    },
    inputs: {
      generate: run.generated.key,
      ...Object.fromEntries(run.demonstrations?.map(({ style, output }) => [`demonstrate-${style}`, output.key]) ?? []),
      ...Object.fromEntries(before.map(([role, { key }]) => [role, key])),
    },
    async run(context) {
      const scope = new Scope();
      const { loss, metrics } = spec.build(scope, optimiser.batch);
      const isTrained = ({ name }: ParameterSpec) => spec.trains.includes(partOf(name));
      const parameters = [...scope.table.values()];
      const specs: ParameterSpec[] = [...parameters, ...scope.buffers.values()];
      const trainable = parameters.filter(isTrained);
      const buffers = [...scope.buffers.values()].filter(isTrained);
      const frozen = specs.filter(each => !isTrained(each));
      const random = Random.seeded(seed).split(spec.name);
      const given: Weights = initialise(specs, random.split('init'));
      for (const [, output] of before) for (const [name, values] of inherited(output, specs)) given.set(name, values);
      // What the student was when it began is held beside what it becomes.
      for (const { name } of specs) if (partOf(name) === RETURN_PARTS.start) given.set(name, given.get(name.slice(name.indexOf('.') + 1))!);

      const request: BatchRequest = { optimiser, trainable, frozen, buffers, given, random, signal: context.signal };
      const { given: ofData = [], dispose, ...batches } = (await spec.batches?.(request)) ?? historyBatches(run, spec, request);
      for (const [name, values] of ofData) if (given.has(name)) given.set(name, values);
      const graph: Graph = { outputs: { loss, ...metrics, ...nextOf(buffers) } };
      const used = inputsOf(graph);
      const result = await train({
        title: `${spec.name} (seed ${seed})`,
        loss,
        metrics,
        trainable,
        // Parts that only go along into the file are in no graph.
        frozen: frozen.filter(({ name }) => used.has(name)),
        buffers,
        given,
        steps: updates,
        optimiser,
        group: spec.group,
        batches: batchesFor(graph, batches, scope.randoms.values(), random),
        checkpointEvery: batches.unit ?? config.checkpoint.everySteps,
        executor: run.executor,
        context,
      }).finally(dispose);
      // The frozen parts go along, so that one file holds the whole student.
      const aside: readonly string[] = [PARTS.teacher, RETURN_PARTS.start];
      const tensors = specs
        .filter(({ name }) => spec.trains.includes(partOf(name)) || !aside.includes(partOf(name)))
        .map(({ name, shape }) => [name, { data: (result.weights.get(name) ?? given.get(name)) as Float32Array, shape }] as const);
      saveTensors(join(context.folder, MODEL_FILE), new Map(tensors), { stage: spec.name, key: context.key });
      rmSync(join(context.folder, CHECKPOINT), { force: true });
      return {
        parameters: trainable.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
        steps,
        loss: result.lastLoss,
        ...(metrics && { metrics: result.lastMetrics }),
        overhead: Number(result.overhead.toFixed(4)),
        sampling: Number(result.sampling.toFixed(4)),
        ...batches.figures?.(),
      };
    },
  });
  const own = { stage: spec.name, steps: updates, examples: updates * optimiser.batch };
  // What several of the earlier stages have in common was done once.
  const budget = new Map([...before.flatMap(([, { budget = [] }]) => budget), own].map(each => [each.stage, each]));
  return { ...output, budget: [...budget.values()] };
}

/** What the buffers become, as outputs of a graph. */
export const nextOf = (buffers: readonly BufferSpec[]) => Object.fromEntries(buffers.map(({ name, next }) => [`next.${name}`, next]));

/** A random input with what fills it: equal streams give equal numbers. */
function randomInput({ name, tensor: { shape, dtype }, draw }: RandomSpec) {
  const host = zeros(shape, dtype);
  const fill = (random: Random): void => {
    const data: Data = host.data;
    for (let i = 0; i < data.length; i++) data[i] = draw(random);
  };
  return { name, host, fill };
}

/** Batches as the graph takes them: without inputs that it does not read, and with its random inputs drawn anew in every step. */
export function batchesFor(graph: Graph, batches: BatchSource, randoms: Iterable<RandomSpec>, random: Random): BatchSource {
  const used = inputsOf(graph);
  const drawn = Array.from(randoms, randomInput).filter(({ name }) => used.has(name));
  const noise = Object.fromEntries(drawn.map(({ name, host }) => [name, host]));
  return {
    ...batches,
    feeds: { ...Object.fromEntries(Object.entries(batches.feeds).filter(([name]) => used.has(name))), ...noise },
    async fill(step, state) {
      await batches.fill(step, state);
      for (const { name, fill } of drawn) fill(random.split('noise', step, name));
    },
  };
}

/** The buffers of a batch by the names of the graph's inputs. */
export function batchFeeds(model: Model, batch: Batch): Record<string, HostTensor> {
  const inputs = Object.entries(model.inputs(batch.place.length.length)) as [Exclude<keyof Batch, 'place'>, Tensor][];
  return Object.fromEntries(inputs.map(([name, { shape, dtype }]) => [name, { data: batch[name]!, shape, dtype }]));
}

/** Batches of the source's histories, with the teacher's table beside them where it is asked for. */
function historyBatches(run: TrainingRun, spec: StageSpec, { optimiser, random }: BatchRequest): StageBatches {
  const { model, config } = run;
  const { tokenizer } = model;
  const shape = model.batchShape(optimiser.batch);
  const batch = newBatch(tokenizer, shape);
  const feeds = batchFeeds(model, batch);
  const histories = run.histories();
  const teacher = spec.table ? zeros(feeds.target.shape) : undefined;
  const parts = batchParts(batch, histories, run.demonstrations ?? [], run).map(part => {
    const { batch: rows, from } = part;
    const histories = spec.labels ? part.histories.map(spec.labels) : part.histories;
    const count = rows.place.length.length;
    const size = batch.target.length / optimiser.batch;
    const table = teacher?.data.subarray(from * size, (from + count) * size) as Float32Array;
    const lookUp = teacher && teacherTable(model, histories, random.split('monte-carlo'));
    return { ...part, table, lookUp, sampler: new BatchSampler(histories, tokenizer, { ...shape, batch: count }, config.queries.early) };
  });
  const fitted = compressor(spec.compressor).fit?.(
    fitContexts(run),
    [model.contextTokens, tokenizer.context.width],
    model.options,
    Random.seeded(run.seed).split('fit'),
  );
  return {
    feeds: teacher ? { ...feeds, teacher } : feeds,
    given: new Map([...fieldStatistics(histories, [tokenizer.context, tokenizer.query]), ...(fitted?.parameters ?? [])]),
    figures: fitted && (() => fitted.figures),
    fill(step) {
      for (const { name, batch, sampler, prompts, lookUp, table } of parts) {
        sampler.fill(batch, random.split(name, step));
        if (prompts) writePrompts(tokenizer, batch, prompts);
        lookUp?.(batch, table);
      }
    },
  };
}

/** Contexts that a compressor is fitted to, as training draws them: the same ones in every stage of a seed. */
function* fitContexts({ model, config, histories, seed }: TrainingRun): Generator<Float32Array> {
  const shape = model.batchShape(64);
  const batch = newBatch(model.tokenizer, shape);
  const sampler = new BatchSampler(histories(), model.tokenizer, shape, config.queries.early);
  for (let i = 0; i < 32; i++) {
    sampler.fill(batch, Random.seeded(seed).split('contexts', i));
    yield batch.context;
  }
}

/** The tensors of an earlier stage that this one has parameters or buffers for, with their shapes checked. */
function inherited(output: StageOutput, specs: readonly ParameterSpec[]): Weights {
  const path = join(output.folder, MODEL_FILE);
  const file = loadTensors(path);
  return weightsFrom(
    path,
    file,
    specs.filter(({ name }) => file.tensors.has(name)),
  );
}

/**
 * Monte-Carlo optimal actions of the training tasks, looked up by what the agent saw and the phase that its rewards tell (method: teacher T).
 * A task's table is made when a batch first needs it; it depends on the task and the stream alone, not on when that is.
 */
export function teacherTable(
  model: Pick<Model, 'family' | 'segment' | 'head'>,
  histories: readonly History[],
  random: Random,
): (batch: Batch, out: Float32Array) => void {
  const { family, segment, head } = model;
  const A = actionDistribution(family.actionSpace).size;
  const P = head.distribution.size;
  const state = stateOf(family);
  const tables = new Map<string, Float32Array>();
  const tableOf = ({ task, taskKey }: History) => {
    const table = tables.get(taskKey) ?? monteCarloActions(family, task, random.split(taskKey));
    tables.set(taskKey, table);
    return table;
  };
  return ({ place }, out) => {
    out.fill(0);
    for (let b = 0; b < place.history.length; b++) {
      const history = histories[place.history[b]];
      const { observation, reward, terminated, truncated } = history;
      const table = tableOf(history);
      const width = observation.length / reward.length;
      const phase = phaseCounter(family);
      const [first, end] = [place.first[b], place.first[b] + place.length[b]];
      // A segment may begin within its episode, whose earlier rewards tell the phase.
      let at = first;
      while (at > 0 && !terminated[at - 1] && !truncated[at - 1]) at--;
      for (; at < end; at++) {
        if (at >= first) {
          head.writeTarget(table, state(observation, at * width, phase.now) * A, out, (b * segment + at - first) * P);
        }
        phase.step(reward[at], false);
      }
    }
  };
}

/** The full-context transformer: a model of all of X, trained on the source's actions. */
export function trainTeacher(run: TrainingRun): Promise<StageOutput> {
  return trainingStage(run, {
    name: 'teacher',
    kind: 'teacher',
    compressor: 'full',
    settings: {},
    from: {},
    trains: [PARTS.teacher],
    build(scope, batch) {
      const { task, returns } = run.model.losses(scope.at(PARTS.teacher), 'full', batch, 'absent');
      return { loss: weighted([[1, () => task], run.model.returnTerm(returns)]), metrics: returnMetrics(returns) };
    },
  });
}

/** The loss of the future returns, where they are predicted. */
export const returnMetrics = (returns: Tensor | undefined): Record<string, Tensor> => (returns ? { returns } : {});

/** What the latents say of themselves. */
export const latentMetrics = (latents: Latents | undefined) =>
  Object.fromEntries(Object.entries(latents?.metrics ?? {}).map(([name, value]) => [`latents.${name}`, value]));

/** L_pre = L_rec + λ_cap · R(Z) over C_θ and R_ψ (method 4.1). */
export function pretrain(run: TrainingRun): Promise<StageOutput> {
  const { model, config } = run;
  const { lambdaCap } = config.pretrain;
  return trainingStage(run, {
    name: 'pretrain',
    kind: 'pretrain',
    compressor: config.compressor,
    settings: { compressor: config.compressor, latents: config.latents, lambdaCap },
    from: {},
    trains: [PARTS.compressor, PARTS.decoder],
    build(scope, batch) {
      const { context } = model.inputs(batch);
      const z = model.latents(scope, config.compressor, context)!;
      const { loss: reconstruction, fields, metrics } = model.reconstruction(scope, z.trained, context);
      const loss = weighted([[1, () => reconstruction], model.capacity(config.compressor, z, lambdaCap)]);
      const errors = Object.fromEntries(Object.entries(fields).map(([name, value]) => [`reconstruction.${name}`, value]));
      return { loss, metrics: { ...errors, ...metrics, ...latentMetrics(z) } };
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
    compressor: config.compressor,
    settings: { compressor: config.compressor, latents: config.latents, alpha, beta, teacher: teacher.kind },
    from: { pretrain: earlier.pretrain, teacher: teacher.from },
    trains: [PARTS.policy],
    table: teacher.table,
    build(scope, batch) {
      const { task, kl, returns } = model.losses(scope, config.compressor, batch, teacher.kind);
      const loss = weighted([[alpha, () => task], [beta, kl], model.returnTerm(returns)]);
      return { loss, metrics: { task, ...returnMetrics(returns) } };
    },
  });
}

/** L_joint = L_AD + γ · L_rec + λ_cap · R(Z) over all three parts, C_θ at a smaller rate (method 4.3). */
export function finetune(
  run: TrainingRun,
  earlier: { teacher?: StageOutput; pretrain?: StageOutput; distil?: StageOutput },
): Promise<StageOutput> {
  const { model, config } = run;
  const { alpha } = config.distil;
  const { beta = config.distil.beta, gamma, lambdaCap, compressorRate, compressorWeightDecay } = config.finetune;
  const teacher = teacherOf(run, beta, earlier.teacher);
  return trainingStage(run, {
    name: 'finetune',
    kind: 'finetune',
    compressor: config.compressor,
    settings: {
      compressor: config.compressor,
      latents: config.latents,
      alpha,
      beta,
      gamma,
      lambdaCap,
      compressorRate,
      compressorWeightDecay,
      teacher: teacher.kind,
    },
    // In this order: what distillation learnt stands over what pretraining did.
    from: { pretrain: earlier.pretrain, distil: earlier.distil, teacher: teacher.from },
    trains: [PARTS.compressor, PARTS.policy, PARTS.decoder],
    table: teacher.table,
    group: name => (partOf(name) === PARTS.compressor ? { rate: compressorRate, weightDecay: compressorWeightDecay } : {}),
    build(scope, batch) {
      const { latents, z, context, task, kl, returns } = model.losses(scope, config.compressor, batch, teacher.kind);
      const reconstruction = () => model.reconstruction(scope, z!, context).loss;
      const loss = weighted([
        [alpha, () => task],
        [beta, kl],
        model.returnTerm(returns),
        [gamma, reconstruction],
        model.capacity(config.compressor, latents, lambdaCap),
      ]);
      return { loss, metrics: { task, ...returnMetrics(returns), ...latentMetrics(latents) } };
    },
  });
}
