/** @file `cadenza inspect`: what the memory of a finished run's agent holds, and what the policy does with it. */

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
    .argument('<run>', 'folder of a finished run, or its experiment, such as experiments/dark-room.yaml')
    .description('look into the memory of a trained agent: reconstruction, probes, exchanged memories, attention')
    .addOption(outOption("where the report goes (default: inspect in the run's folder)"))
    .addOption(numberOption('--tasks <n>', 'training tasks and held-out tasks to look at, at most so many of each', 2).default(100))
    .addOption(numberOption('--streams <n>', 'streams in each task', 1).default(10))
    .addOption(numberOption('--episodes <n>', 'in-context episodes of a stream (default: as the run was evaluated)', 1))
    .addOption(numberOption('--exchanged <n>', 'tasks whose memories are exchanged, at most', 2).default(8))
    .addOption(numberOption('--decoder-steps <n>', 'training steps of a decoder for an agent without one; 0: none', 0).default(1000))
    .addOption(numberOption('--seed <n>', 'seed of the streams', 0).default(0))
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
      const found = [`The page is ${join(folder, 'inspect.html')}.`];
      const next: Next[] = [
        [['report', run], 'one page and a paper of the run'],
        [['store', 'build', run, '--out', join(run, 'contexts.db')], 'a database of its contexts'],
      ];
      print(`${formatInspection(inspection).trimEnd()}\n${ending({ found, out: folder, next })}`);
    });
}

/** The folder of the run that is meant: itself, or where an experiment's run goes. Throws `E_USAGE` for an experiment of another kind. */
async function folderOf(given: string): Promise<string> {
  if (!statSync(given, { throwIfNoEntry: false })?.isFile()) return given;
  const { openExperiment } = await import('../experiments.ts');
  const { kind, config } = await openExperiment(given);
  const what = `${given} is a ${kind.name} experiment, whose runs have no memory that acts; name one with an environment`;
  if (!kind.acts) throw new CadenzaError('E_USAGE', what);
  return join('runs', config.name);
}
