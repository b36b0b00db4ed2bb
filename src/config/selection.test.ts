import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { protocolOf } from '../analysis/protocol.ts';
import { loadAblation } from '../pipeline/ablate.ts';
import { type ExperimentConfig, loadExperiment, tableConfig } from './experiment.ts';
import { commonSelection, fingerprint, statedSelection } from './selection.ts';

const EXPERIMENTS = fileURLToPath(new URL('../../experiments', import.meta.url));
const load = (name: string, ...overrides: string[]) => loadExperiment(join(EXPERIMENTS, `${name}.yaml`), overrides);
const stated = (config: ExperimentConfig) => protocolOf(config).selection;

describe('how settings were chosen', () => {
  const presets = readdirSync(EXPERIMENTS).flatMap(file => {
    const [, name] = /^(.*)\.yaml$/.exec(file) ?? [];
    return name && !/regression|sinusoids|classification/.test(name) ? [name] : [];
  });

  it.each(presets)('%s: what the preset states is of its own settings', name => {
    const config = load(name);
    expect(statedSelection(config), `selection.settings of ${name}.yaml: if its statement holds, write ${fingerprint(config)}`).toEqual(
      config.selection,
    );
  });

  it.each([
    'model.latents=4',
    'split.seed=1',
    'env.options={size: 7}',
    'finetune.steps=10',
    'baselines.methods=[none]',
    'source.histories=2',
    'teacher.steps=1',
  ])('is not stated of a preset with %s', change => {
    const { by, note, settings } = stated(load('dark-room', change));
    expect([by, settings]).toEqual(['unstated', undefined]);
    expect(note).toContain(fingerprint(load('dark-room', change)));
  });

  it.each(['seed=3', 'seeds=[1, 2]', 'evaluate.episodes=3', 'executor.threads=1', 'checkpoint.everySteps=7', 'name=mine'])(
    'is still stated with %s, which results do not choose',
    change => {
      expect(stated(load('dark-room', change)).by).toBe('validation');
    },
  );

  it('is stated of changed settings by their own fingerprint', () => {
    const settings = fingerprint(load('dark-room', 'model.latents=4'));
    const mine = load('dark-room', 'model.latents=4', 'selection.by=preset', `selection.settings=${settings}`);
    expect(stated(mine)).toMatchObject({ by: 'preset', settings });
  });

  it('does not depend on whether a default is written down', () => {
    expect(fingerprint(load('tiny', 'model.positions=learned'))).toBe(fingerprint(load('tiny')));
  });

  it('keeps what speaks against derived settings: test tasks, and tasks that were seen', () => {
    const change = 'model.latents=4';
    expect(stated(load('dark-room', 'selection.by=test', change)).by).toBe('test');
    expect(stated(load('dark-room', 'selection.tasks=["goal=3,3"]', change))).toMatchObject({ by: 'unstated', tasks: ['goal=3,3'] });
  });

  it('is not stated of the tables of an experiment, nor of combinations that differ from it', async () => {
    const full = load('dark-room-full');
    expect([full.selection.by, full.tables.length > 0]).toEqual(['validation', true]);
    for (const table of full.tables) expect(stated(tableConfig(full, table)).by).toBe('unstated');
    const { base, cells } = await loadAblation(join(EXPERIMENTS, 'ablations/matrix.yaml'));
    for (const { config } of cells)
      expect(stated(config).by).toBe(fingerprint(config) === fingerprint(base) ? base.selection.by : 'unstated');
  });

  it('of rows in one table is what holds of all', () => {
    const [chosen, other] = [{ by: 'validation', tasks: ['a'] } as const, { by: 'unstated', tasks: ['b'] } as const].map(each => ({
      ...each,
      tasks: [...each.tasks],
    }));
    expect(commonSelection(chosen, { ...chosen })).toEqual(chosen);
    expect(commonSelection(chosen, other)).toMatchObject({ by: 'unstated', tasks: ['a', 'b'] });
    expect(commonSelection(chosen, { by: 'test' }).by).toBe('test');
  });
});
