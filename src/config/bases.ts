/** @file Experiments that build on others: `base` names a file, or a preset, over whose keys those of the file are laid. Node only. */

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
  .describe('Experiment that this file varies: a path seen from this file, or the name of a preset');

/** A configuration file with those below it. */
export type LayeredConfig = ConfigInput & Required<Pick<ConfigInput, 'text' | 'bases'>>;

/** Reads a configuration file and those below it. Throws `E_CONFIG` where one cannot be read, or they lead back to one of them. */
export function readLayers(file: string, text = readConfig(file)): LayeredConfig {
  const bases: ConfigText[] = [];
  for (let above: ConfigText | undefined = { file, text }; above; above = bases.at(-1)) {
    const base = baseOf(above, [file, ...bases.map(each => each.file)]);
    if (!base) break;
    bases.push(base);
  }
  return { file, text, bases };
}

/** The file that an experiment, or an ablation, in `file` names as its base. */
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
  throw refuse(`"${base}" builds on this file itself. Name another base, or remove it.`);
}
