/** @file The state of the page, and its worker. What a session is made of is also in the address of the page. */

import { computed, signal } from '@preact/signals';
import { freeName, type ListedModel, OTHER_AGENTS } from '../../../src/server/listed-model.ts';
import * as training from '../train/link.ts';
import { fromLink, type Linked, toLink } from './link.ts';
import type { Answer, ModelFiles, Request } from './protocol.ts';
import type { Edit, EditKind, LaneView, Setup } from './session.ts';
import { type World, worldIds, worldOf } from './worlds.ts';

/** Where models are. */
const BASE = new URL('agents', document.baseURI).href;

/** The models that can be played. */
export const models = signal<readonly ListedModel[]>([]);
/** What the session began with; undefined before the first one is open. */
export const setup = signal<Setup | undefined>(undefined);
/** The agents, as they are now. */
export const lanes = signal<readonly LaneView[]>([]);
/** What was done so far. */
export const edits = signal<readonly Edit[]>([]);
/** Steps a second, and whether it runs. */
export const speed = signal(10);
export const playing = signal(false);
/** Whether what is shown is where the session stopped. */
export const paused = signal(false);
/** The agent whose memory is shown. */
export const shown = signal(0);
/** Whether the policy is drawn in every cell, whether beliefs are, and what the next click moves. */
export const fields = signal(true);
export const believed = signal(true);
export const moving = signal<string | undefined>(undefined);
/** The stop of the tour; undefined if it is closed. */
export const tour = signal<number | undefined>(undefined);
/** Whether the address asks for the tour, which begins once there is something to see. */
let asksForTour = new URLSearchParams(location.search).has('tour');
/** Share of a session that has been restored; undefined if none is being restored. */
export const restoring = signal<number | undefined>(undefined);
/** What went wrong last. */
export const failure = signal<{ readonly code: string; readonly message: string } | undefined>(undefined);

/** The world of the session. */
export const world = computed<World>(() => worldOf(setup.value?.world ?? '', setup.value?.options));
/** The models that can act in it. */
export const playable = computed(() => modelsIn(world.value.id));

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const ask = (request: Request) => worker.postMessage(request);

worker.onmessage = ({ data }: MessageEvent<Answer>) => {
  switch (data.kind) {
    case 'view':
      setup.value = data.setup;
      lanes.value = data.lanes;
      edits.value = data.edits;
      paused.value = data.paused && !playing.value;
      restoring.value = undefined;
      if (shown.value >= data.lanes.length) shown.value = 0;
      if (asksForTour) [tour.value, asksForTour] = [0, false];
      requestAnimationFrame(() => ask({ kind: 'drawn' }));
      if (paused.value) writeLink();
      break;
    case 'sketch':
      lanes.value = data.lanes;
      break;
    case 'recorded':
      restoring.value = undefined;
      recorded?.(data.frames);
      break;
    case 'progress':
      restoring.value = data.share;
      break;
    case 'model':
      adding.delete(data.name);
      models.value = [
        ...models.value.filter(({ name }) => name !== data.name),
        { name: data.name, label: data.name, about: data.about, probe: data.probe, env: data.env },
      ];
      open({ world: data.env.id, options: data.env.options, agents: [data.name, 'source'], seed: setup.value?.seed ?? 1 });
      break;
    case 'failed':
      failure.value = { code: data.code, message: data.message };
      restoring.value = undefined;
      adding.clear();
      recorded?.([]);
      pause();
      break;
  }
};
worker.onerror = ({ message }) => {
  failure.value = { code: 'E_INTERNAL', message };
};

/** The models that can act in a world. */
const modelsIn = (id: string) => models.value.filter(({ env }) => env.id === id);

/** The agents that a world is opened with: the first two of its models, or one and the source. */
export const agentsOf = (id: string): string[] => {
  const own = modelsIn(id).map(({ name }) => name);
  return [...(own.length > 0 ? own : ['random']), 'source'].slice(0, 2);
};

/** Opens a session, at its beginning or where a link says. */
export function open(next: Setup, { steps, edits: done }: Pick<Linked, 'steps' | 'edits'> = { steps: [], edits: [] }): void {
  pause();
  recorded?.([]);
  failure.value = undefined;
  restoring.value = 0;
  [setup.value, edits.value] = [next, done];
  const probes = models.value.flatMap(({ name, probe }) => (probe ? [name] : []));
  ask({ kind: 'look', at: { lane: shown.value, field: fields.value } });
  ask({ kind: 'open', base: BASE, probes, setup: next, steps, edits: done });
}

/** Opens the session from its beginning, perhaps with other agents. What was moved stays where it is. */
export function restart(agents = setup.value!.agents): void {
  const moves = edits.value.filter(({ kind, lane }) => kind === 'move' && lane < agents.length).map(move => ({ ...move, at: 0 }));
  open({ ...setup.value!, agents }, { steps: [], edits: moves });
}

export function play(): void {
  [playing.value, paused.value] = [true, false];
  ask({ kind: 'run', speed: speed.value });
}

export function pause(): void {
  playing.value = false;
  ask({ kind: 'run', speed: 0 });
}

export function step(): void {
  if (playing.value) pause();
  ask({ kind: 'step' });
}

export function setSpeed(next: number): void {
  speed.value = next;
  if (playing.value) ask({ kind: 'run', speed: next });
  else writeLink();
}

export const edit = (lane: number, what: EditKind) => ask({ kind: 'edit', lane, what });

/** Shows the memory of this agent, and what it would do in every cell if `field` says so. */
export function show(lane: number, field = fields.value): void {
  shown.value = lane;
  fields.value = field;
  ask({ kind: 'look', at: { lane, field } });
  writeLink();
}

let recorded: ((frames: readonly (readonly LaneView[])[]) => void) | undefined;

/** The agents after each of the latest steps of the session, which is paused and played again for it. Empty if another session is opened. */
export function record(last: number): Promise<readonly (readonly LaneView[])[]> {
  pause();
  restoring.value = 0;
  return new Promise(resolve => {
    recorded = resolve;
    ask({ kind: 'record', last });
  });
}

/** Names of models whose files are being read. */
const adding = new Set<string>();

/** Plays a model whose files were dropped on the page. */
export async function drop(files: readonly File[]): Promise<void> {
  const description = files.find(({ name }) => name === 'model.json');
  if (!description) {
    failure.value = { code: 'E_CHECKPOINT', message: 'There is no model.json among the files. Drop the folder "model" of a run.' };
    return;
  }
  const read = async (file: File) => [file.name, new Uint8Array(await file.arrayBuffer())] as const;
  const name = freeName('dropped', [...models.value.map(model => model.name), ...adding]);
  adding.add(name);
  add(name, 'Dropped on this page.', Object.fromEntries(await Promise.all(files.map(read))));
}

/** Adds a model of these files, and plays it. */
export const add = (name: string, about: string, files: ModelFiles) => ask({ kind: 'model', name, about, files });

/** Writes the session into the address of the page. */
function writeLink(): void {
  const at = setup.value;
  if (!at || restoring.value !== undefined || lanes.value.length === 0) return;
  const steps = lanes.value.map(lane => lane.steps);
  history.replaceState(
    null,
    '',
    `#${toLink({ ...at, steps, edits: edits.value, speed: speed.value, shown: shown.value })}${training.linkOf()}`,
  );
}

/** Why a link that names this world cannot be opened. */
function faultOf({ world: id, agents }: Linked, named: string): typeof failure.value {
  if (named !== id) return { code: 'E_CONFIG', message: `The link names the world "${named}". Expected one of ${worldIds.join(', ')}.` };
  const known = [...modelsIn(id).map(({ name }) => name), ...OTHER_AGENTS];
  const unknown = agents.find(agent => !known.includes(agent));
  if (unknown === undefined) return undefined;
  const message = `The link names the model "${unknown}", which this world does not have here. Links do not hold models that were dropped or trained in a page: drop the folder of the model on this page.`;
  return { code: 'E_CHECKPOINT', message };
}

/** Opens what the address says, and again whenever a person changes it. */
export async function start(): Promise<void> {
  const restore = () => {
    // Until the session is open, the address stays what it is.
    restoring.value = 0;
    const linked = fromLink(location.hash, agentsOf);
    speed.value = linked.speed;
    shown.value = linked.shown;
    training.restore(location.hash);
    const { world: id, options, agents, seed } = linked;
    const fault = faultOf(linked, new URLSearchParams(location.hash.slice(1)).get('world') ?? id);
    if (!fault) return open({ world: id, options, agents, seed }, linked);
    open({ world: id, options, agents: agentsOf(id), seed });
    failure.value = fault;
  };
  try {
    const response = await fetch(`${BASE}/index.json`);
    if (response.ok) models.value = await response.json();
  } catch {
    // Without a list, there are no models but those that are dropped.
  }
  addEventListener('hashchange', restore);
  restore();
  training.settings.subscribe(writeLink);
}
