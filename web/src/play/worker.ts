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
import { breathe } from '../../../src/util/breathe.ts';
import { CadenzaError } from '../../../src/util/errors.ts';
import { portableSha256 } from '../../../src/util/sha256.ts';
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
/** Aborted when another session is to be opened: what belongs to this one stops. */
let current = new AbortController();

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

async function jsonOf(name: string, file: string): Promise<unknown> {
  const text = new TextDecoder().decode(await reader(name)(file));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CadenzaError('E_CHECKPOINT', `${file} of ${name}: expected JSON (${(error as Error).message}). Export the model again.`);
  }
}

const descriptionOf = async (name: string): Promise<ModelDescription> =>
  checkDescription(await jsonOf(name, 'model.json'), `model.json of ${name}`);

/** A graph of a model, which must be the one that its description names. */
async function readGraph(name: string, graph: GraphName, sha256: string): Promise<Uint8Array> {
  const bytes = await reader(name)(graph);
  if (portableSha256(bytes) === sha256) return bytes;
  throw new CadenzaError(
    'E_CHECKPOINT',
    `${graph} of ${name} is damaged: its SHA-256 is not the one in model.json. Export the model again.`,
  );
}

/** A graph of a model, read once. */
function graphOf(name: string, { files }: ModelDescription, graph: GraphName): Promise<Uint8Array> {
  const key = files[graph] ?? '';
  const bytes = graphs.get(key) ?? readGraph(name, graph, key);
  graphs.set(key, bytes);
  // What could not be read may be there the next time.
  bytes.catch(() => graphs.delete(key));
  return bytes;
}

/** The probe of a model, if it has one. */
async function probeOf(name: string, description: ModelDescription): Promise<Probe | undefined> {
  const files = given.get(name);
  if (files ? !files[PROBE_FILE] : !probes.includes(name)) return undefined;
  return checkProbe(await jsonOf(name, PROBE_FILE), description, `${PROBE_FILE} of ${name}`);
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

/** Milliseconds of a replay between messages to and from the page. */
const REPLAY_MS = 50;

/** Lets other requests arrive during a replay, and stops it if one of them opens another session. */
function replaying(signal: AbortSignal): (share: number) => Promise<void> {
  let latest = performance.now();
  return async share => {
    if (performance.now() - latest < REPLAY_MS) return;
    post({ kind: 'progress', share });
    await breathe(signal);
    latest = performance.now();
  };
}

/** Plays the session again, and keeps what its agents look like after each of its last steps. */
async function record(last: number, signal: AbortSignal): Promise<void> {
  if (!session) return;
  const { setup, steps, edits } = session;
  const again = await Session.open(setup, openIn(setup));
  const frames: LaneView[][] = [];
  const tick = replaying(signal);
  await again.replay(steps, [...edits], async (share, left) => {
    if (left < last) frames.push((await again.view()).map(view => ({ ...view, trail: [] })));
    await tick(share);
  });
  post({ kind: 'recorded', frames });
}

async function answer(request: Request, signal: AbortSignal): Promise<void> {
  switch (request.kind) {
    case 'open': {
      signal.throwIfAborted();
      const { setup, steps, edits } = request;
      [base, probes] = [request.base, request.probes];
      speed = 0;
      // What a link restores is shown once it is there.
      if (steps.length === 0) post({ kind: 'sketch', lanes: await sketch(setup, edits) });
      session = await Session.open(setup, openIn(setup));
      await session.replay(steps, edits, replaying(signal));
      drawn = true;
      return show();
    }
    case 'run':
      speed = request.speed;
      void run();
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
      return record(request.last, signal);
    case 'drawn':
      drawn = true;
      return changed ? show() : undefined;
    case 'model': {
      const { name, files } = request;
      given.set(name, files);
      const description = await descriptionOf(name);
      const needed: GraphName[] = [...actingGraphs(description), ...(description.attention ? ['attention.onnx' as const] : [])];
      await Promise.all(needed.map(graph => readGraph(name, graph, description.files[graph] ?? '')));
      await probeOf(name, description);
      return post({ kind: 'model', name, about: request.about, env: description.env, probe: PROBE_FILE in files });
    }
  }
}

const failed = (error: unknown) =>
  post({
    kind: 'failed',
    code: error instanceof CadenzaError ? error.code : 'E_INTERNAL',
    message: error instanceof Error ? error.message : String(error),
  });

const enqueue = (task: () => Promise<void> | undefined, signal: AbortSignal): Promise<void> => {
  queue = queue.then(task).catch(error => {
    // What another session replaced has not failed.
    if (!signal.aborted) failed(error);
  });
  return queue;
};

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  if (data.kind === 'open') {
    current.abort();
    current = new AbortController();
  }
  const { signal } = current;
  // What is asked of a session ends with it.
  const ofSession = ['step', 'edit', 'record'].includes(data.kind);
  void enqueue(() => (ofSession && signal.aborted ? undefined : answer(data, signal)), signal);
});

let running = false;

/** Takes steps at the chosen speed until it is paused. Requests are answered in between. */
async function run(): Promise<void> {
  if (running) return;
  running = true;
  const { signal } = current;
  let due = performance.now();
  while (speed > 0 && !signal.aborted) {
    const now = performance.now();
    // What a slow machine could not do is not made up for.
    due = Math.max(due, now - 100);
    if (now < due) await new Promise(resolve => setTimeout(resolve, due - now));
    const until = performance.now() + 12;
    await enqueue(async () => {
      // It may have been paused, or another session opened, since then.
      if (speed === 0 || signal.aborted) return;
      do {
        await session?.step();
        due += 1000 / Math.max(speed, 1);
      } while (speed > 0 && due <= performance.now() && performance.now() < until);
      await show();
    }, signal);
    // Lets messages arrive.
    await new Promise(resolve => setTimeout(resolve));
  }
  running = false;
  if (speed > 0 && signal.aborted) void run();
}
