/** @file Servers of the pages: `cadenza play`. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readJson } from '../util/files.ts';
import type { ListedModel } from './listed-model.ts';
import { findModels, serveModels } from './models.ts';
import { type RunningServer, type ServerOptions, startServer } from './server.ts';

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
  const models = findModels(folders);
  return startServer({ ...options, routes: app => serveModels(app, models, builtinModels()) });
}
