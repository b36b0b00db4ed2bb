/** @file The presets: experiments, ablations and search spaces that come with the package. */

import { readdirSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt, CadenzaError } from '../util/errors.ts';
import { expandHome } from '../util/files.ts';

/** The package root, two folders up both from `src` and from `dist`. */
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

/** Folder of each kind of preset in the package. */
const FOLDERS = { experiment: 'experiments', ablation: 'experiments/ablations', 'search space': 'experiments/spaces' } as const;

export type PresetKind = keyof typeof FOLDERS;

/** Whether the path exists and is not a folder. */
const isFile = (path: string): boolean => attempt(() => !statSync(path).isDirectory()) ?? false;

/** Names of the presets of a kind, sorted. */
export const presets = (kind: PresetKind): string[] =>
  readdirSync(join(PACKAGE, FOLDERS[kind]))
    .filter(file => file.endsWith('.yaml'))
    .map(file => basename(file, '.yaml'))
    .sort();

/**
 * Resolves a file name given by the user: `-` (standard input), the path of an own file, the name of a preset (`dark-room`), or the path
 * of a preset in the package (`experiments/dark-room.yaml`). Own files take precedence.
 *
 * @param folder base folder of relative paths. Default: the working directory.
 * @throws `E_CONFIG` with the list of presets if a name is neither. A path that does not exist is returned unchanged; reading it fails.
 */
export const presetFile =
  (kind: PresetKind, folder?: string) =>
  (name: string): string => {
    const own = folder === undefined ? name : resolve(folder, expandHome(name));
    if (isFile(own) || own === '-') return own;
    const packaged = [`${FOLDERS[kind]}/${name}.yaml`, name].map(path => join(PACKAGE, path));
    // Absolute paths and those that start with "." are never preset names.
    const found = isAbsolute(name) || name.startsWith('.') ? undefined : packaged.find(isFile);
    if (found) return found;
    if (/[/\\.]/.test(name)) return own;
    const what = `"${name}" is neither a file nor a preset. Available ${kind} presets: ${presets(kind).join(', ')}.`;
    throw new CadenzaError('E_CONFIG', `${what} Give a preset or the path of a YAML file.`);
  };

/** How to name a file in a command: a preset by its name, unless a file of that name exists here; any other file by its path. */
export function nameOf(file: string, kind: PresetKind): string {
  const name = basename(file, '.yaml');
  return file === join(PACKAGE, FOLDERS[kind], `${name}.yaml`) && !isFile(name) ? name : file;
}
