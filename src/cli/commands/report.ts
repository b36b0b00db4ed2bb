/**
 * @file `cadenza report`: an HTML page from finished runs and, for experiments with an environment, a paper draft. An ablation gets its page and
 * figures, but no paper: its methods are separate experiments, which no Methods section describes.
 */

import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { AnyResults } from '../../records/index.ts';
import type { OpenRun } from '../../reports/index.ts';
import type { Facts } from '../../reports/paper/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import { ending, type Next } from '../ending.ts';
import { jsonOption, outOption, print, printJson } from '../options.ts';

export function registerReport(program: Command): void {
  program
    .command('report')
    .argument('<run...>', 'folders of finished runs; several runs are shown side by side if they are comparable')
    .description('write an HTML report of finished runs or of an ablation and, for experiments with an environment, a LaTeX paper draft')
    .addOption(outOption('folder of the report (default: <first run>/report)'))
    .addOption(jsonOption())
    .action(async (folders: string[], { out, json = false }: { out?: string; json?: boolean }) => {
      const { isCad, methodOfRun, openResults, openRun, ranked, summarize, viewOf, writePage } = await import('../../reports/index.ts');
      const { expectShown, writePaper } = await import('../../reports/paper/index.ts');
      const { RESULTS_FORMAT } = await import('../../records/index.ts');
      const only = folders.length === 1 ? openResults(folders[0]) : undefined;
      if (only && (only.results.format !== RESULTS_FORMAT || isAblation(only.results))) {
        const folder = out ?? join(only.folder, 'report');
        if (only.results.format === RESULTS_FORMAT) expectShown({ results: only.results });
        await importModulesOf(only);
        const view = viewOf(only.results);
        const [page, ...figures] = view.write(folder, 'report');
        if (json) return printJson({ page, figures });
        return print(`${view.text().trimEnd()}\n${ending({ found: view.found(), out: folder, next: [] })}`);
      }
      const runs = folders.map(folder => openRun(folder));
      const names = namesOf(runs);
      const folder = out ?? join(runs[0].folder, 'report');
      const facts: Facts[] = [];
      for (const run of runs) facts.push(await factsOf(run));
      const first = runs.length === 1 ? facts[0] : { ...facts[0], runs: new Map(names.map((name, i) => [name, facts[i]])) };
      // Fails before anything is written, so that no partial report remains.
      expectShown(first);
      const page = writePage(folder, first);
      const paper = await writePaper(join(folder, 'paper'), first);
      if (json) return printJson({ page, paper });
      print(`${[page, ...paper].join('\n')}\n`);
      const [run] = runs;
      const best = ranked(run.results.methods);
      const own = best.find(isCad) ?? best[0];
      const other = best.find(name => name !== own) ?? own;
      const next: Next[] = [
        [['latexmk', '-g', '-pdf', '-cd', join(folder, 'paper', 'main.tex')], 'build the paper as PDF (needs LaTeX)'],
        runs.length > 1
          ? [['compare', run.folder, runs[1].folder], 'compare the two runs, with intervals and a verdict']
          : [['compare', run.folder, '--method', `${own},${other}`], 'compare two methods, with intervals and a verdict'],
      ];
      print(
        ending({
          found: runs.flatMap(({ results }, i) => summarize(results, method => (runs.length > 1 ? methodOfRun(method, names[i]) : method))),
          out: folder,
          next,
        }),
      );
    });
}

/** Names of the runs: those of the experiments, or of the folders if experiments share a name. Throws `E_USAGE` for equal folder names. */
function namesOf(runs: readonly OpenRun[]): string[] {
  const distinct = (names: readonly string[]) => new Set(names).size === names.length;
  const names = [
    runs.map(({ results }) => results.name),
    runs.map(({ folder }) => basename(resolve(folder)).replace(/[^\p{L}\p{M}\p{N}_.+-]/gu, '-')),
  ].find(distinct);
  if (names) return names;
  const what = 'two runs have the same experiment name and the same folder name. Give each run once, and rename one of the folders.';
  throw new CadenzaError('E_USAGE', what);
}

/** Whether these are the results of an ablation or a sweep. */
const isAblation = ({ run }: AnyResults): boolean => Boolean((run.config as { readonly ablation?: unknown }).ablation);

/** Imports the modules of a run and returns its configuration. Throws `E_CONFIG` if a module is missing. */
async function importModulesOf({ folder, results }: Pick<OpenRun, 'folder'> & { readonly results: AnyResults }) {
  const { importNamed } = await import('../../config/imports.ts');
  // An ablation records the experiment that it varies as `base`.
  const config = isAblation(results) ? ((results.run.config as { readonly base?: unknown }).base ?? {}) : results.run.config;
  const input = { file: join(folder, 'results.json (run.config)'), text: JSON.stringify(config) };
  return { ...input, overrides: await importNamed(input) };
}

/** The facts that a paper needs about a run. Here, the compiler checks that reports read settings that the schema has. */
async function factsOf({ folder, results }: OpenRun): Promise<Facts> {
  const { experimentSchema } = await import('../../config/experiment.ts');
  const { describeExperiment } = await import('../../pipeline/describe.ts');
  const { expectImported } = await import('../../histories/imported.ts');
  const { loadConfig } = await import('../../util/config.ts');
  if (isAblation(results)) {
    const what = `expected several experiments, but ${folder} is an ablation, whose combinations are separate experiments`;
    const other = `report it alone, or compare two of its combinations with cadenza compare ${folder} --method first,second`;
    throw new CadenzaError('E_DATA', `${what}; ${other}.`);
  }
  // Import first: the schema depends on registered modules.
  const { overrides, ...input } = await importModulesOf({ folder, results });
  const config = loadConfig(experimentSchema(), { ...input, overrides });
  expectImported(config, results.run.imported?.main);
  const { setting, kinds, stages } = describeExperiment(config);
  // The command and machine that the run recorded, if any.
  return { results, config, setting: results.setting ?? setting, kinds, stages };
}
