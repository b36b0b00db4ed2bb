import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { evaluatedAt, loadExperiment } from '../config/experiment.ts';
import { auditTasks, openTasks } from './tasks.ts';

const TINY = fileURLToPath(new URL('../../experiments/tiny.yaml', import.meta.url));

describe('the tasks of another environment than that of the training', () => {
  const config = loadExperiment(TINY, [
    'env={id: t-maze, options: {shortest: 8, longest: 32, every: 8}}',
    'split.heldOut=2',
    'source.id=recall',
  ]);
  const at = (options: Record<string, number>) => evaluatedAt(config, { name: 'there', options });
  const keys = (of: typeof config) => openTasks(of).evaluated.map(openTasks(of).family.taskKey);

  it('are those of the training environment, if it lists the same ones', () => {
    expect(keys(at({ penalty: 0.01 }))).toEqual(keys(config));
    expect(openTasks(config).evaluated).toHaveLength(2);
  });

  it('are all others, if it lists others, and none is a training task', () => {
    const there = at({ shortest: 100, longest: 100 });
    expect(openTasks(there).evaluated.map(({ length }) => length)).toEqual([100, 100]);
    const known = new Set(openTasks(config).train.map(openTasks(config).family.taskKey));
    const more = keys(at({ longest: 64 }));
    expect(more.filter(key => known.has(key))).toEqual([]);
    expect(more).toHaveLength(2 * 8 - known.size);
    expect(auditTasks(there)).toMatchObject({ train: known.size, test: 2, overlap: 0 });
  });

  it('must not all be training tasks', () => {
    const taken = openTasks(config).train.map(({ length }) => Number(length));
    const both = taken.find(length => taken.filter(other => other === length).length === 2)!;
    expect(() => openTasks(at({ shortest: both, longest: both }))).toThrow(failure('E_SPLIT', 't-maze', both));
  });
});
