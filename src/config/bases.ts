/** @file Inheritance of experiment files: `base` names a file or preset, whose keys the file overrides. Node only. */

import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { type ConfigInput, type ConfigText, loadConfig, placeIn, readConfig, topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { presetFile } from './presets.ts';

/** The key that names the base. */
export const BASE = 'base';

export const baseField = z
  .string()
  .min(1)
  .describe(
    'Experiment that this file extends: a path relative to this file, or the name of a preset. Keys of this file override those of the base',
  );

/** A configuration file with its bases. */
export type LayeredConfig = ConfigInput & Required<Pick<ConfigInput, 'text' | 'bases'>>;

/** Reads a configuration file and its bases. Throws `E_CONFIG` if one cannot be read, or if they form a cycle. */
export function readLayers(file: string, text = readConfig(file)): LayeredConfig {
  const bases: ConfigText[] = [];
  for (let above: ConfigText | undefined = { file, text }; above; above = bases.at(-1)) {
    const base = baseOf(above, [file, ...bases.map(each => each.file)]);
    if (!base) break;
    bases.push(base);
  }
  return { file, text, bases };
}

/** The base of the experiment or ablation in a file, if it has one. */
export const baseFile = (base: string, file: string): string => presetFile('experiment', file === '-' ? '.' : dirname(file))(base);

function baseOf(input: ConfigText, chain: readonly string[]): ConfigText | undefined {
  if (!topLevelKeys(input).includes(BASE)) return undefined;
  const { base } = loadConfig(z.looseObject({ base: baseField }), input);
  const refuse = (what: string, cause?: unknown) => new CadenzaError('E_CONFIG', `${placeIn(input, [BASE])}: ${BASE}: ${what}`, { cause });
  try {
    const file = baseFile(base, input.file);
    if (!chain.some(each => resolve(each) === resolve(file))) return { file, text: readConfig(file) };
  } catch (error) {
    throw error instanceof CadenzaError ? refuse(error.message, error) : error;
  }
  throw refuse(`"${base}" extends this file itself, directly or indirectly. Name another base, or remove it.`);
}
