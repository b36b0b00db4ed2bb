/** @file `cadenza inspect`: what the latents of a trained agent encode, and how the policy uses them. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CadenzaError } from '../../util/errors.ts';
import { ending, type Next } from '../ending.ts';
import { atWork, jsonOption, numberOption, outOption, print, printJson } from '../options.ts';

interface Options {
  out?: string;
  tasks: number;
  streams: number;
  episodes?: number;
  exchanged: number;
  decoderSteps: number;
  seed: number;
  json?: boolean;
}

export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .argument('<run>', 'folder of a finished run, or its experiment file')
    .description('analyze the latents of a trained agent: reconstruction, probes, swaps between tasks, attention')
    .addOption(outOption('folder of the report (default: <run>/inspect)'))
    .addOption(numberOption('--tasks <n>', 'maximum number of training tasks, and of held-out tasks', 2).default(100))
    .addOption(numberOption('--streams <n>', 'streams per task', 1).default(10))
    .addOption(numberOption('--episodes <n>', 'in-context episodes per stream (default: evaluate.episodes of the run)', 1))
    .addOption(numberOption('--exchanged <n>', 'maximum number of tasks between which latents are swapped', 2).default(8))
    .addOption(
      numberOption('--decoder-steps <n>', 'steps to train a decoder if the agent has none; 0 skips reconstruction', 0).default(1000),
    )
    .addOption(numberOption('--seed <n>', 'random seed of the streams', 0).default(0))
    .addOption(jsonOption())
    .action(async (given: string, { out, json, ...options }: Options) => {
      const run = await folderOf(given);
      const { inspectRun } = await import('../../analysis/inspect/inspect.ts');
      const work = atWork();
      const folder = out ?? join(run, 'inspect');
      const inspection = await inspectRun({ run, out: folder, options, ...work }).finally(work.progress.stop);
      const { writeInspection, formatInspection } = await import('../../reports/index.ts');
      writeInspection(folder, inspection);
      if (json) return printJson(inspection);
      const found = [`Open ${join(folder, 'inspect.html')} in a browser.`];
      const next: Next[] = [
        [['report', run], 'write a report page and a paper draft'],
        [['store', 'build', run, '--out', join(run, 'contexts.db')], 'store its contexts in a database'],
      ];
      print(`${formatInspection(inspection).trimEnd()}\n${ending({ found, out: folder, next })}`);
    });
}

/** The folder of a run: the given one, or the default folder of an experiment file. Throws `E_USAGE` for a supervised experiment. */
async function folderOf(given: string): Promise<string> {
  if (!statSync(given, { throwIfNoEntry: false })?.isFile()) return given;
  const { openExperiment } = await import('../experiments.ts');
  const { kind, config } = await openExperiment(given);
  const what = `${given} is a ${kind.name} experiment, which has no acting agent. Give an experiment with an environment`;
  if (!kind.acts) throw new CadenzaError('E_USAGE', what);
  return join('runs', config.name);
}
