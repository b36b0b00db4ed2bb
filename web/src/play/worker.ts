/** @file The worker in which a session runs, so that the page stays responsive. */

import { webExecutor } from '../../../src/engine/executors/web.ts';
import type { Executor, Program } from '../../../src/engine/index.ts';
import {
  actingGraphs,
  checkDescription,
  checkProbe,
  type GraphName,
  loadPolicy,
  type ModelDescription,
  PROBE_FILE,
  type Probe,
} from '../../../src/policy/index.ts';
import { CadenzaError } from '../../../src/util/errors.ts';
import { modelPlayer } from './player.ts';
import type { Answer, ModelFiles, Request } from './protocol.ts';
import { type LaneView, type Look, type OpenModel, Session, sketch } from './session.ts';
import { worldOf } from './worlds.ts';

const post = (answer: Answer) => postMessage(answer);

/** Models that the page was given, and where it finds others. */
const given = new Map<string, ModelFiles>();
let base = '';
let probes: readonly string[] = [];
let session: Session | undefined;
let look: Look | undefined;
/** Steps a second; 0 while it is paused. */
let speed = 0;
/** Whether the page has drawn the latest view; until then, no other is sent. */
let drawn = true;
let changed = false;
/** Requests wait for one another: a session does one thing at a time. */
let queue = Promise.resolve();
/** Counts openings: what belongs to an earlier session stops. */
let opened = 0;

const runtime = webExecutor({ threads: 1 });
/** Graphs by their SHA-256, and their programs: agents of one model, and what they would do elsewhere, share them. */
const graphs = new Map<string, Promise<Uint8Array>>();
const programs = new WeakMap<Uint8Array, Promise<Program>>();
const executor: Executor = {
  id: runtime.id,
  compile(bytes) {
    const program = programs.get(bytes) ?? runtime.compile(bytes);
    programs.set(bytes, program);
    return program;
  },
};

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

/** A graph of a model, read once. */
function graphOf(name: string, { files }: ModelDescription, graph: GraphName): Promise<Uint8Array> {
  const key = files[graph] ?? '';
  const bytes = graphs.get(key) ?? reader(name)(graph);
  graphs.set(key, bytes);
  // What could not be read may be there the next time.
  bytes.catch(() => graphs.delete(key));
  return bytes;
}

/** The probe of a model, if it has one. */
async function probeOf(name: string, description: ModelDescription): Promise<Probe | undefined> {
  const files = given.get(name);
  if (files ? !files[PROBE_FILE] : !probes.includes(name)) return undefined;
  const text = new TextDecoder().decode(await reader(name)(PROBE_FILE));
  return checkProbe(JSON.parse(text), description, `${PROBE_FILE} of ${name}`);
}

const openIn =
  (setup: Session['setup']): OpenModel =>
  async name => {
    const description = await descriptionOf(name);
    const names = actingGraphs(description);
    const bytes = await Promise.all(names.map(graph => graphOf(name, description, graph)));
    const acting = Object.fromEntries(names.map((graph, i) => [graph.replace('.onnx', ''), bytes[i]]));
    return modelPlayer(name, worldOf(setup.world, setup.options), {
      description,
      probe: await probeOf(name, description),
      attention: description.attention && (await graphOf(name, description, 'attention.onnx')),
      load: attention => loadPolicy({ description, ...acting, attention, executor }),
    });
  };

async function show(): Promise<void> {
  if (!session) return;
  if (!drawn) {
    changed = true;
    return;
  }
  [drawn, changed] = [false, false];
  const { setup, edits } = session;
  post({ kind: 'view', setup, lanes: await session.view(look), edits: [...edits], paused: speed === 0 });
}

/** Plays the session again, and keeps what its agents look like after each of its last steps. */
async function record(last: number): Promise<void> {
  if (!session) return;
  const { setup, steps, edits } = session;
  const again = await Session.open(setup, openIn(setup));
  const frames: LaneView[][] = [];
  await again.replay(steps, [...edits], async (share, left) => {
    if (left < last) frames.push((await again.view()).map(view => ({ ...view, trail: [] })));
    if (left % 100 === 0) post({ kind: 'progress', share });
  });
  post({ kind: 'recorded', frames });
}

async function answer(request: Request): Promise<void> {
  switch (request.kind) {
    case 'open': {
      const { setup, steps, edits } = request;
      [base, probes] = [request.base, request.probes];
      speed = 0;
      opened++;
      // What a link restores is shown once it is there.
      if (steps.length === 0) post({ kind: 'sketch', lanes: await sketch(setup) });
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
    case 'look':
      look = request.at;
      return show();
    case 'record':
      return record(request.last);
    case 'drawn':
      drawn = true;
      return changed ? show() : undefined;
    case 'model': {
      given.set(request.name, request.files);
      const { env } = await descriptionOf(request.name);
      return post({ kind: 'model', name: request.name, about: request.about, env, probe: PROBE_FILE in request.files });
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
