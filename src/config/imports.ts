/** @file The modules that a configuration names, imported before it is checked: what they register is in its schema. Node only. */

import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { loadConfig, readConfig, topLevelKeys } from '../util/config.ts';
import { expandHome } from '../util/files.ts';
import { importedModules, importModules } from '../util/modules.ts';

const named = z.looseObject({ imports: z.array(z.string().min(1)).default([]) });

/**
 * Imports the modules that a configuration names under `imports`, seen from its folder.
 *
 * @returns overrides for `loadConfig`, by which the configuration names all modules of this process by their whole paths; none without modules.
 * @throws {CadenzaError} `E_CONFIG` as `importModules` and `loadConfig` do.
 */
export async function importNamed(file: string, text = readConfig(file)): Promise<string[]> {
  if (topLevelKeys({ file, text }).includes('imports')) {
    const { imports } = loadConfig(named, { file, text });
    const folder = file === '-' ? '.' : dirname(file);
    await importModules(imports.map(path => resolve(folder, expandHome(path))));
  }
  const all = importedModules();
  return all.length > 0 ? [`imports=${JSON.stringify(all.map(each => each.file))}`] : [];
}
