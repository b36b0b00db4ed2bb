/** @file Methods: the loss of each training stage, with the terms that the run uses (method 4). */

import type { StageDescription } from '../../records/index.ts';
import { reconstructs } from './architecture.ts';
import { escapeTex, symbolTex } from './escape.ts';
import { type Facts, has, minimizes } from './facts.ts';
import { KL, latentProse, RECONSTRUCTION, RETURNS, TASK } from './prose.ts';
import { enumeration, paragraph, rebase, type Written } from './write.ts';

const raw = String.raw;

interface Term {
  /** Symbol of the weight, empty if that is 1, and the path of its value. */
  readonly symbol: string;
  readonly path: string;
  readonly loss: string;
}

/** α ℓ_task + β ℓ_KL */
const sum = (terms: readonly Term[]): string => terms.map(({ symbol, loss }) => `${symbol} ${loss}`.trim()).join(' + ');

/** with $\alpha = 1$ and $\beta = 0.5$ */
const values = (terms: readonly Term[]): string => {
  const weighted = terms.filter(({ symbol }) => symbol !== '');
  return weighted.length === 0 ? '' : ` with ${enumeration(weighted.map(({ symbol, path }) => `$${symbol} = <${path}>$`))}`;
};

/** The loss of a stage: the terms with weights other than 0, and R(Z) only if the kind of latents has one. */
export function termsOf({ stages, kinds }: Facts, stage: string): Term[] {
  const loss = stages.find(({ name }) => name === stage)?.loss ?? [];
  return loss
    .filter(({ term }) => term !== 'capacity' || kinds.latents.capacity)
    .map(({ symbol, name, setting }) => ({
      symbol: setting === undefined ? '' : symbolTex(symbol),
      path: setting === undefined ? '' : `config/${setting.replaceAll('.', '/')}`,
      loss: symbolTex(name),
    }));
}

/** The terms without a sentence of their own. */
const auxiliary = ({ stages }: Facts) =>
  new Map(
    stages.flatMap(({ loss = [] }) => loss.filter(({ term }) => !EXPLAINED.includes(term)).map(each => [each.name, each.description])),
  );

const EXPLAINED: readonly string[] = ['task', 'kl', 'returns', 'reconstruction', 'capacity'];

export function objective(facts: Facts): (Written | undefined)[] {
  const { config, kinds, setting, results } = facts;
  const penalized = kinds.latents.capacity && minimizes(facts, 'capacity');
  const tasks = config.distill.alpha > 0 || ['teacher', 'baselines', 'retrieve'].some(name => has(facts, name));
  const imported = results.run.imported !== undefined;
  return [
    paragraph(facts, [
      raw`Let $\langle \cdot \rangle$ denote the mean over all steps of a batch at which the agent chooses the action.`,
      tasks &&
        raw`The task loss is the cross-entropy with $p_\mathrm{src}$, ${
          imported
            ? 'the labels of the imported histories'
            : 'the full distribution from which the source drew its action, which is recorded with the history'
        }, \[ ${TASK} = -\big\langle \mathbb{E}_{a \sim p_\mathrm{src}} \log p_\phi(a \mid Z, Q) \big\rangle. \]`,
      minimizes(facts, 'kl') && teacherLoss(facts),
      config.policy.returns &&
        raw`The loss of predicted returns is ${'$'}${RETURNS} = -\langle \log p_\phi(G_k \mid G_0, \dots, G_{k-1}, Z, Q) \rangle$, over all episodes that are complete in the history.`,
      reconstructs(facts) &&
        raw`The reconstruction loss is a mean over the fields $f$ of a token, \[ ${RECONSTRUCTION} = \frac{1}{|F|} \sum_{f \in F} \big\langle \ell_f(R_\psi(Z), X) \big\rangle_f, \] where $\ell_f$ is the cross-entropy for discrete fields and the squared error for others, on the raw values of $X$ and only where the field is present.`,
      ...[...auxiliary(facts)].map(
        ([name, description]) => `${'$'}${symbolTex(name)}${'$'} is an auxiliary term: ${escapeTex(description)}.`,
      ),
      penalized && raw`The capacity penalty is ${rebase(latentProse(kinds.latents).capacity ?? '', 'config')}.`,
    ]),
    paragraph(facts, [
      'Training has these stages; each starts from the weights of the previous ones.',
      has(facts, 'teacher') &&
        raw`The \emph{teacher}, a transformer that attends to every encoded token of $X$ instead of $Z$, minimizes ${'$'}${sum(termsOf(facts, 'teacher'))}$${values(termsOf(facts, 'teacher'))}.`,
      has(facts, 'pretrain') &&
        raw`\emph{Pretraining} of $C_\theta$ and $R_\psi$ minimizes $\mathcal{L}_\mathrm{pre} = ${sum(termsOf(facts, 'pretrain'))}$${values(termsOf(facts, 'pretrain'))}.`,
      has(facts, 'distill') &&
        raw`\emph{Distillation} trains $A_\phi$ with $C_\theta$ frozen${has(facts, 'pretrain') ? '' : ' at its random initialization'} on $\mathcal{L}_\mathrm{AD} = ${sum(termsOf(facts, 'distill'))}$${values(termsOf(facts, 'distill'))}.`,
      has(facts, 'finetune') && finetuning(facts, has(facts, 'distill')),
    ]),
    has(facts, 'reinforce') ? reinforcement(facts) : undefined,
    paragraph(facts, [
      has(facts, 'retrieve') &&
        raw`\emph{Retrieval}: $A_\phi$ is trained further on ${'$'}${TASK}$ with $C_\theta$ frozen and with retrieved contexts, from databases of <config/retrieve/histories|history> of every training task; each sample uses one of the databases \texttt{<config/retrieve/stores>}, drawn at random.`,
      has(facts, 'retrieve') &&
        config.retrieve.laterQueryProbability > 0 &&
        'If all contexts of a sample come from its own task, its query comes from the later half of its history with a probability of <config/retrieve/laterQueryProbability>.',
    ]),
    ...facts.stages.filter(({ name }) => !DESCRIBED.includes(name)).map(stage => otherStage(facts, stage)),
    setting.monteCarlo ? monteCarlo(facts) : undefined,
  ];
}

/** Stages with sentences of their own. */
const DESCRIBED: readonly string[] = ['teacher', 'pretrain', 'distill', 'finetune', 'reinforce', 'retrieve', 'baselines'];

function otherStage(facts: Facts, { name, help, loss = [] }: StageDescription): Written | undefined {
  const terms = termsOf(facts, name);
  const what = `The stage \\emph{${escapeTex(name)}}: ${escapeTex(help)}`;
  return paragraph(facts, [loss.length > 0 ? `${what}, by minimizing ${'$'}${sum(terms)}$${values(terms)}.` : `${what}.`]);
}

function teacherLoss({ config }: Facts): string {
  const who = config.teacher.kind === 'context' ? 'the full-context teacher' : 'a teacher trained by Monte Carlo control';
  return raw`The agent also imitates ${who} $p_T$, with the loss ${'$'}${KL} = \big\langle \mathrm{KL}\big(p_T(\cdot \mid X, Q) \,\|\, p_\phi(\cdot \mid Z, Q)\big) \big\rangle$.`;
}

function finetuning(facts: Facts, afterwards: boolean): string {
  const terms = termsOf(facts, 'finetune');
  const { compressorLearningRateScale, gamma } = facts.config.finetune;
  const parts = enumeration([
    ...(compressorLearningRateScale > 0 ? [raw`$C_\theta$`] : []),
    raw`$A_\phi$`,
    ...(gamma > 0 ? [raw`$R_\psi$`] : []),
  ]);
  const slow =
    compressorLearningRateScale === 0
      ? raw`, while $C_\theta$ is frozen`
      : raw`, with <config/finetune/compressorLearningRateScale> times the learning rate for $C_\theta$ and a weight decay of <config/finetune/compressorWeightDecay>`;
  return raw`\emph{Joint fine-tuning} ${afterwards ? 'then ' : ''}trains ${parts} on $\mathcal{L}_\mathrm{joint} = ${sum(terms)}$${values(terms)}${slow}.`;
}

function reinforcement(facts: Facts): Written | undefined {
  const { reinforce } = facts.config;
  const parts = [
    ['policyWeight', raw`-w_\pi`, raw`\big\langle \min(\rho A, \mathrm{clip}(\rho, 1 - \epsilon, 1 + \epsilon) A) \big\rangle`],
    ['valueWeight', '+ w_V', raw`\big\langle (V - V^\mathrm{target})^2 \big\rangle`],
    ['entropyWeight', '- w_H', raw`\big\langle \mathrm{H}(p_\phi) \big\rangle`],
    ['klWeight', raw`+ w_\mathrm{KL}`, raw`\big\langle \mathrm{KL}(p_\mathrm{ref} \,\|\, p_\phi) \big\rangle`],
    ['imitationWeight', '+ w_I', raw`\big\langle -\mathbb{E}_{a \sim y} \log p_\phi(a \mid Z, Q) \big\rangle`],
  ] as const;
  const used = parts.filter(([key]) => reinforce[key] > 0 && (key !== 'valueWeight' || reinforce.policyWeight > 0));
  const loss = used
    .map(([, weight, term]) => `${weight} ${term}`)
    .join(' ')
    .replace(/^\+ /, '');
  const weights = enumeration(used.map(([key, weight]) => `$${weight.replace(/^[+-] ?/, '')} = <config/reinforce/${key}>$`));
  const optimized = reinforce.policyWeight > 0;
  const labeled = reinforce.imitationWeight > 0;
  return paragraph(facts, [
    raw`\emph{Reinforcement} trains the agent further on its own rollouts in training tasks${optimized ? raw`, by proximal policy optimization~\cite{schulman2017}` : ''}${labeled ? raw`${optimized ? ' and' : ','} by imitation of labels for its own steps~\cite{ross2011}` : ''}.`,
    'An iteration collects <config/reinforce/streams|stream> of <config/reinforce/episodes|episode>, each starting with an empty memory, and trains on them <config/reinforce/epochs|time>.',
    raw`The loss is \[ ${loss} \] with ${weights}.`,
    optimized &&
      raw`Here $\rho$ is the ratio of an action's probability to its probability in the rollout, $\epsilon = <config/reinforce/clipRatio>$, and $A$ are standardized generalized advantages~\cite{schulman2016} over the whole stream with a discount of <config/reinforce/discount>${
        reinforce.crossEpisodeDiscount === 1 ? '' : ', multiplied by <config/reinforce/crossEpisodeDiscount> between two episodes,'
      } and $\lambda = <config/reinforce/lambda>$.`,
    optimized &&
      'The value head $V$ reads the hidden states of the policy without passing gradients to them, with <config/reinforce/valueLearningRateScale> times the learning rate.',
    optimized && reinforce.valueSteps > 0 && 'The first <config/reinforce/valueSteps|iteration> only train the value head.',
    reinforce.klWeight > 0 && raw`$p_\mathrm{ref}$ is the policy at the beginning of the stage.`,
    labeled &&
      `The labels $y$ are ${
        reinforce.labels === 'source'
          ? 'the action distributions of the source, which observes the agent and learns from its steps'
          : 'Monte Carlo estimates of optimal actions'
      }.`,
    reinforce.compressorLearningRateScale > 0
      ? raw`$C_\theta$ uses <config/reinforce/compressorLearningRateScale> times the learning rate of the policy.`
      : raw`$C_\theta$ is frozen.`,
  ]);
}

const monteCarlo = (facts: Facts) =>
  paragraph(facts, [
    raw`Optimal actions are estimated on the simulator of each training task by Monte Carlo control with exploring starts~\cite{sutton2018}, with at most <setting/monteCarlo/options/sweeps|sweep> over all state--action pairs and a discount of <setting/monteCarlo/options/discount>.`,
  ]);
