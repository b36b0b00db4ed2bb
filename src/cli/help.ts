/** @file The end of each command's `--help`: examples to copy and a link to the documentation. */

import type { Command } from 'commander';
import { STAGE_COMMANDS } from '../training/stages/names.ts';
import { commandLine } from './ending.ts';

interface Help {
  /** Arguments after `cadenza`, and what the command does. */
  readonly examples: readonly (readonly [args: string, does: string])[];
  /** A document of the package, relative to its folder, optionally with its section. */
  readonly see: string;
}

const COMMAND_LINE = 'README.md#the-command-line';
const EXPERIMENTS = 'docs/how-to/experiments.md';
const SWEEPS = 'docs/how-to/sweeps.md';
const QUEUE = 'docs/how-to/queue.md';
const SLURM = 'docs/how-to/slurm.md';
const METRICS = 'docs/how-to/metrics.md';
const STORE = 'docs/how-to/store.md';
const DATASETS = 'docs/how-to/datasets.md';
const EVALUATION = 'docs/concepts/evaluation.md';

/** Help by command words. The empty string is the program itself. */
export const HELP: Readonly<Record<string, Help>> = {
  '': {
    examples: [
      ['run dark-room', 'train and evaluate a preset, about 4 minutes on two cores'],
      ['init my-project', 'create a project with your own environment'],
      ['run --help', 'show the options of a command'],
    ],
    see: COMMAND_LINE,
  },
  run: {
    examples: [
      ['run dark-room', 'run a preset; repeat the command to resume after an interrupt'],
      ['run my-experiment.yaml --dry-run', 'show stages, status, memory and time without running'],
      ['run dark-room --set finetune.steps=3000 --set name=longer', 'change settings'],
      ['run dark-room --set model.latents=2,4,8', 'run a sweep over values, with one results table'],
      ['run dark-room --tensorboard', 'write event files for tensorboard --logdir runs'],
      ['run dark-room-full --jobs 3 --set executor.threads=1', 'run up to three stages at once'],
      ['run dark-room-full --launcher slurm', 'submit all stages as jobs of a cluster'],
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
            [command, 'run the stage, and unfinished stages before it'],
            [`${command} --dry-run`, 'show which stages would run'],
          ],
          see: 'docs/concepts/training.md#stages',
        },
      ];
    }),
  ),
  ablate: {
    examples: [
      ['ablate matrix --dry-run', 'show all combinations with their memory and time'],
      ['ablate weights --jobs 3', 'run up to three stages at once'],
      ['ablate my-ablation.yaml --set seeds=[0,1,2]', 'change a setting in all combinations'],
    ],
    see: `${SWEEPS}#ablations`,
  },
  tune: {
    examples: [
      ['tune dark-room --space dark-room', 'random search with 16 trials'],
      [
        'tune my-experiment.yaml --space my-space.yaml --method halving --trials 27',
        'successive halving: most training steps go to the best trials',
      ],
    ],
    see: `${SWEEPS}#search-settings`,
  },
  plan: {
    examples: [
      ['plan dark-room-full', 'show the stages, what they wait for and need, and which are finished'],
      ['plan matrix --each', 'show each job of an ablation with its key'],
      ['plan dark-room --set seeds=[0,1,2] --mermaid', 'print a diagram'],
    ],
    see: SLURM,
  },
  cancel: { examples: [['cancel runs/dark-room-full', 'stop the jobs of a launch']], see: SLURM },
  worker: {
    examples: [['worker --redis redis://queue.lab:6379 --jobs 4', 'run up to four jobs of a queue at a time']],
    see: QUEUE,
  },
  job: { examples: [['job runs/dark-room-full/jobs.json 0', 'run the first job of a launch']], see: SLURM },
  collect: {
    examples: [['collect dark-room-full', 'build the results of the seeds that are finished']],
    see: SLURM,
  },
  list: {
    examples: [
      ['list', 'list the runs in the folder runs'],
      ['list runs results --json', 'list the runs of two folders as JSON'],
    ],
    see: `${EXPERIMENTS}#before-a-run`,
  },
  compare: {
    examples: [
      ['compare runs/dark-room runs/longer', 'compare the agents of two runs'],
      ['compare runs/dark-room --method cad,teacher', 'compare two methods of one run'],
    ],
    see: `${EVALUATION}#what-an-interval-covers`,
  },
  report: {
    examples: [
      ['report runs/dark-room', 'write an HTML page and a paper draft'],
      ['report runs/dark-room runs/longer --out report', 'write one page with two runs side by side'],
    ],
    see: 'docs/tutorials/paper.md',
  },
  play: {
    examples: [
      ['play', 'open the playground with the agent that comes with cadenza'],
      ['play runs/dark-room', 'play the agent of a run, too'],
    ],
    see: 'docs/how-to/playground.md',
  },
  watch: {
    examples: [
      ['watch', 'watch the runs in the folder runs'],
      ['watch runs/sweeps --port 0', 'watch those below another folder, at any free port'],
    ],
    see: 'docs/how-to/watch.md',
  },
  metrics: {
    examples: [
      ['metrics runs/dark-room --out metrics.csv', 'write the metrics of a run, also while it trains'],
      ['metrics --out metrics.parquet', 'write the metrics of all runs in the folder runs'],
      ['metrics --format tensorboard --out events', 'write event files for tensorboard --logdir events'],
    ],
    see: METRICS,
  },
  store: { examples: [['store build runs/dark-room --out contexts.db', 'store the contexts of a run']], see: STORE },
  'store build': {
    examples: [
      ['store build runs/dark-room --out contexts.db', 'store contexts of the training histories'],
      ['store build runs/dark-room --out contexts.db --from test', 'store contexts of rollouts on test tasks'],
    ],
    see: STORE,
  },
  'store query': {
    examples: [
      ['store query contexts.db --run runs/dark-room --history 0 --episode 5', 'find contexts similar to the one after 5 episodes'],
    ],
    see: STORE,
  },
  'store stats': { examples: [['store stats contexts.db --rewarded', 'query only contexts with a reward']], see: STORE },
  inspect: {
    examples: [
      ['inspect runs/dark-room', 'analyze what the latents encode'],
      ['inspect runs/dark-room --tasks 8 --streams 4', 'run a quick analysis'],
    ],
    see: `${EVALUATION}#look-inside-an-agent`,
  },
  import: {
    examples: [
      ['import data.hdf5 --out data/xland', 'import histories for source.dataset'],
      ['import runs.hdf5 --format minari --labels expert --out data/mine', "import with the expert's actions as labels"],
    ],
    see: DATASETS,
  },
  export: {
    examples: [
      ['export runs/dark-room --format xland --out histories.hdf5', 'write histories for other tools'],
      ['export runs/dark-room --method truncated --out models/truncated', 'write the model of a baseline'],
    ],
    see: DATASETS,
  },
  config: { examples: [['config print dark-room', 'show all settings of a preset']], see: EXPERIMENTS },
  'config print': {
    examples: [
      ['config print dark-room', 'show all settings of a preset'],
      ['config print my-experiment.yaml --set model.latents=2 --json', 'show all settings of your experiment as JSON'],
    ],
    see: EXPERIMENTS,
  },
  'config schema': {
    examples: [
      ['config schema', 'print the schema for the YAML extension of an editor'],
      ['config schema --kind supervised', 'print the schema of supervised experiments'],
    ],
    see: EXPERIMENTS,
  },
  init: {
    examples: [
      ['init my-project', 'create a project in a new folder'],
      ['init', 'create a project in the current folder'],
    ],
    see: 'docs/tutorials/environment.md',
  },
  doctor: { examples: [['doctor', 'show what works on this machine']], see: COMMAND_LINE },
  completion: {
    examples: [
      ['completion bash', 'bash: add eval "$(cadenza completion bash)" to ~/.bashrc'],
      ['completion fish', 'fish: save as ~/.config/fish/completions/cadenza.fish'],
    ],
    see: COMMAND_LINE,
  },
};

/** The words that select a command, after `cadenza`. */
export const wordsOf = (command: Command): string => (command.parent ? `${wordsOf(command.parent)} ${command.name()}`.trim() : '');

/** Adds examples and a link to the help of a command and its subcommands. */
export function addHelp(command: Command): void {
  const help = HELP[wordsOf(command)];
  if (help) command.addHelpText('after', () => textOf(help));
  for (const each of command.commands) addHelp(each);
}

function textOf({ examples, see }: Help): string {
  const lines = examples.flatMap(([args, does]) => [`  # ${does}`, `  ${commandLine(args.split(' '))}`]);
  return `\nExamples:\n${lines.join('\n')}\n\nDocumentation, in node_modules/cadenza:\n  ${see}`;
}
