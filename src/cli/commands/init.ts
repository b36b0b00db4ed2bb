/** @file `cadenza init`: a small project of one's own, copied from `templates/project` of the package. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { CadenzaError } from '../../util/errors.ts';
import { makeFolder, writeFileAtomic } from '../../util/files.ts';
import { ending, type Next } from '../ending.ts';
import { jsonOption, pathOf, print, printJson } from '../options.ts';

/** Three folders up from here both in `src` and in `dist`. */
const TEMPLATE = fileURLToPath(new URL('../../../templates/project/', import.meta.url));

/** npm packs no file of this name. */
const RENAMED: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

export function registerInit(program: Command, version: string): void {
  program
    .command('init')
    .argument('[folder]', 'folder of the project', pathOf('folder'), '.')
    .description('make a small project: an experiment with an environment of its own, and its test')
    .addOption(jsonOption())
    .action((folder: string, { json }: { json?: boolean }) => {
      const files = copyProject(folder, version);
      if (json) return printJson({ folder, files });
      const there: Next[] = folder === '.' ? [] : [[['cd', folder], 'the project']];
      const next: Next[] = [
        ...there,
        [['npm', 'install'], 'cadenza, and what runs the test'],
        [['npm', 'test'], 'the environment by itself'],
        [['run', 'experiment.yaml'], 'data, training and evaluation, about a minute'],
      ];
      print(ending({ found: [`Wrote ${files.join(', ')}.`], out: folder, next }));
    });
}

/** Copies the template, named after the folder, and gives the names of its files. Throws `E_USAGE` where one is there already. */
function copyProject(folder: string, version: string): string[] {
  const files = readdirSync(TEMPLATE).map(name => ({ name: RENAMED[name] ?? name, text: readFileSync(join(TEMPLATE, name), 'utf8') }));
  const there = files.filter(({ name }) => existsSync(join(folder, name))).map(({ name }) => join(folder, name));
  if (there.length > 0)
    throw new CadenzaError('E_USAGE', `${there.join(', ')} would be written over. Give another folder, or move what is there away.`);
  makeFolder(folder);
  // As npm and experiments have names.
  const name =
    basename(resolve(folder))
      .toLowerCase()
      .replace(/[^a-z0-9._-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, 100) || 'project';
  for (const file of files)
    writeFileAtomic(
      join(folder, file.name),
      file.text
        .replace('"name": "project"', `"name": "${name}"`)
        .replace(/"cadenza": "[^"]*"/, `"cadenza": "${version}"`)
        .replace(/^name: project (.*)runs\/project$/m, `name: ${name} $1runs/${name}`),
    );
  return files.map(({ name }) => name).sort();
}
