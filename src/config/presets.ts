/** @file The experiments, ablations and search spaces that come with the package, by their names. */

import { readdirSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt, CadenzaError } from '../util/errors.ts';
import { expandHome } from '../util/files.ts';

/** The package's folder, two up from here both in `src` and in `dist`. */
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

/** Where each kind of file lies in the package. */
const FOLDERS = { experiment: 'experiments', ablation: 'experiments/ablations', 'search space': 'experiments/spaces' } as const;

export type PresetKind = keyof typeof FOLDERS;

/** Whether something other than a folder is there. */
const isFile = (path: string): boolean => attempt(() => !statSync(path).isDirectory()) ?? false;

/** Names of the presets of a kind. */
export const presets = (kind: PresetKind): string[] =>
  readdirSync(join(PACKAGE, FOLDERS[kind]))
    .filter(file => file.endsWith('.yaml'))
    .map(file => basename(file, '.yaml'))
    .sort();

/**
 * The file that a user names: `-`, standard input; one of their own by its path, which goes first, or one of the package by its name (`dark-room`) or by its
 * path in the package (`experiments/dark-room.yaml`).
 *
 * @param folder from where paths are seen, where it is a file that names it and not the command line.
 * @throws `E_CONFIG` with the list of presets when a name is neither. A path that leads to nothing is given back as it is: who reads it says so.
 */
export const presetFile =
  (kind: PresetKind, folder?: string) =>
  (name: string): string => {
    const own = folder === undefined ? name : resolve(folder, expandHome(name));
    if (isFile(own) || own === '-') return own;
    const packaged = [`${FOLDERS[kind]}/${name}.yaml`, name].map(path => join(PACKAGE, path));
    // What begins as a path does is no name.
    const found = isAbsolute(name) || name.startsWith('.') ? undefined : packaged.find(isFile);
    if (found) return found;
    if (/[/\\.]/.test(name)) return own;
    const what = `"${name}" is neither a file nor a preset. The ${kind} presets are ${presets(kind).join(', ')}.`;
    throw new CadenzaError('E_CONFIG', `${what} Give one of these names or the path of a YAML file.`);
  };

/** What a command names a file by: a preset of the package by its name, unless that means another file here; any other by its path. */
export function nameOf(file: string, kind: PresetKind): string {
  const name = basename(file, '.yaml');
  return file === join(PACKAGE, FOLDERS[kind], `${name}.yaml`) && !isFile(name) ? name : file;
}
