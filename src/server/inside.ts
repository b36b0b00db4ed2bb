/** @file Files that may be served: regular ones inside a folder, reached through no link. */

import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { attempt } from '../util/errors.ts';

/** Most bytes of a file that is read as a whole. */
const MOST_BYTES = 2 ** 26;

/** The content of a file; undefined if there is no regular file of that name. A link in its place is not followed. */
export function readInside(path: string): Buffer | undefined {
  return attempt(() => {
    const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    try {
      const about = fstatSync(file);
      return about.isFile() && about.size <= MOST_BYTES ? readFileSync(file) : undefined;
    } finally {
      closeSync(file);
    }
  });
}

/** Whether the folder of a file is inside `root`, a real path, after all links are resolved. */
export const isInside = (root: string, path: string): boolean => {
  const real = attempt(() => realpathSync(dirname(path)));
  return real === root || Boolean(real?.startsWith(root.endsWith(sep) ? root : root + sep));
};
