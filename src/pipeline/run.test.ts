/** @file What a command plans is what it asks its stores for; and what it expects of the rest. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { ROOT, settings, TINY } from '../../test/helpers/command.ts';
import { StageCache } from '../cache/store.ts';
import { loadExperiment } from '../config/experiment.ts';
import { supervisedSchema } from '../config/supervised.ts';
import type { AnyResults } from '../records/index.ts';
import { STAGE_COMMANDS } from '../training/stages/names.ts';
import { loadConfig } from '../util/config.ts';
import { type Place, silentProgress } from '../util/progress.ts';
import { type CommonConfig, type ExperimentKind, type SharedData, stagesOf } from './kind.ts';
import { KINDS } from './kinds.ts';
import { reinforcement } from './reinforcement.ts';
import { Plan, plannedStages, runExperiment } from './run.ts';
import { supervised } from './supervised.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STEPS = Object.fromEntries(['teacher', 'pretrain', 'distill', 'finetune', 'baselines'].map(stage => [`${stage}.steps`, 2]));
const SHORT = {
  ...STEPS,
  'source.maxTasks': 6,
  'split.heldOut': 2,
  'evaluate.episodes': 2,
  'evaluate.streams': 1,
  'evaluate.timedActions': 4,
};
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
    await expectPlanned(reinforcement, config, name);
  },
  240_000,
);

it.each([
  [
    'all of a supervised experiment',
    'evaluate',
    ['evaluate-cad-seed0', 'evaluate-full-seed0', 'evaluate-cad-seed1', 'evaluate-full-seed1'],
  ],
  ['a supervised experiment without baselines', 'train', []],
])('plans the stages that run: %s', async (name, until, evaluated) => {
  const short = { seeds: [0, 1], 'train.steps': 2, 'baselines.steps': 2, 'baselines.methods': ['full'], 'evaluate.resamples': 10 };
  const file = join(ROOT, 'experiments', 'tiny-regression.yaml');
  const config = loadConfig(supervisedSchema(), { file, overrides: settings(short).filter(each => each !== '--set') });
  const models = until === 'train' ? ['cad-seed0', 'cad-seed1'] : ['cad-seed0', 'full-seed0', 'cad-seed1', 'full-seed1'];
  expect(await expectPlanned(supervised, config, name, until)).toEqual(['audit-seed0', 'audit-seed1', ...models, ...evaluated]);
});

/** Runs an experiment, and gives the stages that it asked for: those that were planned. */
async function expectPlanned<C extends CommonConfig, D extends SharedData<C>, E, R extends AnyResults>(
  kind: ExperimentKind<C, D, E, R>,
  config: C,
  name: string,
  until = 'evaluate',
): Promise<string[]> {
  const asked = vi.spyOn(StageCache.prototype, 'run');
  const places: Place[] = [];
  const progress = { ...silentProgress, place: (place: Place) => places.push(place) };
  const { signal } = new AbortController();
  try {
    await runExperiment(kind, config, { out: join(folder, name), until, progress, signal, command: '' });
    const stages = asked.mock.calls.map(([{ stage }]) => stage);
    const planned = kind.variants(config).flatMap(each => plannedStages(kind, each.config, until));
    expect(stages).toEqual(planned.map(({ stage }) => stage));
    expect(places.map(({ at, of }) => [at, of])).toEqual(stages.map((_, i) => [i + 1, stages.length]));
    expect(places.at(-1)).toMatchObject({ seconds: 0, more: false });
    return stages;
  } finally {
    asked.mockRestore();
  }
}

it('has a command for every stage of every kind of experiment', () => {
  expect(Object.keys(STAGE_COMMANDS).sort()).toEqual([...new Set(KINDS.flatMap(stagesOf))].sort());
});

it('expects of a stage what its like took, and says where nothing like it was made', () => {
  const plan = new Plan([
    { stage: 'generate' },
    { stage: 'teacher-seed0', steps: 10 },
    { stage: 'distill-seed0', steps: 20 },
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
