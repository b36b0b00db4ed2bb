/** @file Starts modules of this package as threads. */

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

/**
 * Starts a module as a thread. It is not the thread's first module, because Node 20 does not apply the loader of TypeScript to that one.
 *
 * @param module the module's URL without its extension, which is that of the running package.
 * @param workerData what the thread receives when it starts.
 */
export function startThread(module: URL, workerData: unknown): Worker {
  const extension = extname(import.meta.url);
  const start = `import(${JSON.stringify(module.href + extension)})`;
  if (extension !== '.ts') return new Worker(start, { eval: true, workerData });
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  return new Worker(`import(${loader}).then(({ register }) => { register(); return ${start}; })`, { eval: true, workerData });
}
