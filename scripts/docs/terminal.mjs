/**
 * @file Writes docs/terminal.md: what the compiled command line prints on a terminal of 80 columns. To regenerate the page:
 *
 *     npm run build && node scripts/docs/terminal.mjs
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COLUMNS = 80;

/** Sections of the page: title, introduction, and commands. Later commands use the runs of earlier ones. */
const SECTIONS = [
  ['Help', 'The first screen lists all commands; `--help` after a command shows its options and examples.', ['--help', 'run --help']],
  [
    'An error',
    'An error says where the mistake is, what was expected, what was found and what to do.',
    ['run tiny --set context.episodes=0 --set finetune.step=100'],
  ],
  ['A dry run', 'Shows what a run would do, without writing anything.', ['run tiny --dry-run']],
  ['A run', 'Progress, then the learning curves, the main table and where to look next.', ['run tiny']],
  [
    'A comparison',
    'Two runs that differ in one setting. The verdict comes first.',
    ['run tiny --set model.latents=1 --set name=one-latent --json', 'compare runs/tiny runs/one-latent'],
  ],
];

/** Commands that only prepare the next one: their output is not shown. */
const isHidden = command => command.endsWith('--json');

/** Breaks long lines like a terminal does, and removes trailing spaces. */
const wrapped = text => text.replace(/ +$/gm, '').replace(new RegExp(`(.{${COLUMNS}})(?=.)`, 'gu'), '$1\n');

const folder = mkdtempSync(join(tmpdir(), 'cadenza-terminal-'));
// The commands in the output begin with the name by which cadenza was called.
const program = join(folder, 'cadenza');
symlinkSync(fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)), program);

function outputOf(command) {
  const env = { ...process.env, COLUMNS: String(COLUMNS), NO_COLOR: '1' };
  delete env.npm_command;
  const { stdout, stderr, error } = spawnSync(process.execPath, [program, ...command.split(' ')], { cwd: folder, encoding: 'utf8', env });
  if (error) throw error;
  return wrapped(`${stderr}${stdout}`.trimEnd());
}

const lines = [
  '# On the terminal',
  '',
  'What cadenza prints on a terminal of 80 columns. `scripts/docs/terminal.mjs` writes this page;',
  'times differ from machine to machine.',
];
for (const [title, about, commands] of SECTIONS) {
  lines.push('', `## ${title}`, '', about);
  for (const command of commands) {
    console.error(`cadenza ${command}`);
    const output = outputOf(command);
    lines.push('', '```text', `$ cadenza ${command}`, ...(isHidden(command) ? [] : [output]), '```');
  }
}
rmSync(folder, { recursive: true });
writeFileSync(new URL('../../docs/terminal.md', import.meta.url), `${lines.join('\n')}\n`);
