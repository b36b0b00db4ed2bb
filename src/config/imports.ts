/** @file The modules that a configuration names, imported before it is checked: what they register is in its schema. Node only. */

import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { type ConfigInput, loadConfig, topLevelKeys } from '../util/config.ts';
import { expandHome } from '../util/files.ts';
import { importedModules, importModules } from '../util/modules.ts';

const named = z.looseObject({ imports: z.array(z.string().min(1)).default([]) });

/**
 * Imports the modules that a configuration and its bases name under `imports`, each seen from the folder of its file.
 *
 * @returns overrides for `loadConfig`, by which the configuration names all modules of this process by their whole paths; none without modules.
 * @throws {CadenzaError} `E_CONFIG` as `importModules` and `loadConfig` do.
 */
export async function importNamed({ bases = [], ...input }: ConfigInput): Promise<string[]> {
  // What is below comes first.
  for (const each of [input, ...bases].toReversed()) {
    if (!topLevelKeys(each).includes('imports')) continue;
    const { imports } = loadConfig(named, { file: each.file, text: each.text });
    const folder = each.file === '-' ? '.' : dirname(each.file);
    await importModules(imports.map(path => resolve(folder, expandHome(path))));
  }
  const all = importedModules();
  return all.length > 0 ? [`imports=${JSON.stringify(all.map(each => each.file))}`] : [];
}
