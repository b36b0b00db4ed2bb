/** @file The state of a training in the page, and its worker. */

import { batch, computed, signal } from '@preact/signals';
import { experimentFile, type TrainedWorld } from './experiment.ts';
import { settings } from './link.ts';
import type { Evaluated, TrainAnswer, TrainRequest } from './protocol.ts';
import type { TrainSettings } from './settings.ts';

/** What is trained now, or was trained last. */
export interface Run {
  /** Counts the trainings of the page, from 1. */
  readonly number: number;
  readonly world: TrainedWorld;
  readonly settings: TrainSettings;
}

/** How far a training is. */
export type Phase = 'histories' | 'running' | 'paused' | 'done' | 'stopped';

export const run = signal<Run | undefined>(undefined);
export const phase = signal<Phase | undefined>(undefined);
/** Share of the histories that are there. */
export const share = signal(0);
/** What the worker says about the training. */
export const about = signal<Extract<TrainAnswer, { kind: 'ready' }> | undefined>(undefined);
export const losses = signal<readonly number[]>([]);
/** Milliseconds that they took. */
export const ms = signal(0);
export const evaluations = signal<readonly Evaluated[]>([]);
/** The step after which it is being evaluated. */
export const evaluating = signal<number | undefined>(undefined);
/** The files of the trained agent. */
export const files = signal<Readonly<Record<string, Uint8Array>> | undefined>(undefined);
export const failure = signal<{ readonly code: string; readonly message: string } | undefined>(undefined);

/** Whether a worker is at work, or waits. */
export const active = computed(() => phase.value === 'histories' || phase.value === 'running' || phase.value === 'paused');
/** Steps a second, and the seconds that are left. */
export const rate = computed(() => (ms.value > 0 ? (1000 * losses.value.length) / ms.value : 0));
export const remaining = computed(() =>
  rate.value > 0 && run.value ? (run.value.settings.steps - losses.value.length) / rate.value : undefined,
);

let worker: Worker | undefined;
const ask = (request: TrainRequest) => worker?.postMessage(request);

function answer(data: TrainAnswer): void {
  switch (data.kind) {
    case 'histories':
      share.value = data.share;
      break;
    case 'ready':
      about.value = data;
      if (phase.value === 'histories') phase.value = 'running';
      break;
    case 'losses':
      batch(() => {
        losses.value = [...losses.value, ...data.losses];
        ms.value += data.ms;
      });
      break;
    case 'evaluating':
      evaluating.value = data.step;
      break;
    case 'evaluated':
      batch(() => {
        evaluations.value = [...evaluations.value, data.evaluated];
        evaluating.value = undefined;
      });
      break;
    case 'done':
      files.value = data.files;
      end('done');
      break;
    case 'failed':
      failure.value = data;
      end('stopped');
      break;
  }
}

function end(how: 'done' | 'stopped'): void {
  worker?.terminate();
  worker = undefined;
  batch(() => {
    phase.value = how;
    evaluating.value = undefined;
  });
}

/** Starts a training with the settings of the form, in place of the one before. */
export function start(world: TrainedWorld): void {
  const chosen = settings.value;
  if (!chosen) return;
  worker?.terminate();
  batch(() => {
    run.value = { number: (run.value?.number ?? 0) + 1, world, settings: chosen };
    phase.value = 'histories';
    [share.value, ms.value, losses.value, evaluations.value] = [0, 0, [], []];
    [about.value, evaluating.value, files.value, failure.value] = [undefined, undefined, undefined, undefined];
  });
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<TrainAnswer>) => answer(data);
  worker.onerror = ({ message }) => answer({ kind: 'failed', code: 'E_INTERNAL', message: message || 'The worker of the training ended.' });
  ask({ kind: 'start', world, settings: chosen });
}

export function pause(): void {
  phase.value = 'paused';
  ask({ kind: 'pause' });
}

export function resume(): void {
  phase.value = about.value ? 'running' : 'histories';
  ask({ kind: 'continue' });
}

/** Ends the training. An agent that has learned something stays. */
export function stop(): void {
  if (losses.value.length === 0) end('stopped');
  else {
    phase.value = 'running';
    ask({ kind: 'stop' });
  }
}

/** Gives files to the person. */
export function download(name: string, content: Uint8Array | string): void {
  const url = URL.createObjectURL(new Blob([content as BlobPart]));
  const link = document.createElement('a');
  [link.href, link.download] = [url, name];
  link.click();
  URL.revokeObjectURL(url);
}

/** The training as an experiment for `cadenza run`. */
export const experiment = () => run.value && experimentFile(run.value.world, run.value.settings);
