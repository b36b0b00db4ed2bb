/** @file `cadenza list`: the runs in a folder, their progress and the settings in which they differ. */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { ListedRun } from '../../server/listing.ts';
import { wantsColor } from '../../util/color.ts';
import { terminalWidth, wrap } from '../../util/text.ts';
import { commandLine } from '../ending.ts';
import { jsonOption, pathOf, print, printJson } from '../options.ts';

export function registerList(program: Command): void {
  program
    .command('list')
    .argument('[folders...]', 'runs, or folders that contain runs (default: runs)', (text: string, before: string[] = []) => [
      ...before,
      pathOf('folders')(text),
    ])
    .description('list runs with their state, score and differing settings')
    .addOption(jsonOption())
    .action(async (folders: string[] = [], { json }: { json?: boolean }) => {
      const { listRuns } = await import('../../server/listing.ts');
      // Before the first run, its folder does not exist.
      const runs = listRuns(folders.length > 0 ? folders : ['runs'].filter(existsSync));
      if (json) return printJson(runs);
      print(
        runs.length > 0
          ? await formatRuns(runs, process.stdout.isTTY ? terminalWidth() : Number.POSITIVE_INFINITY)
          : `There are no runs in ${folders.join(', ') || 'runs'} yet. Start one with ${commandLine(['run', 'dark-room'])}.
`,
      );
    });
}

/** Maximum number of setting columns in the table, and of characters in a value. */
const [COLUMNS, CHARACTERS] = [6, 24];

/** The table of runs. If it is wider than `width`, columns are left out: settings first, then time and kind. */
export async function formatRuns(runs: readonly ListedRun[], width: number): Promise<string> {
  const [{ GAP, painter, table }, { withInterval }] = await Promise.all([
    import('../../reports/terminal/results.ts'),
    import('../../reports/tables/format.ts'),
  ]);
  const all = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  // Settings that most runs have come first.
  const saying = (key: string) => runs.filter(({ settings }) => key in settings).length;
  const keys = all.toSorted((a, b) => saying(b) - saying(a)).slice(0, COLUMNS);
  const column = (title: string, cell: (run: ListedRun) => string) => {
    const cells = runs.map(cell);
    return { title, cells, width: Math.max(title.length, ...cells.map(({ length }) => length)) };
  };
  const kind = column('kind', run => run.kind ?? '');
  const time = column('time', run => run.changed.slice(0, 16).replace('T', ' '));
  const settings = keys.map(key => column(key, run => (key in run.settings ? short(run.settings[key]) : '')));
  let columns = [
    column('run', run => run.name),
    kind,
    column('state', stateOf),
    column('score [interval]', ({ score }) =>
      score ? `${score.method} ${withInterval(score.mean, [score.low, score.high], value => value.toFixed(3))}` : '',
    ),
    time,
    ...settings,
    column('folder', run => run.folder),
  ];
  const total = () => columns.reduce((sum, each) => sum + each.width + GAP, -GAP);
  for (const least of [...settings.toReversed(), time, kind]) if (total() > width) columns = columns.filter(each => each !== least);
  const hidden = all.length - settings.filter(each => columns.includes(each)).length;
  const measures = [...new Set(runs.flatMap(({ score }) => (score ? [score.measure] : [])))];
  const notes = [
    ...(measures.length > 0 ? [`Score: ${measures.join('; ')}. Times are in UTC.`] : []),
    ...(hidden > 0 ? [`${hidden} more settings differ; use --json to list them.`] : []),
    ...runs.flatMap(({ folder, reason }) => (reason ? [`${folder}: ${reason}`] : [])),
  ];
  const head = columns.map(({ title }) => title);
  const rows = runs.map((_, i) => columns.map(({ cells }) => cells[i]));
  return `${table(head, rows, painter(wantsColor()))}\n\n${notes.map(note => wrap(note, width)).join('\n')}\n`;
}

function stateOf({ state, stage, step }: Pick<ListedRun, 'state' | 'stage' | 'step'>): string {
  const at = stage ? ` at ${stage}${step === undefined ? '' : `, step ${step}`}` : '';
  return state + at;
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > CHARACTERS ? `${text.slice(0, CHARACTERS - 1)}…` : text;
}
