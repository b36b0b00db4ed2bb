/** @file The models that the playground plays: those that come with it, and those in folders that the user names. */

import { createReadStream, existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { checkDescription, GRAPHS, PROBE_FILE } from '../policy/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { readJson } from '../util/files.ts';
import { freeName, type ListedModel } from './listed-model.ts';

/** A model in a folder of the user. */
export interface FoundModel extends ListedModel {
  readonly folder: string;
}

/**
 * The models in these folders, each a run or an exported model.
 *
 * @param builtin models that come with the pages, whose names are taken.
 * @throws {CadenzaError} `E_CHECKPOINT` for a folder without a model, or with a damaged one.
 * @example findModels(['runs/dark-room'])[0].env.id // 'dark-room'
 */
export function findModels(folders: readonly string[], builtin: readonly ListedModel[] = []): FoundModel[] {
  const taken = builtin.map(({ name }) => name);
  const labels: string[] = [];
  return folders.map(given => {
    const folder = [given, join(given, 'model')].find(each => existsSync(join(each, 'model.json')));
    if (folder === undefined)
      throw new CadenzaError('E_CHECKPOINT', `${given} has no model. Give the folder of a finished run, or its folder "model".`);
    const path = join(folder, 'model.json');
    const { env } = checkDescription(readJson(path, 'E_CHECKPOINT', 'Export the model again.'), path);
    const full = resolve(folder);
    const run = basename(full) === 'model' ? basename(dirname(full)) : basename(full);
    const name = freeName(run.replace(/[^\w.-]+/g, '-') || 'model', taken);
    const label = labels.includes(run) ? name : run;
    taken.push(name);
    labels.push(label);
    const probe = existsSync(join(folder, PROBE_FILE));
    return { name, label, about: given, probe, env, folder: full };
  });
}

/** Serves these models, and lists them before those that come with the pages. */
export function serveModels(app: FastifyInstance, models: readonly FoundModel[], builtin: readonly ListedModel[]): void {
  const byName = new Map(models.map(model => [model.name, model]));
  app.get('/agents/index.json', () => [...models.map(({ folder: _, ...listed }) => listed), ...builtin]);
  const files = ['model.json', PROBE_FILE, ...GRAPHS];
  app.get<{ Params: { name: string; file: string } }>('/agents/:name/:file', (request, reply) => {
    const { name, file } = request.params;
    const model = byName.get(name);
    // No part of a request becomes part of a path that is not known beforehand.
    const known = files.find(each => each === file);
    if (!known) return reply.code(404).type('text/plain').send('There is no such file.');
    if (!model) return reply.sendFile(`agents/${name}/${known}`);
    const path = join(model.folder, known);
    if (!existsSync(path)) return reply.code(404).type('text/plain').send('There is no such file.');
    return reply.type(known.endsWith('.json') ? 'application/json' : 'application/octet-stream').send(createReadStream(path));
  });
}
