/** @file What `cadenza import` is given, as files: a file, the folder of a data set of Minari, or its id. Node only. */

import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CadenzaError } from '../util/errors.ts';
import { readText } from '../util/files.ts';
import { METADATA } from './formats/gymnasium.ts';

const MAIN = 'main_data.hdf5';
/** Where Minari keeps the data set of an id. */
const minariRoot = () => process.env.MINARI_DATASETS_PATH ?? join(homedir(), '.minari', 'datasets');

/** The HDF5 file that a path or an id stands for. Throws `E_DATA` where there is none. */
export function dataFile(input: string): string {
  const path = existsSync(input) ? input : join(minariRoot(), input);
  if (!existsSync(path))
    throw new CadenzaError(
      'E_DATA',
      `there is no ${input}: expected a file, the folder of a data set, or an id of Minari's in ${minariRoot()} (MINARI_DATASETS_PATH). Check the name.`,
    );
  if (!statSync(path).isDirectory()) return path;
  const folders = [join(path, 'data'), path];
  const found = folders.map(folder => join(folder, MAIN)).find(file => existsSync(file));
  if (found) return found;
  const stored = folders
    .map(folder => join(folder, METADATA))
    .filter(file => existsSync(file))
    .map(storage)[0];
  if (stored !== undefined)
    throw new CadenzaError(
      'E_DATA',
      `${path} is a data set of Minari that is stored as ${stored}; only its HDF5 storage is read. In Python: minari.create_dataset_from_buffers(…, data_format="hdf5") with the episodes of minari.load_dataset.`,
    );
  throw new CadenzaError('E_DATA', `${path} is a folder without ${MAIN}. Name the file, or the folder of a data set of Minari.`);
}

/** How Minari stored a data set, by its metadata. */
function storage(file: string): string {
  const found = /"data_format"\s*:\s*"(\w+)"/.exec(readText(file));
  return found?.[1] ?? 'something else';
}
