/** @file `cadenza init`: creates a small project from the package's `templates/project`. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { attempt, CadenzaError } from '../../util/errors.ts';
import { makeFolder, writeFileAtomic } from '../../util/files.ts';
import { ending, type Next } from '../ending.ts';
import { jsonOption, pathOf, print, printJson } from '../options.ts';

/** The package root is three folders up, both from `src` and from `dist`. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TEMPLATE = join(ROOT, 'templates/project');

/** npm does not pack files named .gitignore. */
const RENAMED: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

export function registerInit(program: Command, version: string): void {
  program
    .command('init')
    .argument('[folder]', 'folder of the new project', pathOf('folder'), '.')
    .description('create a project with your own environment, its test and an experiment')
    .addOption(jsonOption())
    .action((folder: string, { json }: { json?: boolean }) => {
      const files = copyProject(folder, version);
      if (json) return printJson({ folder, files });
      const there: Next[] = folder === '.' ? [] : [[['cd', folder], 'go to the project']];
      const next: Next[] = [
        ...there,
        [['npm', 'install'], 'install cadenza and the test runner'],
        [['npm', 'test'], 'test the environment'],
        [['run', 'experiment.yaml'], 'generate data, train and evaluate, about a minute'],
      ];
      print(ending({ found: [`Wrote ${files.join(', ')}.`], out: folder, next }));
    });
}

/** Copies the template, named after the folder, and returns the file names. Throws `E_USAGE` if one of the files exists. */
function copyProject(folder: string, version: string): string[] {
  const files = readdirSync(TEMPLATE).map(name => ({ name: RENAMED[name] ?? name, text: readFileSync(join(TEMPLATE, name), 'utf8') }));
  const there = files.filter(({ name }) => existsSync(join(folder, name))).map(({ name }) => join(folder, name));
  if (there.length > 0)
    throw new CadenzaError(
      'E_USAGE',
      `${there.join(', ')} already exists and would be overwritten. Give another folder, or move existing files away.`,
    );
  makeFolder(folder);
  // A valid name for npm and for experiments.
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
        .replace(/"cadenza": "[^"]*"/, `"cadenza": ${JSON.stringify(installedFrom(ROOT, folder) ?? version)}`)
        .replace(/^name: project (.*)runs\/project$/m, `name: ${name} $1runs/${name}`),
    );
  return files.map(({ name }) => name).sort();
}

/**
 * The file that an installed package was installed from, as a dependency of the project in `folder`; undefined if it comes from a registry
 * or is not installed by npm, which records origins in `node_modules/.package-lock.json`.
 *
 * @param root folder of the package.
 */
export function installedFrom(root: string, folder: string): string | undefined {
  const modules = dirname(resolve(root));
  const lock = attempt(() => JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')));
  const from: unknown = lock?.packages?.[`node_modules/${basename(resolve(root))}`]?.resolved;
  if (typeof from !== 'string' || !from.startsWith('file:')) return undefined;
  // Relative to the folder that contains node_modules.
  const file = resolve(dirname(modules), from.slice('file:'.length));
  return `file:${relative(resolve(folder), file).split(sep).join('/')}`;
}
