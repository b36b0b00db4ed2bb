/** @file Methods: the optimiser, the budget of every stage as a table, and seeds (method 4.4). */

import type { OptimiserConfig } from '../../settings/base.ts';
import { escapeTex } from './escape.ts';
import { type Facts, optimiserPath, stepsPath } from './facts.ts';
import { join, paragraph, type Written, write } from './write.ts';

const raw = String.raw;

const COLUMNS: readonly (readonly [title: string, key: keyof OptimiserConfig])[] = [
  ['batch', 'batch'],
  ['rate', 'learningRate'],
  ['warm-up', 'warmup'],
  ['final', 'decayTo'],
  ['decay', 'weightDecay'],
  ['clip', 'clip'],
  [raw`$\beta_1$`, 'beta1'],
  [raw`$\beta_2$`, 'beta2'],
];

/** What the table calls the stages; another one by its own name. */
const NAMES: Readonly<Record<string, string>> = {
  teacher: 'teacher',
  pretrain: 'pretraining',
  distil: 'distillation',
  finetune: 'joint fine-tuning',
  reinforce: 'reinforcement',
  retrieve: 'retrieval',
  baselines: 'baselines',
};

export function training(facts: Facts): (Written | undefined)[] {
  return [
    paragraph(facts, [
      raw`All stages use AdamW~\cite{loshchilov2019} with $\epsilon = <setting/optimiser/epsilon>$; gradients are clipped to a global norm~\cite{pascanu2013}.`,
      'The learning rate rises linearly over the warm-up and then falls by a cosine to a fraction of its peak at the last step.',
      'Weight decay is decoupled and leaves vectors out.',
      raw`Table~\ref{tab:training} has the settings of every stage.`,
      'All networks were trained and evaluated from scratch with <results/seeds|training seed> (<config/seeds>); the data have the seed <config/seed>.',
    ]),
    table(facts),
  ];
}

/** Steps and settings of every stage. */
function table(facts: Facts): Written | undefined {
  const rows = facts.stages.map(({ name: stage }) => {
    const cells = [`<${stepsPath(facts, stage)}>`, ...COLUMNS.map(([, key]) => `<${optimiserPath(facts, stage, key)}>`)];
    return write(facts, raw`${NAMES[stage] ?? escapeTex(stage)} & ${cells.join(' & ')} \\`);
  });
  const heads = ['stage', 'steps', ...COLUMNS.map(([title]) => title)];
  return join(
    [
      raw`\begin{table}[htbp]
\centering\small
\caption{Training by stage: steps, sequences in a batch, peak learning rate, steps of warm-up, final rate as a fraction of the peak, weight decay, largest norm of the gradient, and decays of the running means.}
\label{tab:training}
\begin{tabular}{l${'r'.repeat(heads.length - 1)}}
\toprule
${heads.join(' & ')} \\
\midrule`,
      ...rows,
      raw`\bottomrule
\end{tabular}
\end{table}`,
    ],
    '\n',
  );
}
