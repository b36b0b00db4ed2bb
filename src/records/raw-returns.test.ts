import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { methodResult } from './method.ts';
import { bootstrapRandom, scoreMethod, scoringInput } from './raw-returns.ts';
import { oracleReference } from './reference.ts';
import type { ReturnsTable } from './returns-format.ts';

const cost = { flopsPerAction: 1, stateBytes: 2, historyBytes: 3 };

// Two tasks of two streams, two episodes, two seeds.
const table: ReturnsTable = {
  tasks: ['near', 'far'],
  oracle: [10, 5],
  streams: 2,
  episodes: 2,
  regretParts: ['all'],
  bootstrap: { seed: 7, resamples: 50, resampled: 'runs' },
  methods: {
    cad: {
      seeds: [3, 1],
      returns: [
        [0, 10, 2, 8, 1, 5, 0, 4],
        [1, 9, 3, 7, 2, 5, 1, 3],
      ],
      regret: [
        [4, 3, 2, 1],
        [0, 0, 1, 1],
      ],
    },
  },
};

describe('a table of returns', () => {
  it('names the task of every stream, task by task', () => {
    const { seeds, reference, episodes } = scoringInput(table, 'cad');
    expect(seeds.map(({ tasks }) => tasks)).toEqual(new Array(2).fill(['near', 'near', 'far', 'far']));
    expect([seeds[1].returns, seeds[1].regret, episodes, [...reference.scales]]).toEqual([
      [1, 9, 3, 7, 2, 5, 1, 3],
      [0, 0, 1, 1],
      2,
      [
        ['near', { low: 0, high: 10 }],
        ['far', { low: 0, high: 5 }],
      ],
    ]);
  });

  it('is scored as its returns are, with the draws that its seed names', () => {
    const seeds = [0, 1].map(k => ({
      returns: table.methods.cad.returns[k],
      regret: table.methods.cad.regret![k],
      tasks: ['near', 'near', 'far', 'far'],
    }));
    const reference = oracleReference([
      ['near', 10],
      ['far', 5],
    ]);
    const given = { seeds, reference, episodes: 2, cost, regretParts: ['all'], resamples: 50, random: bootstrapRandom(7) };
    expect(scoreMethod(table, 'cad', cost)).toEqual(methodResult(given));
    const overTasks = scoreMethod({ ...table, bootstrap: { ...table.bootstrap, resampled: 'tasks' } }, 'cad', cost);
    expect(overTasks.final).not.toEqual(scoreMethod(table, 'cad', cost).final);
  });

  it('says what is wrong', () => {
    expect(() => scoringInput(table, 'teacher')).toThrow(failure('E_DATA', '"teacher"', 'cad'));
    expect(() => scoringInput({ ...table, oracle: [10] }, 'cad')).toThrow(failure('E_SHAPE', 2, 1));
    const short = { ...table, methods: { cad: { ...table.methods.cad, returns: [[1], [2]] } } };
    expect(() => scoreMethod(short, 'cad', cost)).toThrow(failure('E_SHAPE', 0, 1, 4, 2));
  });
});
