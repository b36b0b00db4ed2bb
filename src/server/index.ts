/** @file Servers of the pages: `cadenza play` and `cadenza watch`. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readJson } from '../util/files.ts';
import type { ListedModel } from './listed-model.ts';
import { findModels, serveModels } from './models.ts';
import { RunIndex } from './run-index.ts';
import { type RunningServer, type ServerOptions, startServer } from './server.ts';
import { serveRuns } from './watch.ts';

export * from './listed-model.ts';
export * from './models.ts';
export * from './server.ts';

/** The models that come with the pages. */
function builtinModels(): ListedModel[] {
  const path = fileURLToPath(new URL('../../dist/web/agents/index.json', import.meta.url));
  return existsSync(path) ? (readJson(path, 'E_INSTALL', 'Install cadenza again.') as ListedModel[]) : [];
}

/**
 * Serves the playground, with the models in these folders.
 *
 * @throws {CadenzaError} as `findModels` and `startServer`.
 */
export function servePlayground(folders: readonly string[], options: ServerOptions = {}): Promise<RunningServer> {
  const builtin = builtinModels();
  const models = findModels(folders, builtin);
  return startServer({ ...options, routes: app => serveModels(app, models, builtin) });
}

/**
 * Serves the live view of the runs below a folder, which may be created later.
 *
 * @throws {CadenzaError} `E_DATA` if it is a file, and as `startServer`.
 */
export async function serveWatch(folder: string, options: ServerOptions = {}): Promise<RunningServer> {
  const index = new RunIndex(folder);
  const { url, close } = await startServer({ ...options, page: 'watch.html', routes: app => serveRuns(app, index, folder) });
  index.start();
  return {
    url,
    async close() {
      index.close();
      await close();
    },
  };
}
