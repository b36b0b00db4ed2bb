import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { checkProbe, PROBE_FORMAT, type Probe, readBeliefs } from './belief.ts';

const model = { hash: 'a'.repeat(64), latentShape: [1, 2] };

/** Reads the column from the first number of Z, and the row from the second: of 3 × 2 cells, or unknown where Z is 0. */
const probe: Probe = {
  format: PROBE_FORMAT,
  model: model.hash,
  places: [
    {
      name: 'goal',
      counts: [3, 2],
      unknown: true,
      weights: [
        [
          [-50, 0, -10],
          [0, 0, -1000],
          [50, 0, -10],
          [0, 0, 0],
        ],
        [
          [0, -50, -10],
          [0, 50, -10],
          [0, 0, 0],
        ],
      ],
      accuracy: 0.9,
      frequent: 0.2,
    },
  ],
  fitted: { to: { source: 'r-max' }, split: 'b'.repeat(64), tasks: 4, samples: 40, heldOut: 2, scored: 20 },
};

describe('a belief', () => {
  it('is the cell that Z says, or that it does not say any', () => {
    const [said] = readBeliefs(probe, Float32Array.of(1, -1));
    expect(said).toMatchObject({ name: 'goal', columns: 3, rows: 2 });
    expect(said.cells[2]).toBeCloseTo(1);
    expect(said.unknown).toBeCloseTo(0);
    const [empty] = readBeliefs(probe, Float32Array.of(0, 0));
    expect(empty.unknown).toBeCloseTo(1, 3);
    expect(Math.max(...empty.cells)).toBeLessThan(0.01);
  });

  it('sums to 1 with what is unknown, however Z is', () => {
    for (const latents of [
      [0.2, -0.2],
      [0.2, 0],
      [-0.21, 0.19],
    ]) {
      const [{ cells, unknown }] = readBeliefs(probe, latents);
      expect(cells.reduce((a, b) => a + b, unknown)).toBeCloseTo(1, 4);
    }
  });
});

describe('probe.json', () => {
  it('is read where it is whole, and of this model', () => {
    expect(checkProbe(JSON.parse(JSON.stringify(probe)), model)).toEqual(probe);
  });

  const [place] = probe.places;
  it.each([
    ['of another model', { model: 'c'.repeat(64) }, ['cccccccccccc', 'aaaaaaaaaaaa']],
    ['of another format', { format: 'cadenza-probe-0' }, ['cadenza-probe-0']],
    ['without places', { places: [] }, ['places']],
    ['with a class too few', { places: [{ ...place, counts: [4, 2] }] }, ['places.0.weights.0']],
    ['with rows of different lengths', { places: [{ ...place, weights: [place.weights[0], [[0], [0], [0]]] }] }, ['places.0.weights.1']],
    ['with what is no number', { places: [{ ...place, accuracy: 2 }] }, ['places.0.accuracy']],
  ])('is refused %s', (_, change, parts) => {
    expect(() => checkProbe({ ...probe, ...change }, model, 'here.json')).toThrow(failure('E_CHECKPOINT', 'here.json', ...parts));
  });

  it('is refused with other numbers of Z than the model has', () => {
    expect(() => checkProbe(probe, { ...model, latentShape: [2, 2] })).toThrow(failure('E_CHECKPOINT'));
  });
});
