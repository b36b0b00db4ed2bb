/** @file Methods: the environment, its split and the learning histories (method 5); the optimizer, the budget of every stage, seeds (method 4.4). */

import type { OptimizerConfig } from '../../settings/base.ts';
import { escapeTex } from './escape.ts';
import { type Facts, has, optimizerPath, stepsPath } from './facts.ts';
import { environmentProse, sourceProse } from './prose.ts';
import { join, paragraph, rebase, type Written, write } from './write.ts';

const raw = String.raw;

/** Whether the audit of the split says how many of a side were used, where that is not all. */
export const audited = ({ results }: Facts, key: 'taught' | 'evaluated'): boolean => Object.hasOwn(results.split, key);

export function environment(facts: Facts): (Written | undefined)[] {
  const { setting, kinds } = facts;
  return [
    paragraph(facts, [
      setting.environment.options && kinds.environment
        ? rebase(environmentProse(kinds.environment), 'setting/environment')
        : raw`The environment is \texttt{<config/env/id>}, of which recordings are used; an episode lasts at most <setting/environment/horizon|step>.`,
    ]),
  ];
}

export function split(facts: Facts): (Written | undefined)[] {
  const { config, results } = facts;
  const { validation } = config.split;
  const side = config.evaluate.tasks;
  return [
    paragraph(facts, [
      'Tasks are split by their content, never by an index.',
      side === 'test'
        ? `There are <results/split/train|training task>${validation > 0 ? ', <config/split/validation|validation task>' : ''} and <results/split/test|test task>;`
        : 'There are <results/split/train|training task> and <results/split/test|validation task>, on which everything reported here was evaluated, while test tasks were left aside;',
      'an audit by content found <results/split/overlap|evaluated task> among those that were trained on.',
      audited(facts, 'taught') && 'Of the training tasks <results/split/taught> were trained on, a random choice.',
    ]),
    paragraph(facts, [selection(facts, results.name)]),
  ];
}

function selection({ results }: Facts, table: string): string {
  const chosen = results.protocols?.[table]?.selection;
  if (!chosen || chosen.by === 'unstated') return 'The record of the run does not say how its settings were chosen.';
  const at = `results/protocols/${table}/selection`;
  const words = {
    preset: 'Settings stood as they are before any result of theirs was seen',
    validation: `Settings were chosen by results on validation tasks${chosen.study ? raw`, in the study with the hash \texttt{<${at}/study>}` : ''}`,
    test: 'Settings were chosen by results on test tasks',
  }[chosen.by];
  return `${words}${chosen.note ? `; in the words of who chose them: \`\`<${at}/note>''` : ''}.`;
}

export function histories(facts: Facts): (Written | undefined)[] {
  const { config, kinds, setting } = facts;
  const { noise, stride } = config.source;
  const made =
    kinds.source === undefined
      ? [
          raw`Learning histories were not generated but imported from files of the layout \texttt{<results/run/imported/main/layout>}; labels are of the kind \texttt{<results/run/imported/main/labels>}.`,
          'Left out were <results/run/imported/main/dropped/heldOut|history> of held-out tasks.',
        ]
      : [
          `The source of learning histories is ${rebase(sourceProse(kinds.source), 'setting/source')}`,
          'Every task that is trained on is learned anew <config/source/histories|time>, for <config/source/episodes|episode> each; this gives <setting/histories|history>.',
          noise.fraction > 0 &&
            'In a fraction of <config/source/noise/fraction> of the histories uniformly random actions are mixed into what is executed, with a share that each such history draws uniformly between zero and <config/source/noise/max>; labels stay those of the source.',
        ];
  return [
    paragraph(facts, [...made, stride > 1 && 'Of every <config/source/stride|episode> of a history the last is kept.']),
    paragraph(facts, [
      raw`A training sample is one ${config.context.segment ? 'segment' : 'episode'} of a history, drawn uniformly, as the query, with what came before it as the context.`,
      config.queries.earlyEpisodeFraction > 0 &&
        'With a probability of <config/queries/earlyEpisodeFraction> the query comes from the first half of its history, where the source still changes, and otherwise from all of it.',
      setting.environment.options !== undefined && has(facts, 'reinforce') && 'Reinforcement plays training tasks alone.',
    ]),
  ];
}

const COLUMNS: readonly (readonly [title: string, key: keyof OptimizerConfig])[] = [
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
  distill: 'distillation',
  finetune: 'joint fine-tuning',
  reinforce: 'reinforcement',
  retrieve: 'retrieval',
  baselines: 'baselines',
};

export function training(facts: Facts): (Written | undefined)[] {
  return [
    paragraph(facts, [
      raw`All stages use AdamW~\cite{loshchilov2019} with $\epsilon = <setting/optimizer/epsilon>$; gradients are clipped to a global norm~\cite{pascanu2013}.`,
      'The learning rate rises linearly over the warm-up and then falls by a cosine to a fraction of its peak at the last step.',
      'Weight decay is decoupled and leaves vectors out.',
      raw`Table~\ref{tab:training} has the settings of every stage.`,
      'All networks were trained and evaluated from scratch with <results/seeds|training seed> (<config/seeds>); the data have the seed <config/seed>.',
    ]),
    table(facts),
  ];
}

function table(facts: Facts): Written | undefined {
  const rows = facts.stages.map(({ name: stage }) => {
    const cells = [`<${stepsPath(facts, stage)}>`, ...COLUMNS.map(([, key]) => `<${optimizerPath(facts, stage, key)}>`)];
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
