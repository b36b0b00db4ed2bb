/** @file Methods: environment, split and learning histories (method 5); optimizer, training budget of every stage, seeds (method 4.4). */

import type { BaseConfig, OptimizerConfig } from '../../settings/base.ts';
import { escapeTex } from './escape.ts';
import { type Facts, has, optimizerPath, stepsPath } from './facts.ts';
import { environmentProse, sourceProse } from './prose.ts';
import { join, paragraph, rebase, type Written, write } from './write.ts';

const raw = String.raw;

/** Whether only a subset of one side of the split was used; its audit then has the number. */
export const audited = ({ results }: Facts, key: 'taught' | 'evaluated'): boolean => Object.hasOwn(results.split, key);

export function environment(facts: Facts): (Written | undefined)[] {
  const { setting, kinds } = facts;
  return [
    paragraph(facts, [
      setting.environment.options && kinds.environment
        ? rebase(environmentProse(kinds.environment), 'setting/environment')
        : raw`The environment is \texttt{<config/env/id>}, which is available as recordings only; an episode lasts at most <setting/environment/horizon|step>.`,
    ]),
  ];
}

export function split(facts: Facts): (Written | undefined)[] {
  const { config, results } = facts;
  const { validation } = config.split;
  const side = config.evaluate.tasks;
  return [
    paragraph(facts, [
      'Tasks are split by their content, not by an index.',
      side === 'test'
        ? `There are <results/split/train|training task>${validation > 0 ? ', <config/split/validation|validation task>' : ''} and <results/split/test|test task>;`
        : 'There are <results/split/train|training task> and <results/split/test|validation task>, on which all results here were evaluated; test tasks were not used;',
      'an audit by content found <results/split/overlap|evaluated task> among the training tasks.',
      audited(facts, 'taught') && 'Training used a random subset of <results/split/taught> training tasks.',
    ]),
    paragraph(facts, [selection(facts, results.name)]),
  ];
}

function selection({ results }: Facts, table: string): string {
  const chosen = results.protocols?.[table]?.selection;
  if (!chosen || chosen.by === 'unstated') return 'The record of the run does not state how its settings were selected.';
  const at = `results/protocols/${table}/selection`;
  const words = {
    preset: 'Settings were fixed before any of their results were seen',
    validation: `Settings were selected by results on validation tasks${chosen.study ? raw`, in the study with the hash \texttt{<${at}/study>}` : ''}`,
    test: 'Settings were selected by results on test tasks',
  }[chosen.by];
  return `${words}${chosen.note ? `; stated reason: \`\`<${at}/note>''` : ''}.`;
}

export function histories(facts: Facts): (Written | undefined)[] {
  const { config, kinds, setting } = facts;
  const { noise, stride } = config.source;
  const { consecutive, restart, earlyEpisodeFraction, curriculum } = config.queries;
  const made =
    kinds.source === undefined
      ? [
          raw`Learning histories were imported from files of the layout \texttt{<results/run/imported/main/layout>}; labels are of the kind \texttt{<results/run/imported/main/labels>}.`,
          'The import excluded <results/run/imported/main/dropped/heldOut|history> of held-out tasks.',
        ]
      : [
          `The source of learning histories is ${rebase(sourceProse(kinds.source), 'setting/source')}`,
          'It learns every training task from scratch <config/source/histories|time>, for <config/source/episodes|episode> each, which gives <setting/histories|history>.',
          noise.fraction > 0 &&
            'In a fraction of <config/source/noise/fraction> of the histories, uniformly random actions replace some of the executed actions, with a probability that each such history draws uniformly between zero and <config/source/noise/max>; labels are still those of the source.',
        ];
  return [
    paragraph(facts, [...made, stride > 1 && 'Histories are subsampled: only the last of every <config/source/stride|episode> is kept.']),
    paragraph(facts, [
      raw`A training sample is one ${consecutive ? '' : 'uniformly drawn '}${config.context.segment ? 'segment' : 'episode'} of a history as the query, with the transitions before it as the context.`,
      consecutive &&
        'A batch has <config/queries/perHistory|consecutive query> of each of its histories, and the next batch continues them. A recurrent compressor carries $Z$ from each to the next, and gradients flow through those of one batch (truncated backpropagation through time).',
      restart > 0 && 'After every query, a history is left for another one with a probability of <config/queries/restart>.',
      earlyEpisodeFraction > 0 &&
        'With a probability of <config/queries/earlyEpisodeFraction>, the query comes from the first half of its history, where the source still improves, and otherwise from all of it.',
      curriculum &&
        raw`A curriculum~\cite{platanios2019} orders histories by ${EASIEST[curriculum.order]}: the first training step of a stage draws from the first <config/queries/curriculum/from> of them, a fraction that rises linearly to one at step <config/queries/curriculum/steps>.`,
      setting.environment.options !== undefined && has(facts, 'reinforce') && 'Reinforcement uses training tasks only.',
    ]),
  ];
}

/** What a curriculum orders histories by. */
const EASIEST: Readonly<Record<NonNullable<BaseConfig['queries']['curriculum']>['order'], string>> = {
  length: 'their number of transitions',
  changes: 'the number of times that their task changes',
};

const COLUMNS: readonly (readonly [title: string, key: keyof OptimizerConfig])[] = [
  ['batch', 'batch'],
  ['learning rate', 'learningRate'],
  ['warm-up', 'warmup'],
  ['final fraction', 'decayTo'],
  ['weight decay', 'weightDecay'],
  ['clip', 'clip'],
  [raw`$\beta_1$`, 'beta1'],
  [raw`$\beta_2$`, 'beta2'],
];

/** Names of the stages in the table; other stages have their own name. */
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
      raw`All stages use AdamW~\cite{loshchilov2019} with $\epsilon = <setting/optimizer/epsilon>$; gradients are clipped by their global norm~\cite{pascanu2013}.`,
      'The learning rate increases linearly during warm-up and then follows a cosine decay to a fraction of its peak at the last step.',
      'Weight decay is decoupled and not applied to vectors.',
      raw`Table~\ref{tab:training} lists the settings of every stage.`,
      'All networks were trained from scratch and evaluated with <results/seeds|training seed> (<config/seeds>); the seed of the data is <config/seed>.',
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
\centering\footnotesize\setlength{\tabcolsep}{4pt}
\caption{Training by stage: steps, batch size in sequences, peak learning rate, warm-up steps, final learning rate as a fraction of the peak, weight decay, largest gradient norm, and decay rates of the moment estimates.}
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
