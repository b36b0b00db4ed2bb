/** @file The worker in which a session runs, so that the page stays responsive. */

import { webExecutor } from '../../../src/engine/executors/web.ts';
import { actingGraphs, checkDescription, loadPolicy, type ModelDescription } from '../../../src/policy/index.ts';
import { CadenzaError } from '../../../src/util/errors.ts';
import type { Answer, ModelFiles, Request } from './protocol.ts';
import { type OpenModel, Session } from './session.ts';
import { actsIn, worldOf } from './worlds.ts';

const post = (answer: Answer) => postMessage(answer);

/** Models that the page was given, and where it finds others. */
const given = new Map<string, ModelFiles>();
let base = '';
let session: Session | undefined;
let fieldOf: number | undefined;
/** Steps a second; 0 while it is paused. */
let speed = 0;
/** Whether the page has drawn the latest view; until then, no other is sent. */
let drawn = true;
let changed = false;
/** Requests wait for one another: a session does one thing at a time. */
let queue = Promise.resolve();
/** Counts openings: what belongs to an earlier session stops. */
let opened = 0;

const executor = webExecutor({ threads: 1 });

async function fetched(folder: string, name: string): Promise<Uint8Array> {
  const response = await fetch(`${folder}/${name}`);
  if (!response.ok) throw new CadenzaError('E_CHECKPOINT', `${folder}/${name} cannot be read (HTTP ${response.status}).`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Reads the files of a model: those that the page was given, or those in the folder of that name. */
function reader(name: string): (file: string) => Promise<Uint8Array> {
  const files = given.get(name);
  if (!files) return file => fetched(`${base}/${name}`, file);
  return async file => {
    if (!files[file]) throw new CadenzaError('E_CHECKPOINT', `The model has no ${file}. Drop the whole folder "model" of a run.`);
    return files[file];
  };
}

async function descriptionOf(name: string): Promise<ModelDescription> {
  const bytes = await reader(name)('model.json');
  return checkDescription(JSON.parse(new TextDecoder().decode(bytes)), `model.json of ${name}`);
}

const openIn =
  (setup: Session['setup']): OpenModel =>
  async name => {
    const description = await descriptionOf(name);
    if (!actsIn(worldOf(setup.world, setup.options), description))
      throw new CadenzaError('E_CONFIG', `The model ${name} is of another world (${description.env.id}). Choose its own world.`);
    const read = reader(name);
    const graphs: Record<string, Uint8Array> = {};
    for (const graph of actingGraphs(description)) graphs[graph.replace('.onnx', '')] = await read(graph);
    const [policy, scout] = [
      await loadPolicy({ description, ...graphs, executor }),
      await loadPolicy({ description, ...graphs, executor }),
    ];
    const { latentShape, segment = description.horizon } = description;
    return { policy, scout, segment, latentShape: latentShape ? [latentShape[0], latentShape[1]] : undefined };
  };

async function show(): Promise<void> {
  if (!session) return;
  if (!drawn) {
    changed = true;
    return;
  }
  [drawn, changed] = [false, false];
  const { setup, edits } = session;
  post({ kind: 'view', setup, lanes: await session.view(fieldOf), edits: [...edits], paused: speed === 0 });
}

async function answer(request: Request): Promise<void> {
  switch (request.kind) {
    case 'open': {
      const { setup, steps, edits } = request;
      base = request.base;
      speed = 0;
      opened++;
      session = await Session.open(setup, openIn(setup));
      await session.replay(steps, edits, share => post({ kind: 'progress', share }));
      drawn = true;
      return show();
    }
    case 'run':
      speed = request.speed;
      void run(opened);
      return speed === 0 ? show() : undefined;
    case 'step':
      await session?.step();
      return show();
    case 'edit':
      await session?.edit(request.lane, request.what);
      return show();
    case 'field':
      fieldOf = request.lane;
      return show();
    case 'drawn':
      drawn = true;
      return changed ? show() : undefined;
    case 'model': {
      given.set(request.name, request.files);
      const { env } = await descriptionOf(request.name);
      return post({ kind: 'model', name: request.name, about: request.about, env });
    }
  }
}

const failed = (error: unknown) =>
  post({
    kind: 'failed',
    code: error instanceof CadenzaError ? error.code : 'E_INTERNAL',
    message: error instanceof Error ? error.message : String(error),
  });

const enqueue = (task: () => Promise<void> | undefined): Promise<void> => {
  queue = queue.then(task).catch(failed);
  return queue;
};

addEventListener('message', ({ data }: MessageEvent<Request>) => void enqueue(() => answer(data)));

let running = false;

/** Takes steps at the chosen speed until it is paused. Requests are answered in between. */
async function run(of: number): Promise<void> {
  if (running) return;
  running = true;
  let due = performance.now();
  while (speed > 0 && of === opened) {
    const now = performance.now();
    // What a slow machine could not do is not made up for.
    due = Math.max(due, now - 100);
    if (now < due) await new Promise(resolve => setTimeout(resolve, due - now));
    const until = performance.now() + 12;
    await enqueue(async () => {
      do {
        await session?.step();
        due += 1000 / Math.max(speed, 1);
      } while (speed > 0 && due <= performance.now() && performance.now() < until);
      await show();
    });
    // Lets messages arrive.
    await new Promise(resolve => setTimeout(resolve));
  }
  running = false;
  if (speed > 0 && of !== opened) void run(opened);
}
