/** @file Imports the modules of a configuration before it is checked, because the schema depends on what they register. Node only. */

import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { type ConfigInput, loadConfig, topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { expandHome } from '../util/files.ts';
import { importedModules, importModules } from '../util/modules.ts';

const named = z.looseObject({ imports: z.array(z.string().min(1)).default([]) });

/**
 * Imports the modules listed under `imports` in a configuration and its bases. Paths are relative to the file that lists them.
 *
 * @returns overrides for `loadConfig` that replace `imports` by the absolute paths of all imported modules; empty without modules.
 * @throws {CadenzaError} `E_CONFIG` like `importModules` and `loadConfig`.
 */
export async function importNamed({ bases = [], ...input }: ConfigInput): Promise<string[]> {
  const override = input.overrides?.find(text => /^\s*imports\s*[=.]/.test(text));
  if (override !== undefined)
    throw new CadenzaError('E_CONFIG', `--set ${override}: imports cannot be set here. Use --import FILE, or imports in the experiment.`);
  // Modules of bases come first.
  for (const each of [input, ...bases].toReversed()) {
    if (!topLevelKeys(each).includes('imports')) continue;
    const { imports } = loadConfig(named, { file: each.file, text: each.text });
    const folder = each.file === '-' ? '.' : dirname(each.file);
    await importModules(imports.map(path => resolve(folder, expandHome(path))));
  }
  const all = importedModules();
  return all.length > 0 ? [`imports=${JSON.stringify(all.map(each => each.file))}`] : [];
}
