/**
 * @file The models of an experiment as graphs: the losses of training stages, and inference. Shape key: B batch, N context tokens, T query
 * tokens, F features, M latents, D width, K retrieved contexts or future returns, H steps of a segment, P numbers of a distribution over
 * actions, R raw outputs of the head, L layers that attend to Z, J their heads, C attended tokens.
 */

import {
  type CompressorOptions,
  compressor,
  compressors,
  type LatentKind,
  type Latents,
  latentKind,
  reconstruct,
  reconstructionLoss,
} from '../compressor/index.ts';
import {
  add,
  concat,
  constant,
  type Graph,
  input,
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
  type PromptShape,
  stepsSeen,
  type Tokenizer,
  tokenizer,
} from '../tokenizers/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';

export type ModelConfig = Pick<BaseConfig, 'tokenizer' | 'context' | 'model' | 'policy' | 'compressor' | 'compression' | 'latents'>;

/** Inputs of the inference graphs; all other inputs are parameters. */
export const INFERENCE_INPUTS: ReadonlySet<string> = new Set(['context', 'state', 'query', 'latents', 'codes', 'retrieved', 'present']);

/** The discrete form of Z: `shape` [M, G] codes, each below `size`. */
export type CodeShape = { readonly shape: readonly number[]; readonly size: number };

/** The graphs that act. */
export interface Inference {
  /**
   * `context` → `latents`, and `codes` if Z is discrete; absent if nothing of the past reaches the policy. With `recurrent` it also takes
   * `state` and outputs `next`, the next state.
   */
  readonly compress?: Graph;
  /**
   * `query` with `latents` (and `retrieved` with `present`) → `probabilities`; with a critic also `values` [B, H], and on request `returns`
   * [B, H, K] and `attention` [B, H, L, J, C].
   */
  readonly act: Graph;
  /** `codes` → `latents`, if Z is discrete. */
  readonly decode?: Graph;
  /** [M, D] of Z. */
  readonly latentShape?: readonly number[];
  readonly codes?: CodeShape;
  readonly recurrent: boolean;
  readonly context: ContextShape;
}

/** Prefixes of the parameters of each part, by which a stage trains some parts and freezes others. STATISTICS are separate. */
export const PARTS = { compressor: 'compressor', policy: 'policy', decoder: 'decoder', teacher: 'teacher' } as const;

export const partOf = (name: string): string => name.slice(0, name.indexOf('.'));

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
  /** Room for a few-shot prompt before the query. */
  readonly prompt?: PromptShape;
  readonly #config: ModelConfig;

  /** @throws {CadenzaError} `E_CONFIG` if settings do not fit the family, such as a segment longer than an episode. */
  constructor(config: ModelConfig, family: EnvFamily, contextLayout = compressor(config.compressor).contextLayout) {
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
      layout: this.tokenizer.context,
    };
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

  /** Z = C_θ(X), [B, M, D], in the forms that training and inference need; undefined for a compressor that passes nothing on. */
  latents(scope: Scope, compressorId: string, context_BNF: Tensor): Latents | undefined {
    const chosen = compressor(compressorId);
    if (!this.latentShape(compressorId)) return undefined;
    const own = scope.at(PARTS.compressor);
    const z_BMD = this.#expectLatents(compressorId, 'compress', chosen.compress(own, context_BNF, this.options), context_BNF.shape[0]);
    return this.latentKind(compressorId).apply(own.at('latents'), z_BMD, this.latentSettings);
  }

  /** The output of a compressor, which may come from outside of this package. Throws `E_SHAPE` unless it is [B, M, D]. */
  #expectLatents(compressorId: string, part: string, z: Tensor, batch: number): Tensor {
    const expected = [batch, ...this.latentShape(compressorId)!];
    invariant(
      String(z.shape) === String(expected),
      `compressor "${compressorId}": ${part} returned [${z.shape.join(', ')}]; expected [B, M, D] = [${expected.join(', ')}]. M is what its function latents returns, D is model.width.`,
    );
    return z;
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
    const policy = scope.at(PARTS.policy);
    const weights: Tensor[] = [];
    const states_BTD = policyStates(policy, query_BTF, z_BMD, this.policyOptions, retrieved, layer => void weights.push(layer));
    const stride = this.tokenizer.predictionIndex(1) - this.tokenizer.predictionIndex(0);
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
      logits: predicting(this.head.outputs(policy.at('head'), states_BTD)),
      values,
      states: () => predicting(states_BTD),
      attention,
    };
  }

  /** L_rec and its parts. */
  reconstruction(scope: Scope, z_BMD: Tensor, context_BNF: Tensor) {
    return reconstructionLoss(this.#reconstruct(scope, z_BMD), context_BNF, this.tokenizer.context);
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
  inference(
    compressorId: string,
    batch: { compress: number; act: number },
    { critic = false, returns = false, attention = false, retrieved = 0 } = {},
  ): Inference {
    const scope = new Scope();
    const { query } = this.inputs(batch.act, stepsSeen(this.tokenizer, this.segment));
    const { step } = compressor(compressorId);
    const { segment, contextLayout } = this;
    const context: ContextShape = { contextTransitions: step ? segment : this.contextTransitions, segment, contextLayout };
    const latentShape = this.latentShape(compressorId);
    const latents = latentShape && input('latents', [batch.act, ...latentShape]);
    const found = latentShape && this.retrievedInputs(batch.act, retrieved, latentShape);
    const { logits, values, states, attention: weights } = this.actorCritic(scope, query, latents, found);
    const predictedReturns = () => decodeReturns(scope.at(PARTS.policy), states(), this.returns!);
    const act: Graph = {
      outputs: {
        probabilities: this.head.rows(logits),
        ...(critic ? { values: values() } : {}),
        ...(returns ? { returns: predictedReturns() } : {}),
        ...(attention ? { attention: weights() } : {}),
      },
    };
    if (!latentShape) return { act, recurrent: false, context };
    const tokens = context.contextTransitions * this.tokenizer.tokensPerTransition;
    const past = input('context', [batch.compress, tokens, this.tokenizer.context.width]);
    const own = scope.at(PARTS.compressor);
    const state = input('state', [batch.compress, ...latentShape]);
    const next = step && this.#expectLatents(compressorId, 'step', step(own, state, past, this.options), batch.compress);
    const z = next
      ? this.latentKind(compressorId).apply(own.at('latents'), next, this.latentSettings)
      : this.latents(scope, compressorId, past)!;
    const compress: Graph = { outputs: { latents: z.settled, ...(next ? { next } : {}), ...(z.codes ? { codes: z.codes } : {}) } };
    const made = { compress, act, latentShape, recurrent: Boolean(step), context };
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

/** The settings that a compressor reads, for a stage's key; undefined if it reads none. */
export function compressionOf(kind: string, compression: ModelConfig['compression']): ModelConfig['compression'] | undefined {
  const reads = Object.keys(compressor(kind).settings ?? {});
  return reads.length > 0 ? Object.fromEntries(reads.map(name => [name, compression[name]])) : undefined;
}

/** Settings of compressors with transition counts converted to tokens. */
function inTokens(compression: ModelConfig['compression'], tokensPerTransition: number): ModelConfig['compression'] {
  const counted = (name: string) =>
    compressors.all.some(({ settings = {} }) => name in settings && 'unit' in settings[name] && settings[name].unit === 'transitions');
  const converted = (name: string, value: string | number | undefined) =>
    typeof value === 'number' && counted(name) ? value * tokensPerTransition : value;
  return Object.fromEntries(Object.entries(compression).map(([name, value]) => [name, converted(name, value)]));
}

/** The graph with its parameters and buffers as constants. Throws `E_CHECKPOINT` if one is missing or has another size. */
export function withWeights(graph: Graph, weights: ReadonlyMap<string, Float32Array>, data: ReadonlySet<string>): Graph {
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
