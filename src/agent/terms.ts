/**
 * @file The loss terms (method 4): one record each, read by the graph of a stage, its log and the paper. Shape key: B batch, M latents, D
 * width, H steps of a segment, P numbers of a distribution over actions, K future returns, N bins.
 */

import { compressor, type Latents, latentKind } from '../compressor/index.ts';
import { add, input, matmul, mean, mul, oneHot, relu, sqrt, square, sub, sum, type Tensor, transpose } from '../engine/index.ts';
import { crossEntropy, type Scope, weightedMean } from '../nn/index.ts';
import { type Retrieved, returnLogits } from '../policy/index.ts';
import type { TermWords, WeightedTerm } from '../records/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { CadenzaError } from '../util/errors.ts';
import { Registry } from '../util/registry.ts';
import { type Model, PARTS } from './model.ts';

/** The teacher's probabilities: from a full-context model, from a table of Monte-Carlo estimates, or absent. */
export type TeacherKind = 'model' | 'table' | 'absent';

type PassOptions = { readonly teacher?: TeacherKind; readonly retrieved?: number };

/** One forward pass of an agent over a batch. Its parts are built on demand, so that unused ones are not in the graph. */
export class Pass {
  readonly model: Model;
  readonly scope: Scope;
  readonly teacher: TeacherKind;
  readonly inputs: ReturnType<Model['trainingInputs']>;
  /** Z = C_θ(X); undefined for a compressor that passes nothing on. */
  readonly latents: Latents | undefined;
  readonly #stored?: { readonly latents: Tensor; readonly retrieved?: Retrieved };
  #acting?: ReturnType<Model['actorCritic']>;

  /**
   * @param kind the agent's compressor.
   * @param options `retrieved`: number of retrieved contexts; the policy then reads a stored Z, an input `latents`, and C_θ is only
   * declared.
   */
  constructor(model: Model, scope: Scope, kind: string, batch: number, { teacher = 'absent', retrieved = 0 }: PassOptions = {}) {
    this.model = model;
    this.scope = scope;
    this.teacher = teacher;
    this.inputs = model.trainingInputs(batch);
    this.latents = model.latents(scope, kind, this.inputs);
    const shape = model.latentShape(kind);
    if (retrieved > 0 && shape)
      this.#stored = { latents: input('latents', [batch, ...shape]), retrieved: model.retrievedInputs(batch, retrieved, shape) };
  }

  /** The outputs of A_φ for the query. */
  get acting(): ReturnType<Model['actorCritic']> {
    const latents = this.#stored?.latents ?? this.latents?.trained;
    this.#acting ??= this.model.actorCritic(this.scope, this.inputs.query, latents, this.#stored?.retrieved);
    return this.#acting;
  }
}

/** A term of a loss. Register one with `lossTerms.register`; see `examples`. */
export interface LossTerm extends TermWords {
  readonly id: string;
  /** Its value, a scalar; undefined if it does not apply to the agent. */
  compute(pass: Pass): Tensor | undefined;
  /** Whether a stage can add it by name (`finetune.auxiliary`). */
  readonly auxiliary?: true;
  /** Whether its value is logged, whatever its weight. */
  readonly logged?: boolean;
}

/** −E_{a ~ p_src} log p_φ(a | Z, Q) */
const task: LossTerm = {
  id: 'task',
  symbol: 'α',
  name: 'ℓ_task',
  description: "cross-entropy with the source's distribution over actions",
  logged: true,
  compute({ model: { head }, inputs: { target, weight }, acting }) {
    return weightedMean(head.crossEntropy(target, acting.logits), weight);
  },
};

/** KL(p_T(· | X, Q) ‖ p_φ(· | Z, Q)) */
const kl: LossTerm = {
  id: 'kl',
  symbol: 'β',
  name: 'ℓ_KL',
  description: "divergence from the teacher's distribution over actions",
  compute(pass) {
    const { model, inputs, acting } = pass;
    return weightedMean(model.head.kl(teacherProbabilities(pass), acting.logits), inputs.weight);
  },
};

/** The teacher's probabilities p_T(· | X, Q) [B, H, P]. */
function teacherProbabilities({ model, scope, teacher, inputs }: Pass): Tensor {
  const { query, target } = inputs;
  if (teacher === 'table') return input('teacher', target.shape);
  if (teacher === 'absent') throw new CadenzaError('E_CONFIG', 'a KL term needs a teacher.');
  const own = scope.at(PARTS.teacher);
  return model.head.rows(model.logits(own, query, model.latents(own, 'full', inputs)?.trained));
}

/** −log p_φ(G_k | G_0, …, G_{k−1}, Z, Q) */
const returns: LossTerm = {
  id: 'returns',
  symbol: 'ω',
  name: 'ℓ_ret',
  description: 'cross-entropy of the future returns, each conditioned on the ones before it',
  logged: true,
  compute({ model, scope, inputs: { returnBins, returnWeight }, acting }) {
    if (!model.returns || !returnBins) return undefined;
    const logits_BHKN = returnLogits(scope.at(PARTS.policy), acting.states(), returnBins, model.returns);
    return weightedMean(crossEntropy(logits_BHKN, oneHot(returnBins, model.returns.bins)), returnWeight!);
  },
};

/** L_rec(R_ψ(Z), X) */
const reconstruction: LossTerm = {
  id: 'reconstruction',
  symbol: 'γ',
  name: 'L_rec',
  description: 'error of the context decoded from Z',
  compute({ model, scope, latents, inputs }) {
    return latents && model.reconstruction(scope, latents.trained, inputs).loss;
  },
};

/** R(Z) */
const capacity: LossTerm = {
  id: 'capacity',
  symbol: 'λ_cap',
  name: 'R(Z)',
  description: 'penalty on the capacity of Z, which depends on the kind of latents',
  compute: ({ latents }) => latents?.capacity,
};

/** A number of Z is penalized if its standard deviation over the batch is below this, in units of Z. */
const LEAST_DEVIATION = 1;

/** mean over the numbers of Z of max(0, 1 − std over the batch) */
const variance: LossTerm = {
  id: 'variance',
  auxiliary: true,
  symbol: 'w_var',
  name: 'L_var',
  description: 'keeps the numbers of Z from collapsing to constants (VICReg, Bardes et al. 2022)',
  logged: true,
  compute({ latents }) {
    if (!latents) return undefined;
    const z_BMD = latents.trained;
    const variance_1MD = mean(square(sub(z_BMD, mean(z_BMD, [0], true))), [0], true);
    return mean(relu(sub(LEAST_DEVIATION, sqrt(add(variance_1MD, 1e-4)))));
  },
};

/** mean over latents of Σ_{i ≠ j} C_ij² / D, with C the covariance of their D numbers over the batch */
const covariance: LossTerm = {
  id: 'covariance',
  auxiliary: true,
  symbol: 'w_cov',
  name: 'L_cov',
  description: 'decorrelates the numbers of a latent (VICReg, Bardes et al. 2022)',
  logged: true,
  compute({ latents }) {
    if (!latents) return undefined;
    const z_MBD = transpose(latents.trained, [1, 0, 2]);
    const [M, B, D] = z_MBD.shape;
    const centered_MBD = sub(z_MBD, mean(z_MBD, [1], true));
    const squares = sum(square(matmul(transpose(centered_MBD, [0, 2, 1]), centered_MBD, { alpha: 1 / B })));
    const diagonal = sum(square(mean(square(centered_MBD), [1])));
    return mul(sub(squares, diagonal), 1 / (M * D));
  },
};

/** The registry of loss terms. */
export const lossTerms = new Registry<LossTerm>('loss term', [task, kl, returns, reconstruction, capacity, variance, covariance], {
  symbol: 'string',
  name: 'string',
  description: 'string',
  compute: 'function',
});

/** Terms that stages have only if a configuration names them. */
export const auxiliaryTerms = () => lossTerms.all.filter(({ auxiliary }) => auxiliary).map(({ id }) => id);

/** The return-prediction term, with weight 0 if returns are not predicted. */
export const returnTerm = ({ policy }: Pick<BaseConfig, 'policy'>): WeightedTerm => ({
  term: 'returns',
  weight: policy.returns?.weight ?? 0,
  setting: 'policy.returns.weight',
});

/** λ_cap · R(Z) as a term, for stages that train the compressor; some kinds of latents have a larger minimum weight. */
export function capacityTerm({ latents }: Pick<BaseConfig, 'latents'>, kind: string, lambda: number, setting?: string): WeightedTerm {
  const { leastCapacity } = latentKind(compressor(kind).uncompressed ? 'continuous' : latents.kind);
  const least = leastCapacity?.(latents) ?? 0;
  return { term: 'capacity', weight: Math.max(lambda, least), setting: lambda >= least ? setting : 'latents.commitment' };
}

/**
 * Σ weight · term over the terms that apply and have a weight above 0, and the values of logged terms, whatever their weight.
 *
 * @returns `loss`, a scalar, and `metrics`, scalars by name.
 */
export function lossOf(pass: Pass, terms: readonly WeightedTerm[]): { loss: Tensor; metrics: Record<string, Tensor> } {
  const metrics: Record<string, Tensor> = {};
  const parts: Tensor[] = [];
  for (const { term, weight } of terms) {
    const { compute, logged } = lossTerms.get(term);
    if (weight === 0 && !logged) continue;
    const value = compute(pass);
    if (!value) continue;
    if (logged) metrics[term] = value;
    if (weight !== 0) parts.push(mul(value, weight));
  }
  return { loss: parts.reduce(add), metrics };
}

/** Metrics of the latents, by name. */
export const latentMetrics = (latents: Latents | undefined): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(latents?.metrics ?? {}).map(([name, value]) => [`latents.${name}`, value]));
