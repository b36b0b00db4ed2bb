import { describe, expect, it } from 'vitest';
import { baselines } from '../../agent/baselines/index.ts';
import { experimentSchema } from '../../config/experiment.ts';
import { supervisedSchema } from '../../config/supervised.ts';
import { REFERENCES } from '../../statistics/index.ts';
import { labelRecord, problem, problems } from '../../supervised/index.ts';
import { trainingStages } from '../../training/stages/index.ts';
import { configJsonSchema, loadConfig } from '../../util/config.ts';
import { initials } from '../terminal/results.ts';
import { isCad, KNOWN, methodStyles, spread } from './style.ts';

describe('a style', () => {
  it('belongs to the name, whatever else there is', () => {
    const [all, few] = [methodStyles(KNOWN), methodStyles(['random', 'mean-pool'])];
    for (const [name, style] of few) expect(style).toEqual(all.get(name));
    expect(new Set([...all.values()].map(({ color, dash }) => `${color} ${dash}`)).size).toBe(KNOWN.length);
    const unknown = Array.from({ length: 40 }, (_, i) => `cad value-${i}`);
    const styles = methodStyles([...unknown, ...KNOWN]);
    expect(new Set([...styles.values()].map(({ color, dash }) => `${color} ${dash}`)).size).toBe(unknown.length + KNOWN.length);
  });
});

describe('a place of its own', () => {
  it('has every method that is built in', () => {
    const every = ['teacher', 'consolidate', 'reinforce', 'retrieve'];
    const text = `name: a\n${every.map(stage => `${stage}: { steps: 1 }`).join('\n')}`;
    const config = loadConfig(experimentSchema(), { file: 'e.yaml', text });
    const rows = trainingStages.flatMap(stage => stage.methods(config).map(({ method }) => method));
    const predictors = problems.all.map(({ id }) => problem(id));
    const supervised = configJsonSchema(supervisedSchema()).properties!.baselines.properties!.methods.items!.enum as string[];
    const names = [
      ...['source', 'random', 'frequencies'],
      ...baselines.ids,
      ...rows,
      ...supervised,
      ...predictors.flatMap(({ reference, label }) => [reference.name, labelRecord(label.kind).blind.name]),
      ...Object.values(REFERENCES),
    ];
    expect([...new Set(names)].filter(name => !isCad(name)).sort()).toEqual([...KNOWN].sort());
  });
});

describe('labels', () => {
  it('spreads labels as little as possible within bounds', () => {
    expect(spread([5, 5], 2, 0, 10)).toEqual([4, 6]);
    expect(spread([1, 9, 5], 2, 0, 10)).toEqual([1, 9, 5]);
    expect(spread([10, 10, 0], 2, 0, 10)).toEqual([8, 10, 0]);
    expect(spread([0, 0], 2, 0, 10)).toEqual([0, 2]);
  });
});

describe('letters of curves without color', () => {
  it('are in the names that they stand for, each once', () => {
    const letters = initials(['cad', 'source', 'random', 'random-projection', 'truncated', 'truncated-flops', 'strided-pool']);
    expect(new Set(letters.values()).size).toBe(letters.size);
    for (const [name, letter] of letters) expect(name).toContain(letter.toLowerCase());
    expect([letters.get('cad'), letters.get('source'), letters.get('random')]).toEqual(['c', 's', 'r']);
  });

  it('are a, b, c in the order of the values of a sweep', () => {
    const letters = initials(['cad 1', 'source', 'cad 0', 'random', 'cad 0.5']);
    expect(['cad 0', 'cad 0.5', 'cad 1', 'source', 'random'].map(name => letters.get(name))).toEqual(['a', 'b', 'c', 's', 'r']);
  });
});
