/**
 * @file What an experiment needs, before anything of it starts: memory, parameters and operations of every stage. First by products of its
 * sizes alone, since the graphs of absurd sizes could not even be built; then by its graphs for a batch of one.
 */

import { availableParallelism, totalmem } from 'node:os';
import { type CompressorOptions, compressor } from '../compressor/index.ts';
import { bytesOf, countFlops, type Graph, inputsOf, nodesOf, sizeOf } from '../engine/index.ts';
import { actionDistribution, type EnvFamily, spaceSize } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { baselineModels } from './baselines/train.ts';
import { type ExperimentConfig, stageOptimiser, stageSteps, type TrainingStage } from './config.ts';
import { familyOf } from './imported.ts';
import { INFERENCE_INPUTS, Model } from './model.ts';

/** One thing that takes memory, and the settings that it grows with, each as a multiple of an ordinary value. */
export interface Need {
  readonly what: string;
  readonly bytes: number;
  readonly grows: Readonly<Record<string, number>>;
}

export interface StageEstimate {
  readonly stage: string;
  /** Bytes at its peak, without what the program itself takes. */
  readonly bytes: number;
  /** Trained numbers, where it trains. */
  readonly parameters?: number;
  readonly steps?: number;
  /** Floating-point operations of the whole stage. */
  readonly flops?: number;
}

export interface Estimate {
  readonly name: string;
  readonly stages: readonly StageEstimate[];
  /** Bytes at the highest peak, with the program itself. */
  readonly peakBytes: number;
  /** Bytes that this machine, or the container, has. */
  readonly machineBytes: number;
}

/** What Node and ONNX Runtime take before there is any data. */
const PROGRAM_BYTES = 300e6;

/** Numbers of one constant of a graph at most: they are written into the model. */
const MOST_CONSTANTS = 2 ** 26;

/** Vectors as long as the parameters that a training step holds: weights and two moments before and after it, gradients, and copies inside the runtime. */
export const VECTORS = 12;

/**
 * Bytes of a training step for each byte of results of the forward pass, and operations likewise: what the gradient needs is kept, and about half
 * as much is there on the way back. Measured: the fine-tuning of dark-room with batches of 512 took 2.27 GB at its peak, by this 2.35.
 */
export const [TRAINING_BYTES, TRAINING_FLOPS] = [1.5, 3];

/** Threads for each core: more only wait for each other. */
const THREADS_PER_CORE = 4;

/** Memory of this machine, or of the container that this process runs in. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
}

/**
 * Estimates an experiment.
 *
 * @throws {CadenzaError} `E_CONFIG` where it cannot fit into `memory`, naming the estimate and the setting that matters most; likewise where its
 * graphs would be too large, or there are many more threads than cores.
 */
export function estimate(config: ExperimentConfig, memory = machineMemory()): Estimate {
  expectThreads(config);
  const family = familyOf(config);
  const model = new Model(config, family);
  expectGraphs(config, model);
  const data = dataNeeds(config, family);
  const evaluation = evaluationNeeds(config, model);
  for (const need of [...data, ...evaluation, ...trainingNeeds(config, model)]) expectFits(need, memory);

  const [dataBytes, evaluationBytes] = [data, evaluation].map(needs => needs.reduce((sum, { bytes }) => sum + bytes, 0));
  const trained = trainedStages(config, model).map(stage => ({ ...stage, bytes: stage.bytes + dataBytes }));
  const stages: StageEstimate[] = [
    { stage: 'generate', bytes: dataBytes },
    ...trained,
    { stage: 'evaluate', bytes: evaluationBytes, flops: evaluationFlops(config, model) },
  ];
  return fitting(config.name, stages, { ...grown(config), 'optimiser.batch': config.optimiser.batch / 64 }, memory);
}

/** Throws `E_CONFIG` where there are many more threads than cores. */
export function expectThreads({ executor: { threads } }: Pick<ExperimentConfig, 'executor'>): void {
  const most = THREADS_PER_CORE * availableParallelism();
  if (threads > most)
    throw new CadenzaError(
      'E_CONFIG',
      `executor.threads: expected at most ${most} on this machine, ${THREADS_PER_CORE} for each core, came ${threads}; more only wait for each other.`,
    );
}

/** An estimate of stages that all fit. */
export function fitting(name: string, stages: readonly StageEstimate[], grows: Need['grows'], memory: number): Estimate {
  for (const { stage, bytes } of stages) expectFits({ what: stage, bytes, grows }, memory);
  return { name, stages, peakBytes: PROGRAM_BYTES + Math.max(...stages.map(({ bytes }) => bytes)), machineBytes: memory };
}

/** Throws `E_CONFIG` where this alone does not fit. */
export function expectFits({ what, bytes, grows }: Need, memory: number): void {
  if (bytes + PROGRAM_BYTES <= memory) return;
  const [setting] = Object.entries(grows).sort(([, a], [, b]) => b - a)[0];
  throw new CadenzaError(
    'E_CONFIG',
    `${what} would take about ${formatBytes(bytes)} of memory, and this machine has ${formatBytes(memory)}. What matters most is ${setting}; lower it.`,
  );
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

/** Sizes of the networks as multiples of ordinary ones. */
const grown = ({ model, context, policy }: ExperimentConfig): Record<string, number> => ({
  'model.width': (model.width / 64) ** 2,
  'model.latents': model.latents / 8,
  'model.encoderLayers': model.encoderLayers / 2,
  'model.decoderLayers': model.decoderLayers / 3,
  'model.feedForward': model.feedForward / 4,
  ...(context.segments === undefined ? { 'context.episodes': context.episodes / 10 } : { 'context.segments': context.segments / 10 }),
  ...(policy.returns ? { 'policy.returns.episodes': policy.returns.episodes / 2 } : {}),
});

/** Throws `E_CONFIG` where a graph would have too many nodes, or a constant that is too large. */
function expectGraphs(config: ExperimentConfig, model: Model): void {
  const { segments, episodes } = config.context;
  const rounds = model.contextTransitions / model.segment;
  const setting = segments === undefined ? 'context.episodes' : 'context.segments';
  const refuse = (what: string, most: number, at: string): never => {
    throw new CadenzaError('E_CONFIG', `${at}: ${what}; expected at most ${most}, because they are written out in the graph. Lower it.`);
  };
  if (compressor(config.compressor).step && rounds > 1024)
    refuse(`compressor ${config.compressor} has a round for each of ${segments ?? episodes} segments`, 1024, setting);
  expectTables(config.compressor, model.contextTokens, model.options, setting);
}

/** Throws `E_CONFIG` where a mask or a table of positions would be too large to stand in a graph. */
export function expectTables(kind: string, tokens: number, options: CompressorOptions, setting: string): void {
  const mask = kind === 'causal' ? compressor(kind).latents(tokens, options) ** 2 : 0;
  const numbers = Math.max(mask, options.positions === 'learned' ? 0 : tokens * options.width);
  if (numbers > MOST_CONSTANTS)
    throw new CadenzaError(
      'E_CONFIG',
      `${setting}: the graph would hold a table of ${numbers} numbers for ${tokens} tokens; expected at most ${MOST_CONSTANTS}. Lower it.`,
    );
}

/** Bytes of one transition as it is generated, and once more as it is written. */
function transitionBytes(family: EnvFamily): number {
  const action = actionDistribution(family.actionSpace);
  return 8 * (2 * spaceSize(family.observationSpace) + action.width + action.size + 3);
}

const taskCount = ({ split, source }: ExperimentConfig, family: EnvFamily) => {
  const all = family.tasks ? family.tasks().length - split.heldOut - split.validation : (split.tasks ?? 0);
  return Math.max(1, Math.min(all, source.maxTasks ?? Number.POSITIVE_INFINITY));
};

function dataNeeds(config: ExperimentConfig, family: EnvFamily): Need[] {
  const { source, policy, split, retrieve } = config;
  const tasks = taskCount(config, family);
  const transition = transitionBytes(family);
  const length = { 'split.tasks': tasks / 81, 'env.options.horizon': family.horizon / 20 };
  const lived = { ...length, 'source.episodes': source.episodes / 24 };
  const drawn = (split.tasks ?? 0) + split.heldOut + split.validation;
  const needs: Need[] = [
    { what: 'the list of tasks', bytes: 500 * drawn, grows: { 'split.tasks': split.tasks ?? 0, 'split.heldOut': split.heldOut } },
  ];
  if (source.dataset === undefined) {
    const once = source.episodes * family.horizon * transition;
    const kept = Math.ceil(source.episodes / source.stride) * family.horizon * transition;
    needs.push({
      what: 'the learning histories',
      bytes: once + tasks * source.histories * kept,
      grows: { ...lived, 'source.histories': source.histories / 24 },
    });
  }
  if (policy.prompt)
    needs.push({
      what: 'the demonstrations',
      bytes: policy.prompt.styles.length * tasks * policy.prompt.demonstrations * source.episodes * family.horizon * transition,
      grows: { ...lived, 'policy.prompt.demonstrations': policy.prompt.demonstrations / 8 },
    });
  if (policy.retrieval.contexts > 0)
    needs.push({
      what: 'the stored contexts',
      bytes: 4 * tasks * retrieve.histories * source.episodes * config.model.latents * config.model.width,
      grows: { ...lived, ...grown(config), 'retrieve.histories': retrieve.histories / 8 },
    });
  return needs;
}

const evaluatedStreams = ({ split, evaluate }: ExperimentConfig, { family }: Model) => {
  const wanted = evaluate.tasks === 'validation' ? split.validation : split.heldOut;
  const tasks = Math.min(wanted, evaluate.maxTasks ?? Number.POSITIVE_INFINITY, family.tasks?.().length ?? Number.POSITIVE_INFINITY);
  return { tasks, streams: tasks * evaluate.streams };
};

function evaluationNeeds(config: ExperimentConfig, model: Model): Need[] {
  const { evaluate, source, seeds, policy, reinforce } = config;
  const { family, tokenizer, segment, contextTransitions } = model;
  const { tasks, streams } = evaluatedStreams(config, model);
  const counts = { 'evaluate.streams': evaluate.streams / 20, 'split.heldOut': tasks / 8 };
  const transition = transitionBytes(family);
  const query = tokenizer.queryTokens(segment);
  const retrieved = 1 + policy.retrieval.contexts;
  const acting =
    4 * (query * (tokenizer.query.width + 8 * config.model.width) + retrieved * config.model.latents * config.model.width) +
    transition * contextTransitions;
  const needs: Need[] = [
    {
      what: 'the evaluation',
      bytes: streams * (acting + 16 * evaluate.episodes),
      grows: { ...grown(config), ...counts, 'evaluate.episodes': evaluate.episodes / 30, 'env.options.horizon': family.horizon / 20 },
    },
    {
      what: 'the bootstrap',
      bytes: evaluate.resamples * (2 * streams * seeds.length + 16 * evaluate.episodes),
      grows: { ...counts, 'evaluate.resamples': evaluate.resamples / 2000, seeds: seeds.length / 3 },
    },
    {
      what: 'the histories that models observe',
      bytes: tasks * evaluate.imitation * source.episodes * family.horizon * transition,
      grows: { ...counts, 'evaluate.imitation': evaluate.imitation / 4, 'source.episodes': source.episodes / 24 },
    },
  ];
  if (reinforce.steps > 0)
    needs.push({
      what: 'the rollouts of an iteration',
      bytes: reinforce.streams * (acting + reinforce.episodes * family.horizon * transition),
      grows: { ...grown(config), 'reinforce.streams': reinforce.streams / 64, 'reinforce.episodes': reinforce.episodes / 10 },
    });
  return needs;
}

const TRAINED: readonly TrainingStage[] = ['teacher', 'pretrain', 'distil', 'finetune', 'reinforce', 'retrieve', 'baselines'];

/** Whether a stage trains anything. */
const trains = (config: ExperimentConfig, stage: TrainingStage): boolean =>
  stageSteps(config, stage) > 0 &&
  (stage !== 'teacher' || config.teacher.kind === 'context') &&
  (stage !== 'retrieve' || config.policy.retrieval.contexts > 0) &&
  (stage !== 'baselines' || config.baselines.methods.length > 0);

/** The least that training takes, without any graph: batches, weights, and one result of every block. */
function trainingNeeds(config: ExperimentConfig, model: Model): Need[] {
  const { width, feedForward, encoderLayers, decoderLayers, latents } = config.model;
  const { tokenizer, segment, contextTokens, head } = model;
  const query = tokenizer.queryTokens(segment);
  const weights = width * (width * (4 + 2 * feedForward) * (encoderLayers + decoderLayers) + contextTokens + latents);
  const codes = config.latents.kind === 'vq' ? config.latents.groups * config.latents.codes * config.latents.codeWidth : 0;
  return TRAINED.filter(stage => trains(config, stage)).flatMap(stage => {
    const { batch } = stageOptimiser(config, stage);
    const own = config[stage].batch === undefined ? 'optimiser.batch' : `${stage}.batch`;
    const grows = { ...grown(config), [own]: batch / 64, 'env.options.horizon': model.family.horizon / 20 };
    const row = contextTokens * tokenizer.context.width + query * tokenizer.query.width + segment * head.distribution.size;
    const results = width * (contextTokens * (1 + encoderLayers) + query * (1 + decoderLayers) + latents);
    return [
      { what: `the weights of ${stage}`, bytes: 4 * VECTORS * (weights + codes), grows: grown(config) },
      { what: `a batch of ${stage}`, bytes: 4 * batch * (row + results), grows },
    ];
  });
}

/** Results of the operations of a graph in bytes: what is only seen in another shape takes nothing. */
function resultBytes(graph: Graph): number {
  const free = new Set(['input', 'constant', 'reshape', 'broadcastTo']);
  return nodesOf(graph).reduce(
    (sum, { op, outputs }) => sum + (free.has(op.name) ? 0 : outputs.reduce((part, output) => part + bytesOf(output), 0)),
    0,
  );
}

/** What one sequence costs in the given graphs, and the numbers of their parameters by name. */
export function measure(graphs: readonly (Graph | undefined)[]) {
  const there = graphs.filter(graph => graph !== undefined);
  const parameters = new Map<string, number>();
  for (const graph of there)
    for (const [name, { shape }] of inputsOf(graph)) if (!INFERENCE_INPUTS.has(name)) parameters.set(name, sizeOf(shape));
  return {
    bytes: there.reduce((sum, graph) => sum + resultBytes(graph), 0),
    flops: there.reduce((sum, graph) => sum + countFlops(graph).total, 0),
    parameters: [...parameters.values()].reduce((a, b) => a + b, 0),
  };
}

function trainedStages(config: ExperimentConfig, model: Model): StageEstimate[] {
  const { compressor: kind, policy, finetune, distil, teacher } = config;
  const graphs = (of: Model, which: string, retrieved = 0) => of.inference(which, { compress: 1, act: 1 }, { retrieved });
  const student = graphs(model, kind);
  if (!student.compress) return [];
  const decoder = model.decoder(kind, 1);
  const full = graphs(model, 'full');
  const follows = (beta = 0) => (beta > 0 && teacher.kind === 'context' ? [full.compress, full.act] : []);
  const of: Record<Exclude<TrainingStage, 'baselines'>, readonly (Graph | undefined)[]> = {
    teacher: [full.compress, full.act],
    pretrain: [student.compress, decoder],
    distil: [student.compress, student.act, ...follows(distil.beta)],
    finetune: [student.compress, student.act, ...(finetune.gamma > 0 ? [decoder] : []), ...follows(finetune.beta ?? distil.beta)],
    reinforce: [student.compress, student.act],
    retrieve: [graphs(model, kind, policy.retrieval.contexts).act],
  };
  const stageOf = (stage: TrainingStage, name: string, made: readonly (Graph | undefined)[]): StageEstimate => {
    const { batch } = stageOptimiser(config, stage);
    const steps = stageSteps(config, stage);
    const { bytes, flops, parameters } = measure(made);
    return {
      stage: name,
      steps,
      parameters,
      bytes: 4 * VECTORS * parameters + TRAINING_BYTES * batch * bytes,
      flops: TRAINING_FLOPS * steps * batch * flops * config.seeds.length,
    };
  };
  const others = trains(config, 'baselines') ? baselineModels(config, model) : [];
  return [
    ...Object.entries(of)
      .filter(([stage]) => trains(config, stage as TrainingStage))
      .map(([stage, made]) => stageOf(stage as TrainingStage, stage, made)),
    ...others.map(({ baseline: { id, compressor }, model }) => {
      const { compress, act } = graphs(model, compressor);
      return stageOf('baselines', id, [compress, act]);
    }),
  ];
}

/** Operations of the student's rollouts: it acts in every step, and compresses after every segment. */
function evaluationFlops(config: ExperimentConfig, model: Model): number {
  const { compress, act } = model.inference(config.compressor, { compress: 1, act: 1 });
  const { streams } = evaluatedStreams(config, model);
  const actions = streams * config.evaluate.episodes * model.family.horizon * config.seeds.length;
  return actions * (countFlops(act).total + (compress ? countFlops(compress).total / model.segment : 0));
}
