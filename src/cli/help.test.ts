import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { ROOT, withinProcess } from '../../test/helpers/command.ts';
import { HELP, wordsOf } from './help.ts';
import { buildProgram } from './program.ts';

const program = buildProgram();
const visible = (command: Command): Command[] => [
  command,
  ...command
    .createHelp()
    .visibleCommands(command)
    .filter(each => each.name() !== 'help')
    .flatMap(visible),
];
const commands = new Map(visible(program).map(command => [wordsOf(command), command]));

it('has examples for every command, and no others', () => {
  expect(Object.keys(HELP).sort()).toEqual([...commands.keys()].sort());
});

it.each(Object.entries(HELP))('"%s" shows commands and options that exist', (_, { examples }) => {
  for (const [args] of examples) {
    const words = args.split(' ');
    const command = commands.get(words.slice(0, 2).join(' ')) ?? commands.get(words[0])!;
    expect(command, args).toBeDefined();
    const options = words.filter(word => word.startsWith('--') && word !== '--help');
    for (const option of options) expect(command.options.map(({ long }) => long)).toContain(option);
  }
});

it.each([...new Set(Object.values(HELP).map(({ see }) => see))])('%s is there, and in the package', see => {
  const [file, section] = see.split('#');
  expect(existsSync(join(ROOT, file))).toBe(true);
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  expect(files.some(packed => file === packed || file.startsWith(`${packed}/`))).toBe(true);
  const headings = readFileSync(join(ROOT, file), 'utf8')
    .split('\n')
    .filter(line => line.startsWith('#'))
    .map(line => line.replace(/^#+ /, '').toLowerCase().replaceAll(' ', '-'));
  if (section) expect(headings).toContain(section);
});

it('stands at the end of --help', async () => {
  const { stdout } = await withinProcess(['config', 'print', '--help']);
  for (const [args] of HELP['config print'].examples) expect(stdout).toContain(`cadenza ${args}`);
  expect(stdout).toContain(HELP['config print'].see);
});

it.each([[['--help']], [['run', '--help']]])('%j is in docs/terminal.md as it is now', async words => {
  const { stdout } = await withinProcess(words);
  const page = readFileSync(join(ROOT, 'docs/terminal.md'), 'utf8');
  expect(page, 'run npm run build && node scripts/docs/terminal.mjs').toContain(stdout.replaceAll('npx cadenza', 'cadenza').trimEnd());
});
