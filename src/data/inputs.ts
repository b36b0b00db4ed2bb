/** @file Inputs of `cadenza import`: a file, the folder of a Minari data set, or its id. Node only. */

import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { attempt, CadenzaError } from '../util/errors.ts';
import { readText } from '../util/files.ts';
import { METADATA } from './formats/gymnasium.ts';

const MAIN = 'main_data.hdf5';
/** Where Minari stores data sets by id. */
const minariRoot = () => process.env.MINARI_DATASETS_PATH ?? join(homedir(), '.minari', 'datasets');

/** The HDF5 file for a path or an id. Throws `E_DATA` if there is none. */
export function dataFile(input: string): string {
  const path = existsSync(input) ? input : join(minariRoot(), input);
  const refuse = (what: string) => new CadenzaError('E_DATA', what);
  const expected = `a file, the folder of a data set, or an id of a Minari data set in ${minariRoot()} (MINARI_DATASETS_PATH)`;
  if (!existsSync(path)) throw refuse(`there is no ${input}: expected ${expected}. Check the name.`);
  if (!statSync(path).isDirectory()) return expectHdf5(path);
  const within = (name: string) => [join(path, 'data', name), join(path, name)].find(file => existsSync(file));
  const found = within(MAIN);
  if (found) return found;
  const metadata = within(METADATA);
  if (!metadata) throw refuse(`${path} is a folder without ${MAIN}. Give the file, or the folder of a Minari data set.`);
  // How Minari stored the data set.
  const stored = /"data_format"\s*:\s*"(\w+)"/.exec(readText(metadata))?.[1] ?? 'something else';
  if (stored === 'hdf5') throw refuse(`${path} is a Minari data set without its ${MAIN}. Copy or download the data set again.`);
  const advice = `In Python: minari.create_dataset_from_buffers(…, data_format="hdf5") with the episodes of minari.load_dataset.`;
  throw refuse(`${path} is a Minari data set that is stored as ${stored}; only HDF5 is supported. ${advice}`);
}

/** The first bytes of common files in other formats. */
const OTHER_FORMATS: Readonly<Record<string, string>> = {
  PAR1: 'Parquet',
  ARROW1: 'Arrow',
  '\x93NUMPY': 'NumPy (.npy)',
  'PK\x03\x04': 'zip (as .npz)',
};

/** The path of a file. Throws `E_DATA` if it is obviously in another format; anything else shows when it is opened. */
function expectHdf5(path: string): string {
  const start = firstBytes(path, 8);
  const other = Object.keys(OTHER_FORMATS).find(magic => start.startsWith(magic));
  if (other === undefined) return path;
  const advice = 'Write the histories as HDF5 in one of the layouts that "cadenza import --help" lists.';
  throw new CadenzaError('E_DATA', `${path} is a file in ${OTHER_FORMATS[other]} format; only HDF5 is supported. ${advice}`);
}

/** The first bytes of a file as characters; none if it cannot be read, which is reported when it is opened. */
function firstBytes(path: string, count: number): string {
  const bytes = Buffer.alloc(count);
  const file = attempt(() => openSync(path, 'r'));
  if (file === undefined) return '';
  const read = attempt(() => readSync(file, bytes)) ?? 0;
  closeSync(file);
  return bytes.toString('latin1', 0, read);
}
