/**
 * @file Removes the parts of onnxruntime-node that this machine does not need. The package has libraries for five platforms (288 MB, about 50 MB
 * each), and its install script downloads CUDA libraries, which makes the installation fail without network access.
 *
 * npm runs this as cadenza's `preinstall` script. It runs the preinstall scripts of all packages before the first `postinstall` script,
 * which is the download. Setting ONNXRUNTIME_NODE_INSTALL (see that package) disables this script.
 */

import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

/** Trims the onnxruntime-node package that packages in `folder` use, if it is installed. */
export function trimOnnxRuntime(folder) {
  if (process.env.ONNXRUNTIME_NODE_INSTALL !== undefined) return;
  let found;
  try {
    found = dirname(createRequire(resolve(folder, 'package.json')).resolve('onnxruntime-node/package.json'));
  } catch {
    return;
  }
  // Replace the file instead of writing to it, because package managers share files between projects by hard links.
  const script = join(found, 'script', 'install.js');
  rmSync(script);
  writeFileSync(script, '// Emptied by cadenza: no CUDA libraries are downloaded. ONNXRUNTIME_NODE_INSTALL=cuda12 npm install keeps it.\n');
  const binaries = join(found, 'bin', 'napi-v6');
  // If no library fits this machine, keep all of them, so that the error message can list the supported platforms.
  if (!existsSync(join(binaries, process.platform, process.arch))) return;
  for (const platform of readdirSync(binaries))
    for (const arch of readdirSync(join(binaries, platform)))
      if (platform !== process.platform || arch !== process.arch) rmSync(join(binaries, platform, arch), { recursive: true });
}
