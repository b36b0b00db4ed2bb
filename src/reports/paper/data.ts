/** @file Methods: the environment, its split, and the learning histories (method 5). */

import { type Facts, has } from './facts.ts';
import { environmentProse, sourceProse } from './prose.ts';
import { paragraph, rebase, type Written } from './write.ts';

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

/** How the settings of a table were chosen. */
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
          'Every task that is trained on is learnt anew <config/source/histories|time>, for <config/source/episodes|episode> each; this gives <setting/histories|history>.',
          noise.fraction > 0 &&
            'In a fraction of <config/source/noise/fraction> of the histories uniformly random actions are mixed into what is executed, with a share that each such history draws uniformly between zero and <config/source/noise/max>; labels stay those of the source.',
        ];
  return [
    paragraph(facts, [...made, stride > 1 && 'Of every <config/source/stride|episode> of a history the last is kept.']),
    paragraph(facts, [
      raw`A training sample is one ${config.context.segment ? 'segment' : 'episode'} of a history, drawn uniformly, as the query, with what came before it as the context.`,
      config.queries.early > 0 &&
        'With a probability of <config/queries/early> the query comes from the first half of its history, where the source still changes, and otherwise from all of it.',
      setting.environment.options !== undefined && has(facts, 'reinforce') && 'Reinforcement plays training tasks alone.',
    ]),
  ];
}
