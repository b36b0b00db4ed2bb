/**
 * @file The models of an experiment as graphs: the losses of training stages, and inference. Shape key: B batch, N context tokens, T query
 * tokens, F features, M latents, D width, K retrieved contexts or future returns, H steps of a segment, P numbers of a distribution over
 * actions, R raw outputs of the head, L layers that attend to Z, J their heads, C attended tokens.
 */

import {
  type CompressorOptions,
  compressor,
  compressPassages,
  type LatentKind,
  type Latents,
  latentKind,
  type Recurrence,
  readSegment,
  reconstruct,
  reconstructionLoss,
  unroll,
} from '../compressor/index.ts';
import {
  add,
  concat,
  constant,
  expectShape,
  type Graph,
  input,
  matmul,
  mul,
  reshape,
  rewrite,
  sizeOf,
  slice,
  stopGradient,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { feedForward, linear, Scope, zeroInit } from '../nn/index.ts';
import {
  type ActionHead,
  actionHead,
  binOf,
  decodeReturns,
  type PolicyOptions,
  policyStates,
  type Retrieved,
  type ReturnOptions,
} from '../policy/index.ts';
import { type EnvFamily, rewardMaxOf } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import {
  type BatchShape,
  type ContextLayout,
  type ContextShape,
  checkCurriculum,
  type PromptShape,
  querySpan,
  stepsSeen,
  type Tokenizer,
  tokenizer,
} from '../tokenizers/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { compressionOf, expectLatents, inTokens, layoutOf } from './compression.ts';
import type { Asked, ContextInputs, Inference, ReconstructionInputs } from './interfaces.ts';

export type ModelConfig = Pick<
  BaseConfig,
  'tokenizer' | 'context' | 'model' | 'policy' | 'compressor' | 'compression' | 'latents' | 'queries' | 'source'
>;

export * from './interfaces.ts';

/** Prefix of the buffer with Z as it is carried from batch to batch. No stage inherits it, and no file has it. */
export const CARRIED = 'carried';

/** Prefixes of the parameters of each part, by which a stage trains some parts and freezes others. STATISTICS are separate. */
export const PARTS = { compressor: 'compressor', policy: 'policy', decoder: 'decoder', teacher: 'teacher' } as const;

export const partOf = (name: string): string => name.slice(0, name.indexOf('.'));

/** Whether a step that trains these parts updates this parameter or buffer: it belongs to one of them, or is carried from batch to batch. */
export const isUpdated = (trains: readonly string[], name: string): boolean => partOf(name) === CARRIED || trains.includes(partOf(name));

/** Parts that only training on returns has: the value head, and the agent as it was at the start. */
export const RETURN_PARTS = { value: 'value', reference: 'reference' } as const;

/** A model with everything that follows from the configuration and the family of tasks: token layouts, sizes, and graphs. */
export class Model {
  readonly family: EnvFamily;
  readonly tokenizer: Tokenizer;
  readonly options: CompressorOptions;
  readonly policyOptions: PolicyOptions;
  readonly head: ActionHead;
  /** The future returns that the policy predicts, and the weight of their loss; absent if it predicts none. */
  readonly returns?: ReturnOptions & { readonly weight: number };
  readonly latentSettings: BaseConfig['latents'];
  /** Maximum number of transitions in a segment (H). */
  readonly segment: number;
  /** How past transitions are arranged in contexts: as the configured compressor needs it, for baselines too. */
  readonly contextLayout: ContextLayout;
  readonly contextTransitions: number;
  readonly contextTokens: number;
  /** Number of queries of a batch that come from the same history (Q). */
  readonly perHistory: number;
  /** Number of segments that their contexts hold together, at most (E); absent if contexts do not share encoded segments. */
  readonly passage?: number;
  /** Whether these queries are consecutive, and the probability that a history is left after a segment. */
  readonly consecutive?: { readonly restart: number };
  /** Number of contexts of each history (k) that a training step reconstructs; all if absent. */
  readonly rebuilt?: number;
  /** Room for a few-shot prompt before the query. */
  readonly prompt?: PromptShape;
  readonly #config: ModelConfig;

  /** @throws {CadenzaError} `E_CONFIG` if settings do not fit the family, such as a segment longer than an episode. */
  constructor(config: ModelConfig, family: EnvFamily, contextLayout: ContextLayout = layoutOf(config)) {
    this.#config = config;
    const { width, heads, encoderLayers, encoderSpan, poolHeads, decoderLayers, latents, positions, rewards, image } = config.model;
    const { architecture, crossLayers, query, prompt, returns, head } = config.policy;
    this.head = actionHead(family.actionSpace, head);
    this.family = family;
    if (prompt) {
      const { episodes, length = family.horizon } = prompt;
      if (length > family.horizon)
        throw new CadenzaError(
          'E_CONFIG',
          `policy.prompt.length is ${length}, but an episode of ${family.id} has at most ${family.horizon} steps. Lower it.`,
        );
      this.prompt = { episodes, length };
    }
    this.tokenizer = tokenizer(config.tokenizer, family, query, this.prompt);
    this.latentSettings = config.latents;
    const { episodes, segment = family.horizon, segments = episodes } = config.context;
    if (segment > family.horizon)
      throw new CadenzaError(
        'E_CONFIG',
        `context.segment is ${segment}, but an episode of ${family.id} has at most ${family.horizon} steps. Lower it.`,
      );
    this.segment = segment;
    this.contextLayout = contextLayout;
    this.contextTransitions = segments * segment;
    const { tokensPerTransition } = this.tokenizer;
    this.contextTokens = this.contextTransitions * tokensPerTransition;
    const segmentTokens = segment * tokensPerTransition;
    const embedding = { image, rewardEdges: rewards === 'scalar' ? [] : rewards };
    const shared = { width, heads, hidden: config.model.feedForward * width, positions, embedding };
    this.options = {
      ...shared,
      compression: inTokens(config.compression, tokensPerTransition),
      layers: encoderLayers,
      latents,
      poolHeads,
      span: encoderSpan === 'context' ? this.contextTokens : segmentTokens,
      segment: segmentTokens,
      slots: contextLayout !== 'window',
      layout: this.tokenizer.context,
    };
    this.perHistory = config.queries.perHistory;
    this.rebuilt = config.queries.reconstructed;
    const { consecutive, restart, curriculum } = config.queries;
    if (curriculum) checkCurriculum(curriculum, family);
    if (consecutive) this.consecutive = { restart };
    if (
      !consecutive &&
      this.perHistory > 1 &&
      contextLayout === 'segments' &&
      compressor(config.compressor).compress.bySegment?.(this.options)
    ) {
      const { dataset, episodes: recorded, stride } = config.source;
      const past = dataset ? Number.POSITIVE_INFINITY : Math.ceil(recorded / stride) * Math.ceil(family.horizon / segment) - 1;
      this.passage = Math.max(1, Math.min(segments + querySpan(this.perHistory) - 1, past));
    }
    this.policyOptions = {
      ...shared,
      layers: decoderLayers,
      encoderLayers: architecture === 'encoder-decoder' ? config.policy.encoderLayers : 0,
      crossLayers: crossLayers === 'every' ? undefined : crossLayers,
      prefix: architecture === 'prefix',
      stateOnly: this.tokenizer.stateOnly,
      promptTokens: this.tokenizer.prompt?.tokens,
      layout: this.tokenizer.query,
    };
    if (returns) {
      const {
        episodes: count,
        bins,
        weight,
        largest = rewardMaxOf(family, 'policy.returns', 'policy.returns.largest to the largest return of an episode') * family.horizon,
      } = returns;
      // Narrower than the blocks: it is unrolled for every decoded sequence.
      this.returns = { count, bins, largest, weight, hidden: width };
    }
  }

  /** The same model for another family of tasks, such as the training environment with other options. */
  in(family: EnvFamily): Model {
    return family === this.family ? this : new Model(this.#config, family, this.contextLayout);
  }

  /** The settings that only some compressors or heads read, and the context layout if it is unusual, for a stage's key. */
  keySettings(kind: string, { compression, model }: ModelConfig) {
    const { sizeless } = compressor(kind);
    const { latents: _, poolHeads: __, ...others } = model;
    return {
      model: sizeless ? others : model,
      contextLayout: this.contextLayout === 'window' ? undefined : this.contextLayout,
      head: this.head.choice,
      compression: compressionOf(kind, compression),
    };
  }

  batchShape(batch: number): BatchShape {
    const { contextTransitions, segment, contextLayout, returns: options } = this;
    const { distribution, writeTarget } = this.head;
    const returns = options && { count: options.count, bin: (value: number) => binOf(value, options) };
    const { scored } = this.family;
    return { batch, contextTransitions, segment, contextLayout, actions: distribution.size, writeTarget, scored, returns };
  }

  /**
   * The shape of training batches, in which several queries can come from the same history.
   *
   * @throws {CadenzaError} `E_CONFIG` for a batch that is not a multiple of their number.
   */
  trainingShape(batch: number): BatchShape {
    this.#passages(batch);
    return { ...this.batchShape(batch), perHistory: this.perHistory, passage: this.passage, consecutive: this.consecutive };
  }

  /** Number of histories (G) of a training batch. */
  #passages(batch: number): number {
    if (batch % this.perHistory === 0) return batch / this.perHistory;
    throw new CadenzaError(
      'E_CONFIG',
      `a batch of ${batch} sequences is not a multiple of queries.perHistory, which is ${this.perHistory}. Change one of them.`,
    );
  }

  /**
   * A training batch as graph inputs: those of `inputs`; if contexts share segments, segments [G, E, S, F] and selection [G, Q, R, E + 1]; if
   * queries are consecutive, segments [G, Q, S, F] and begins [G, Q]; if some contexts are reconstructed, rebuilt [G · k, N, F] and rebuiltAt [G, k, Q].
   */
  trainingInputs(batch: number) {
    const { perHistory: Q, passage: E, consecutive, rebuilt: k, tokenizer } = this;
    const [G, F] = [this.#passages(batch), tokenizer.context.width];
    return {
      ...this.inputs(batch),
      ...(consecutive && { segments: input('segments', [G, Q, this.options.segment, F]), begins: input('begins', [G, Q]) }),
      ...(E && {
        segments: input('segments', [G, E, this.options.segment, F]),
        selection: input('selection', [G, Q, this.contextTransitions / this.segment, E + 1]),
      }),
      ...(k && { rebuilt: input('rebuilt', [G * k, this.contextTokens, F]), rebuiltAt: input('rebuiltAt', [G, k, Q]) }),
    };
  }

  /**
   * The batch as graph inputs: context [B, N, F], query [B, T, F], target [B, H, P], weight [B, H], and with predicted returns returnBins
   * [B, H, K], returnWeight [B, H, K].
   */
  inputs(batch: number, segment = this.segment) {
    const futures = this.returns && [batch, segment, this.returns.count];
    return {
      context: input('context', [batch, this.contextTokens, this.tokenizer.context.width]),
      query: input('query', [batch, this.tokenizer.queryTokens(segment), this.tokenizer.query.width]),
      target: input('target', [batch, segment, this.head.distribution.size]),
      weight: input('weight', [batch, segment]),
      ...(futures ? { returnBins: input('returnBins', futures, 'int32'), returnWeight: input('returnWeight', futures) } : {}),
    };
  }

  /** The kind of latents that a compressor's output is converted to. */
  latentKind(compressorId: string): LatentKind {
    return latentKind(compressor(compressorId).uncompressed ? 'continuous' : this.latentSettings.kind);
  }

  /**
   * Z = C_θ(X), [B, M, D], in the forms that training and inference need; undefined for a compressor that passes nothing on. Of a compressor
   * in two parts, X may be given as what the first `found` for its segments, [B, R, ..].
   */
  latents(scope: Scope, compressorId: string, of: ContextInputs | { readonly found: Tensor }): Latents | undefined {
    const { compress, recurrence } = compressor(compressorId);
    const { options } = this;
    const parts = compress.bySegment?.(options);
    const shape = this.latentShape(compressorId);
    if (!shape) return undefined;
    const own = scope.at(PARTS.compressor);
    if (recurrence && 'begins' in of && of.segments && of.begins)
      return this.#carried(scope, compressorId, shape, { segments: of.segments, begins: of.begins });
    const compressed = () => {
      if ('found' in of) return parts!.join(own, of.found, options);
      const { context, segments, selection } = of;
      return parts && segments && selection
        ? compressPassages(own, { segments, selection }, parts, options)
        : compress(own, context, options);
    };
    const [B] = ('found' in of ? of.found : of.context).shape;
    const checked = expectLatents(compressorId, 'compress', compressed(), [B, ...shape]);
    return this.latentKind(compressorId).apply(own.at('latents'), checked, this.latentSettings);
  }

  /** Whether the state of a recurrent compressor consists of codes, so that the memory of an agent has their bits and no others. */
  #carriesCodes(compressorId: string): boolean {
    return this.consecutive !== undefined && this.latentKind(compressorId).discrete !== undefined;
  }

  /** Z before each of the consecutive segments, [G·Q, M, D], with gradients through all of them. It begins as the last batch ended. */
  #carried(
    scope: Scope,
    compressorId: string,
    [M, D]: readonly [number, number],
    { segments, begins }: { readonly segments: Tensor; readonly begins: Tensor },
  ): Latents {
    const { G, Q, S, F } = expectShape(segments, 'G Q S F');
    const own = scope.at(PARTS.compressor);
    const recurrence = compressor(compressorId).recurrence!;
    const kind = this.latentKind(compressorId);
    const apply = (z_BMD: Tensor) => kind.apply(own.at('latents'), z_BMD, this.latentSettings);
    const codes: Tensor[] = [];
    const advance: Recurrence['advance'] = (...given) => {
      const next = recurrence.advance(...given);
      if (!this.#carriesCodes(compressorId)) return next;
      const made = apply(next);
      codes.push(made.codes!);
      return made.trained;
    };
    const found = recurrence.each(own, reshape(segments, [G * Q, S, F]), this.options);
    const carried = scope.at(CARRIED).buffer('latents', [G, M, D]);
    const states = unroll(own, { advance }, carried, reshape(found, [G, Q, found.shape[1]]), this.options, { begins });
    scope.assign(carried, stopGradient(states[Q]));
    const z_BMD = reshape(concat(states.slice(0, Q), 1), [G * Q, M, D]);
    return codes.length > 0 ? { trained: z_BMD, settled: z_BMD, codes: concat(codes, 0) } : apply(z_BMD);
  }

  /** [M, D] of what the compressor passes to the policy; undefined if nothing. */
  latentShape(compressorId: string): readonly [number, number] | undefined {
    const M = compressor(compressorId).latents(this.contextTokens, this.options);
    return M > 0 ? [M, this.options.width] : undefined;
  }

  /** Retrieved contexts as inputs: `retrieved` [B, K, M, D] and `present` [B, K]; undefined if there are none. */
  retrievedInputs(batch: number, contexts: number, latentShape: readonly number[]): Retrieved | undefined {
    if (contexts === 0) return undefined;
    return { latents: input('retrieved', [batch, contexts, ...latentShape]), present: input('present', [batch, contexts]) };
  }

  /** Raw outputs of the head, [B, H, R], at the tokens where actions are predicted. */
  logits(scope: Scope, query_BTF: Tensor, z_BMD: Tensor | undefined, retrieved?: Retrieved): Tensor {
    return this.actorCritic(scope, query_BTF, z_BMD, retrieved).logits;
  }

  /**
   * Raw outputs of the head, [B, H, R], and value estimates at the same tokens, [B, H]: a separate layer on the policy's hidden states that
   * starts at 0. Only training on returns reads the values, and they are in no other graph. The same holds for the states [B, H, D], from
   * which returns are predicted, and the cross-attention weights [B, H, L, J, C].
   *
   * @throws {CadenzaError} `E_SHAPE`, from `attention`, if no layer attends to anything.
   */
  actorCritic(scope: Scope, query_BTF: Tensor, z_BMD: Tensor | undefined, retrieved?: Retrieved) {
    const weights: Tensor[] = [];
    const policy = scope.at(PARTS.policy);
    const states_BTD = policyStates(policy, query_BTF, z_BMD, this.policyOptions, retrieved, layer => void weights.push(layer));
    return this.readStates(scope, states_BTD, weights, this.tokensPerStep);
  }

  /** Number of tokens that a step adds to the running segment, at most; the action is predicted at the last. */
  get tokensPerStep(): number {
    return this.tokenizer.predictionIndex(1) - this.tokenizer.predictionIndex(0);
  }

  /**
   * What is read from the policy's hidden states [B, T, D] and its cross-attention weights [B, J, T, C] in each layer, at every
   * `stride`-th token.
   *
   * @throws {CadenzaError} `E_SHAPE`, from `attention`, if no layer attends to anything.
   */
  readStates(scope: Scope, states_BTD: Tensor, weights: readonly Tensor[], stride: number) {
    const predicting = (all: Tensor) => slice(all, 1, 0, all.shape[1], stride);
    const values = () => {
      const own = scope.at(RETURN_PARTS.value);
      // They only observe: their errors must not affect the policy.
      const read_BTD = feedForward(own.at('ffn'), stopGradient(states_BTD), this.options.hidden);
      const values_BH1 = predicting(linear(own, read_BTD, 1, zeroInit));
      return reshape(values_BH1, values_BH1.shape.slice(0, 2));
    };
    const attention = () => {
      invariant(weights.length > 0, 'no layer of this policy attends to Z, so there are no attention weights.');
      const layers = weights.map(layer_BJTC => {
        const each_BHJC = predicting(transpose(layer_BJTC, [0, 2, 1, 3]));
        return reshape(each_BHJC, [each_BHJC.shape[0], each_BHJC.shape[1], 1, ...each_BHJC.shape.slice(2)]);
      });
      return concat(layers, 2);
    };
    return {
      logits: predicting(this.head.outputs(scope.at(PARTS.policy).at('head'), states_BTD)),
      values,
      states: () => predicting(states_BTD),
      attention,
    };
  }

  /** The outputs of a graph that compresses: `latents`, `codes` if they are discrete, and the `next` state of a recurrent compressor. */
  compressed({ settled, codes }: Latents, next?: Tensor): Record<string, Tensor> {
    return { latents: settled, ...(next ? { next } : {}), ...(codes ? { codes } : {}) };
  }

  /** The outputs of a graph that acts: `probabilities` [B, H, P], and what is asked for. */
  answers(scope: Scope, read: ReturnType<Model['readStates']>, { critic, returns, attention }: Asked): Record<string, Tensor> {
    return {
      probabilities: this.head.rows(read.logits),
      ...(critic ? { values: read.values() } : {}),
      ...(returns ? { returns: decodeReturns(scope.at(PARTS.policy), read.states(), this.returns!) } : {}),
      ...(attention ? { attention: read.attention() } : {}),
    };
  }

  /** L_rec and its parts, of all contexts or of those that were chosen. */
  reconstruction(scope: Scope, z_BMD: Tensor, { context, rebuilt, rebuiltAt }: ReconstructionInputs) {
    const [, M, D] = z_BMD.shape;
    const chosen = rebuiltAt
      ? reshape(matmul(rebuiltAt, reshape(z_BMD, [rebuiltAt.shape[0], rebuiltAt.shape[2], M * D])), [-1, M, D])
      : z_BMD;
    return reconstructionLoss(this.#reconstruct(scope, chosen), rebuilt ?? context, this.tokenizer.context);
  }

  /** R_ψ: `latents` [B, M, D] → `context` [B, N, F], with logits for categorical fields. */
  decoder(compressorId: string, batch: number): Graph {
    const latents = input('latents', [batch, ...this.latentShape(compressorId)!]);
    return { outputs: { context: this.#reconstruct(new Scope(), latents) } };
  }

  #reconstruct(scope: Scope, z_BMD: Tensor): Tensor {
    return reconstruct(scope.at(PARTS.decoder), z_BMD, this.contextTokens, this.tokenizer.context, this.options.heads);
  }

  /**
   * The inference graphs of an agent: context → latents (absent if nothing is carried), and query with latents → probabilities. `critic`
   * adds values, `returns` predicted future returns, `attention` its weights, and `retrieved` that many retrieved contexts. A recurrent
   * compressor takes `state` and a context of one segment; its state is its own output, and the kind of latents is applied to what the
   * policy sees.
   */
  inference(compressorId: string, batch: { compress: number; act: number }, asked: Asked = {}): Inference {
    const scope = new Scope();
    const { query } = this.inputs(batch.act, stepsSeen(this.tokenizer, this.segment));
    const { recurrence } = compressor(compressorId);
    const { segment, contextLayout } = this;
    const context: ContextShape = { contextTransitions: recurrence ? segment : this.contextTransitions, segment, contextLayout };
    const latentShape = this.latentShape(compressorId);
    const latents = latentShape && input('latents', [batch.act, ...latentShape]);
    const found = latentShape && this.retrievedInputs(batch.act, asked.retrieved ?? 0, latentShape);
    const act: Graph = { outputs: this.answers(scope, this.actorCritic(scope, query, latents, found), asked) };
    if (!latentShape) return { act, recurrent: false, context };
    const tokens = context.contextTransitions * this.tokenizer.tokensPerTransition;
    const past = input('context', [batch.compress, tokens, this.tokenizer.context.width]);
    const own = scope.at(PARTS.compressor);
    const state = input('state', [batch.compress, ...latentShape]);
    const next =
      recurrence && expectLatents(compressorId, 'recurrence', readSegment(own, recurrence, state, past, this.options), state.shape);
    const z = next
      ? this.latentKind(compressorId).apply(own.at('latents'), next, this.latentSettings)
      : this.latents(scope, compressorId, { context: past })!;
    const compress: Graph = { outputs: this.compressed(z, next && (this.#carriesCodes(compressorId) ? z.settled : next)) };
    const made = { compress, act, latentShape, recurrent: Boolean(recurrence), context };
    const { discrete } = this.latentKind(compressorId);
    if (!discrete) return made;
    const { groups, size } = discrete.alphabet(this.latentSettings);
    const shape = [latentShape[0], groups];
    const codes = input('codes', [batch.compress, ...shape], 'int32');
    const decode: Graph = { outputs: { latents: discrete.decode(own.at('latents'), codes, this.latentSettings, this.options.width) } };
    return { ...made, decode, codes: { shape, size } };
  }
}

/** Σ weight · loss over the terms whose weight is not 0. */
export function weighted(terms: readonly (readonly [weight: number, loss: () => Tensor])[]): Tensor {
  const used = terms.filter(([weight]) => weight !== 0);
  return used.map(([weight, loss]) => mul(loss(), weight)).reduce(add);
}

/** The graph with its parameters and buffers as constants. Throws `E_CHECKPOINT` if one is missing or has another size. */
export function withWeights(graph: Graph, weights: ReadonlyMap<string, Float32Array>, data: Pick<ReadonlySet<string>, 'has'>): Graph {
  return rewrite(graph, node => {
    const name = node.attributes.name as string;
    if (node.op.name !== 'input' || data.has(name)) return undefined;
    const values = weights.get(name);
    const [{ shape }] = node.outputs;
    const size = sizeOf(shape);
    if (values?.length !== size)
      throw new CadenzaError(
        'E_CHECKPOINT',
        `the model has a parameter "${name}" of shape [${shape.join(', ')}] (${size} numbers), but the checkpoint ${values ? `has ${values.length} numbers there` : 'does not have it'}. The checkpoint belongs to another configuration; remove it or restore the settings it was trained with.`,
      );
    return [constant(values, shape)];
  });
}
