/**
 * @file Leaves of onnxruntime-node what this machine runs. Its package holds the libraries of five platforms (288 MB, of which one needs
 * about 50), and its install script downloads CUDA libraries, which fails the whole installation where the network does not allow that.
 *
 * npm runs this as cadenza's `preinstall` script, and it runs those of all packages before the first `postinstall` script, which the
 * download is. ONNXRUNTIME_NODE_INSTALL (see that package) keeps everything as it is.
 */

import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

/** Trims the onnxruntime-node that packages in `folder` use, if there is one. */
export function trimOnnxRuntime(folder) {
  if (process.env.ONNXRUNTIME_NODE_INSTALL !== undefined) return;
  let found;
  try {
    found = dirname(createRequire(resolve(folder, 'package.json')).resolve('onnxruntime-node/package.json'));
  } catch {
    return;
  }
  // Replaced rather than written to: package managers share a file between projects by hard links.
  const script = join(found, 'script', 'install.js');
  rmSync(script);
  writeFileSync(script, '// Emptied by cadenza: no CUDA libraries are downloaded. ONNXRUNTIME_NODE_INSTALL=cuda12 npm install keeps it.\n');
  const binaries = join(found, 'bin', 'napi-v6');
  // Where nothing is for this machine, what is there says for which machines there is.
  if (!existsSync(join(binaries, process.platform, process.arch))) return;
  for (const platform of readdirSync(binaries))
    for (const arch of readdirSync(join(binaries, platform)))
      if (platform !== process.platform || arch !== process.arch) rmSync(join(binaries, platform, arch), { recursive: true });
}
