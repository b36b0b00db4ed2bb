/**
 * @file The models of an experiment as graphs: what each training stage minimises, and what acts.
 * Shape key: B batch, N context tokens, T query tokens, F features, M latents, D width, H horizon, A actions.
 */

import { type CompressorOptions, compressor, reconstruct, reconstructionLoss } from '../compressor/index.ts';
import { add, constant, type Graph, input, mean, mul, rewrite, slice, softmax, square, type Tensor } from '../engine/index.ts';
import { crossEntropy, klDivergence, Scope, weightedMean } from '../nn/index.ts';
import { actionLogits } from '../policy/index.ts';
import type { EnvFamily } from '../rl/index.ts';
import { type BatchShape, type Tokenizer, tokenizer } from '../tokenizers/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { ExperimentConfig } from './config.ts';

export type ModelConfig = Pick<ExperimentConfig, 'tokenizer' | 'context' | 'model' | 'compressor'>;

/** Where the parameters of each part live: a stage trains parts, and freezes others, by these prefixes. */
export const PARTS = { compressor: 'compressor', policy: 'policy', decoder: 'decoder', teacher: 'teacher' } as const;

/** Everything that follows from the configuration and the family: layouts, sizes, and the graphs over them. */
export class Model {
  readonly family: EnvFamily;
  readonly tokenizer: Tokenizer;
  readonly options: CompressorOptions;
  readonly decoderLayers: number;
  readonly contextTransitions: number;
  readonly contextTokens: number;

  constructor(config: ModelConfig, family: EnvFamily) {
    const { width, heads, feedForward, encoderLayers, encoderSpan, poolHeads, decoderLayers, latents } = config.model;
    this.family = family;
    this.tokenizer = tokenizer(config.tokenizer, family);
    this.decoderLayers = decoderLayers;
    this.contextTransitions = config.context.episodes * family.horizon;
    this.contextTokens = this.contextTransitions * this.tokenizer.tokensPerTransition;
    const span = encoderSpan === 'context' ? this.contextTokens : family.horizon * this.tokenizer.tokensPerTransition;
    this.options = { width, heads, hidden: feedForward * width, layers: encoderLayers, latents, poolHeads, span };
  }

  batchShape(batch: number): BatchShape {
    return { batch, contextTransitions: this.contextTransitions, horizon: this.family.horizon, actions: this.family.actionSpace.n };
  }

  /** The batch as graph inputs: context [B, N, F], query [B, T, F], target [B, H, A], weight [B, H]. */
  inputs(batch: number) {
    const { horizon, actionSpace } = this.family;
    return {
      context: input('context', [batch, this.contextTokens, this.tokenizer.context.width]),
      query: input('query', [batch, this.tokenizer.queryTokens(horizon), this.tokenizer.query.width]),
      target: input('target', [batch, horizon, actionSpace.n]),
      weight: input('weight', [batch, horizon]),
    };
  }

  /** Z = C_θ(X), [B, M, D]; undefined for a compressor that passes nothing on. */
  latents(scope: Scope, kind: string, context_BNF: Tensor): Tensor | undefined {
    const chosen = compressor(kind);
    if (chosen.latents(this.contextTokens, this.options) === 0) return undefined;
    return chosen.compress(scope.at(PARTS.compressor), context_BNF, this.options);
  }

  /** Action logits [B, H, A] at the tokens where actions are predicted. */
  logits(scope: Scope, query_BTF: Tensor, z_BMD: Tensor | undefined): Tensor {
    const { width, heads, hidden } = this.options;
    const actions = this.family.actionSpace.n;
    const all = actionLogits(scope.at(PARTS.policy), query_BTF, z_BMD, { width, heads, hidden, layers: this.decoderLayers, actions });
    const stride = this.tokenizer.predictionIndex(1) - this.tokenizer.predictionIndex(0);
    return slice(all, 1, 0, all.shape[1], stride);
  }

  /** L_rec and its parts. */
  reconstruction(scope: Scope, z_BMD: Tensor, context_BNF: Tensor) {
    const layout = this.tokenizer.context;
    return reconstructionLoss(
      reconstruct(scope.at(PARTS.decoder), z_BMD, this.contextTokens, layout, this.options.heads),
      context_BNF,
      layout,
    );
  }

  /** Everything that one student of compressor `kind` minimises, as separate scalars; what a stage does not use is never computed. */
  losses(scope: Scope, kind: string, batch: number, teacher: 'model' | 'table' | 'absent') {
    const { context, query, target, weight } = this.inputs(batch);
    const z = this.latents(scope, kind, context);
    const logits = this.logits(scope, query, z);
    const task = weightedMean(crossEntropy(logits, target), weight);
    const kl = () => weightedMean(klDivergence(this.#teacherProbabilities(scope, teacher, { context, query, target }), logits), weight);
    return { z, context, task, kl };
  }

  /** p_T(·|X, Q) [B, H, A]: the full-context transformer's, or looked up in a table of Monte-Carlo estimates. */
  #teacherProbabilities(
    scope: Scope,
    teacher: 'model' | 'table' | 'absent',
    { context, query, target }: { context: Tensor; query: Tensor; target: Tensor },
  ): Tensor {
    if (teacher === 'table') return input('teacher', target.shape);
    if (teacher === 'absent') throw new CadenzaError('E_CONFIG', 'a KL term needs a teacher.');
    const own = scope.at(PARTS.teacher);
    return softmax(this.logits(own, query, this.latents(own, 'full', context)));
  }

  /** R(Z) of L_pre: the mean square of the latents (L2 penalty). */
  capacity(z_BMD: Tensor): Tensor {
    return mean(square(z_BMD));
  }

  /** The inference graphs of a student: context → latents (absent when nothing is carried), and query with latents → probabilities. */
  inference(kind: string, batch: { compress: number; act: number }): { compress?: Graph; act: Graph; latentShape?: readonly number[] } {
    const scope = new Scope();
    const { query } = this.inputs(batch.act);
    const z = this.latents(scope, kind, this.inputs(batch.compress).context);
    const latentShape = z?.shape.slice(1);
    const latents = latentShape && input('latents', [batch.act, ...latentShape]);
    const act: Graph = { outputs: { probabilities: softmax(this.logits(scope, query, latents)) } };
    return z ? { compress: { outputs: { latents: z } }, act, latentShape } : { act };
  }
}

/** Σ weight · loss over the terms whose weight is not 0. */
export function weighted(terms: readonly (readonly [weight: number, loss: () => Tensor])[]): Tensor {
  const used = terms.filter(([weight]) => weight !== 0).map(([weight, loss]) => mul(loss(), weight));
  return used.reduce(add);
}

/** The graph with its parameters written into it as constants. Throws `E_CHECKPOINT` when one is missing or has another size. */
export function withWeights(graph: Graph, weights: ReadonlyMap<string, Float32Array>, data: ReadonlySet<string>): Graph {
  return rewrite(graph, node => {
    const name = node.attributes.name as string;
    if (node.op.name !== 'input' || data.has(name)) return undefined;
    const values = weights.get(name);
    const [{ shape }] = node.outputs;
    const size = shape.reduce((a, b) => a * b, 1);
    if (values?.length !== size)
      throw new CadenzaError(
        'E_CHECKPOINT',
        `the model has a parameter "${name}" of shape [${shape.join(', ')}] (${size} numbers), the checkpoint ${values ? `has ${values.length} numbers there` : 'does not have it'}. It belongs to another configuration; remove it or restore the settings it was trained with.`,
      );
    return [constant(values, shape)];
  });
}
