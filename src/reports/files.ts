/** @file The files of a report. */

import { join } from 'node:path';
import { writeFileAtomic } from '../util/files.ts';

export type NamedFile = readonly [name: string, content: string | Uint8Array];

/** Writes files into a folder and returns their paths. Throws `E_DISK` if one cannot be written. */
export const writeFiles = (folder: string, files: readonly NamedFile[]): string[] =>
  files.map(([name, content]) => {
    const path = join(folder, name);
    writeFileAtomic(path, content);
    return path;
  });
