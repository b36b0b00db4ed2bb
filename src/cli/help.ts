/** @file What `--help` of each command ends with: examples to be copied, and where more is said. */

import type { Command } from 'commander';
import { STAGE_COMMANDS } from '../training/stages/names.ts';
import { commandLine } from './ending.ts';

interface Help {
  /** Arguments after `cadenza`, and what that does. */
  readonly examples: readonly (readonly [args: string, does: string])[];
  /** A document of the package, with its section. */
  readonly see: string;
}

const COMMAND_LINE = 'README.md#the-command-line';
const EXPERIMENTS = 'docs/how-to/experiments.md';
const SWEEPS = 'docs/how-to/sweeps.md';
const STORE = 'docs/how-to/store.md';
const DATASETS = 'docs/how-to/datasets.md';
const EVALUATION = 'docs/concepts/evaluation.md';

/** By the words of the command; that of the program itself is empty. */
export const HELP: Readonly<Record<string, Help>> = {
  '': {
    examples: [
      ['run dark-room', 'train and evaluate everything of a preset, about 5 minutes'],
      ['init my-project', 'begin with an environment of your own'],
      ['run --help', 'more on one command'],
    ],
    see: COMMAND_LINE,
  },
  run: {
    examples: [
      ['run dark-room', 'a preset; the same command again continues'],
      ['run my-experiment.yaml --dry-run', 'stages, what is finished, time and memory'],
      ['run dark-room --set finetune.steps=3000 --set name=longer', 'settings of your own'],
      ['run dark-room --set model.latents=2,4,8', 'a sweep: one table and curve'],
      ['run dark-room-full --jobs 3 --set executor.threads=1', 'seeds in processes of their own'],
    ],
    see: EXPERIMENTS,
  },
  ...Object.fromEntries(
    Object.keys(STAGE_COMMANDS).map((stage): [string, Help] => {
      const preset = ['audit', 'train'].includes(stage) ? 'regression' : 'dark-room';
      const needs: Readonly<Record<string, string>> = {
        consolidate: ' --set consolidate.steps=500',
        reinforce: ' --set reinforce.steps=60',
        retrieve: ' --set policy.retrieval.contexts=4',
      };
      const command = `${stage} ${preset}${needs[stage] ?? ''}`;
      return [
        stage,
        {
          examples: [
            [command, 'the stage, with whatever it needs and is not there'],
            [`${command} --dry-run`, 'which stages these are'],
          ],
          see: 'docs/concepts/training.md#stages',
        },
      ];
    }),
  ),
  ablate: {
    examples: [
      ['ablate matrix --dry-run', 'all combinations, and what they take'],
      ['ablate weights --jobs 3', 'combinations in processes of their own'],
      ['ablate my-ablation.yaml --set seeds=[0,1,2]', 'settings of all combinations'],
    ],
    see: `${SWEEPS}#ablations`,
  },
  tune: {
    examples: [
      ['tune dark-room --space dark-room', '16 random trials'],
      ['tune my-experiment.yaml --space my-space.yaml --method halving --trials 27', 'most steps for the best trials'],
    ],
    see: `${SWEEPS}#search-settings`,
  },
  list: {
    examples: [
      ['list', 'the runs in the folder runs'],
      ['list runs results --json', 'those of two folders, for a program'],
    ],
    see: `${EXPERIMENTS}#before-a-run`,
  },
  compare: {
    examples: [
      ['compare runs/dark-room runs/longer', 'the agents of two runs'],
      ['compare runs/dark-room --method cad,teacher', 'two rows of one run'],
    ],
    see: `${EVALUATION}#what-an-interval-covers`,
  },
  report: {
    examples: [
      ['report runs/dark-room', 'one page, and a paper'],
      ['report runs/dark-room runs/longer --out report', 'two runs side by side'],
    ],
    see: 'docs/tutorials/paper.md',
  },
  store: { examples: [['store build runs/dark-room --out contexts.db', 'the contexts of a run']], see: STORE },
  'store build': {
    examples: [
      ['store build runs/dark-room --out contexts.db', 'contexts of the training histories'],
      ['store build runs/dark-room --out contexts.db --from test', 'of rollouts on the test tasks'],
    ],
    see: STORE,
  },
  'store query': {
    examples: [['store query contexts.db --run runs/dark-room --history 0 --episode 5', 'contexts like that after 5 episodes']],
    see: STORE,
  },
  'store stats': { examples: [['store stats contexts.db --rewarded', 'of contexts that had earned a reward']], see: STORE },
  inspect: {
    examples: [
      ['inspect runs/dark-room', 'what the memory of the agent holds'],
      ['inspect runs/dark-room --tasks 8 --streams 4', 'a quick look'],
    ],
    see: `${EVALUATION}#look-inside-an-agent`,
  },
  import: {
    examples: [
      ['import data.hdf5 --out data/xland', 'histories for source.dataset'],
      ['import runs.hdf5 --format minari --labels expert --out data/mine', "learn the expert's actions"],
    ],
    see: DATASETS,
  },
  export: {
    examples: [['export runs/dark-room --format xland --out histories.hdf5', 'for other tools']],
    see: DATASETS,
  },
  config: { examples: [['config print dark-room', 'every setting of a preset']], see: EXPERIMENTS },
  'config print': {
    examples: [
      ['config print dark-room', 'every setting of a preset'],
      ['config print my-experiment.yaml --set model.latents=2 --json', 'of your own, for a program'],
    ],
    see: EXPERIMENTS,
  },
  'config schema': {
    examples: [
      ['config schema', 'for the YAML extension of an editor'],
      ['config schema --kind supervised', 'of in-context regression and classification'],
    ],
    see: EXPERIMENTS,
  },
  init: {
    examples: [
      ['init my-project', 'in a folder of its own'],
      ['init', 'in this folder'],
    ],
    see: 'docs/tutorials/environment.md',
  },
  doctor: { examples: [['doctor', 'what works on this machine']], see: COMMAND_LINE },
  completion: {
    examples: [
      ['completion bash', 'for ~/.bashrc: eval "$(cadenza completion bash)"'],
      ['completion fish', 'for ~/.config/fish/completions/cadenza.fish'],
    ],
    see: COMMAND_LINE,
  },
};

/** The words of a command after `cadenza`. */
export const wordsOf = (command: Command): string => (command.parent ? `${wordsOf(command.parent)} ${command.name()}`.trim() : '');

/** Adds examples and a link to the help of a command and of those below it. */
export function addHelp(command: Command): void {
  const help = HELP[wordsOf(command)];
  if (help) command.addHelpText('after', () => textOf(help));
  for (const each of command.commands) addHelp(each);
}

function textOf({ examples, see }: Help): string {
  const lines = examples.flatMap(([args, does]) => [`  # ${does}`, `  ${commandLine(args.split(' '))}`]);
  return `\nExamples:\n${lines.join('\n')}\n\nDocumentation: ${see}`;
}
