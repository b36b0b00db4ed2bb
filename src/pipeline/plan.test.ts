/** @file What a command plans is what it asks its stores for; and what it expects of the rest. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { settings, TINY } from '../../test/helpers/command.ts';
import { StageStore } from '../cache/store.ts';
import { loadExperiment } from '../config/experiment.ts';
import { type Place, silentProgress } from '../util/progress.ts';
import { Plan, plannedStages } from './plan.ts';
import { runExperiment } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STEPS = Object.fromEntries(['teacher', 'pretrain', 'distil', 'finetune', 'baselines'].map(stage => [`${stage}.steps`, 2]));
const SHORT = { ...STEPS, 'source.maxTasks': 6, 'split.heldOut': 2, 'evaluate.episodes': 2, 'evaluate.streams': 1, 'evaluate.timed': 4 };
const overrides = (values: Record<string, unknown>) => settings({ ...SHORT, ...values }).filter(each => each !== '--set');

it.each([
  [
    'seeds, baselines, tables and environments',
    {
      seeds: [0, 1],
      'baselines.methods': ['truncated', 'oracle'],
      tables: [{ name: 'other', set: { source: { id: 'q-learning' }, pretrain: { steps: 0 } } }],
      'evaluate.envs': [{ name: 'again', options: {} }],
      'reinforce.steps': 2,
      'reinforce.streams': 8,
      'reinforce.episodes': 2,
    },
  ],
  [
    'prompts and predicted returns',
    {
      'baselines.steps': 0,
      'policy.returns': { episodes: 1, bins: 5, weight: 1 },
      'policy.prompt': { styles: ['expert'], demonstrations: 1, episodes: 1 },
    },
  ],
  ['retrieval', { 'baselines.steps': 0, 'policy.retrieval.contexts': 1, 'retrieve.steps': 2, 'retrieve.stores': ['others', 'own'] }],
])(
  'plans the stages that run: %s',
  async (name, values) => {
    const config = loadExperiment(TINY, overrides(values));
    const asked = vi.spyOn(StageStore.prototype, 'run');
    const places: Place[] = [];
    const progress = { ...silentProgress, place: (place: Place) => places.push(place) };
    const { signal } = new AbortController();
    try {
      await runExperiment(config, { out: join(folder, name), progress, signal, command: '' });
      expect(asked.mock.calls.map(([{ stage }]) => stage)).toEqual(plannedStages(config).map(({ stage }) => stage));
    } finally {
      asked.mockRestore();
    }
    expect(places.map(({ at, of }) => [at, of])).toEqual(places.map((_, i) => [i + 1, places.length]));
    expect(places.at(-1)).toMatchObject({ seconds: 0, more: false });
  },
  240_000,
);

it('expects of a stage what its like took, and says where nothing like it was made', () => {
  const plan = new Plan([
    { stage: 'generate' },
    { stage: 'teacher-seed0', steps: 10 },
    { stage: 'distil-seed0', steps: 20 },
    { stage: 'teacher-seed1', steps: 10 },
    { stage: 'evaluate-cad-seed0' },
  ]);
  const places: Place[] = [];
  const progress = { ...silentProgress, place: (place: Place) => places.push(place) };
  for (const seconds of [3, 5, 40, undefined, 7]) {
    plan.begin(progress);
    if (seconds !== undefined) plan.made(seconds);
  }
  expect(places.map(({ seconds, more }) => [seconds, more])).toEqual([
    [0, true],
    [0, true],
    [5, true],
    [0, true],
    [0, false],
  ]);
});
