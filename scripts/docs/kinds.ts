/** @file The page of what can be chosen by an id: environments, sources, compressors and the others, with their options. */

import { baselines } from '../../src/agent/baselines/index.ts';
import { lossTerms } from '../../src/agent/terms.ts';
import { compressors, latentKinds } from '../../src/compressor/index.ts';
import { environments } from '../../src/envs/index.ts';
import { heads } from '../../src/policy/heads/index.ts';
import { figures } from '../../src/reports/figures/index.ts';
import { sources } from '../../src/sources/index.ts';
import { problems } from '../../src/supervised/index.ts';
import { tokenizers } from '../../src/tokenizers/index.ts';
import { STAGE_HELP } from '../../src/training/stages/names.ts';
import type { OptionTable } from '../../src/util/options.ts';
import { code, page, sentence, table } from './markdown.ts';

interface Kind {
  readonly id: string;
  readonly description?: string;
  readonly options?: OptionTable;
}

export function kindsPage(): string {
  return page(
    'Kinds',
    'What is built in, by the ids that settings take. [Modules of your own](../tutorials/environment.md) register more.',
    part('Environments', 'The setting `env.id`; options are `env.options`.', environments.all),
    part('Sources', 'The setting `source.id`; options are `source.options`.', sources.all),
    part(
      'Compressors',
      'The setting `compressor`; their own settings are the section [`compression`](settings.md#reinforcement-compression).',
      compressors.all,
    ),
    part('Kinds of latents', 'The setting `latents.kind`.', latentKinds.all),
    part('Tokenizers', 'The setting `tokenizer`.', tokenizers.all as readonly Kind[]),
    part('Heads', 'The setting `policy.head.kind`.', heads.all as readonly Kind[]),
    part('Baselines', 'The setting `baselines.methods`.', baselines.all),
    part(
      'Training stages',
      'Each has a section of [settings](settings.md) and a [command](commands.md).',
      Object.entries(STAGE_HELP).map(([id, description]) => ({ id, description })),
    ),
    part('Loss terms', 'Terms that can be added by name (`finetune.auxiliary`), and those that stages have themselves.', lossTerms.all),
    part(
      'Figures',
      'Drawn on the pages and in the papers of runs whose results have what they show.',
      figures.all.map(({ id, title }) => ({ id, description: title })),
    ),
    part(
      'Supervised problems',
      'The setting `problem.id` of supervised experiments; options are `problem.options`.',
      problems.all as readonly Kind[],
    ),
  );
}

function part(title: string, introduction: string, kinds: readonly Kind[]): string {
  const described = kinds.map(({ id, description }) => [code(id), sentence(description ?? '')]);
  const options = kinds.filter(kind => Object.keys(kind.options ?? {}).length > 0);
  return [
    `## ${title}`,
    introduction,
    table(['id', 'what it is'], described),
    ...options.map(kind => `### Options of \`${kind.id}\`\n\n${optionTable(kind.options!)}`),
  ].join('\n\n');
}

function optionTable(options: OptionTable): string {
  const rows = Object.entries(options).map(([name, option]) => [
    code(name),
    option.default === undefined ? 'required' : code(JSON.stringify(option.default)),
    'range' in option ? `${option.range[0]} to ${option.range[1]}` : '',
    sentence(option.about),
  ]);
  return table(['option', 'default', 'range', 'what it is'], rows);
}
