import { describe, expect, it } from 'vitest';
import { grad, input, interpret, mul, slice, softmax, sum } from '../engine/index.ts';
import { crossEntropy, initialise, Scope } from '../nn/index.ts';
import { Random } from '../util/random.ts';
import { binOf, binValues, decodeReturns, returnLogits } from './returns.ts';

const [B, H, D] = [2, 3, 8];
const OPTIONS = { count: 4, bins: 5, largest: 8, hidden: 16 };
const { count: K, bins: N } = OPTIONS;

const scope = new Scope();
const states = input('states', [B, H, D]);
const bins = input('bins', [B, H, K], 'int32');
const logits = returnLogits(scope, states, bins, OPTIONS);
const decoded = decodeReturns(scope, states, OPTIONS);
const weights = Object.fromEntries(initialise(scope.table.values(), Random.seeded(1)));
const random = Random.seeded(2);
const hidden = Float32Array.from({ length: B * H * D }, () => random.normal());
const drawn = () => Int32Array.from({ length: B * H * K }, () => random.integer(N));
const logitsOf = (taken: Int32Array) => interpret({ outputs: { logits } }, { ...weights, states: hidden, bins: taken }).logits;
/** Of the numbers [.., K, N], those of return k. */
const ofReturn = (all: Float64Array, k: number) => [...all].filter((_, i) => Math.floor(i / N) % K === k);

describe('bins of returns', () => {
  it('are the nearest values from 0 to the largest, and hold what lies outside', () => {
    expect(binValues(OPTIONS)).toEqual([0, 2, 4, 6, 8]);
    expect([-3, 0, 0.9, 1.1, 4, 6.9, 8, 100].map(value => binOf(value, OPTIONS))).toEqual([0, 0, 0, 1, 2, 3, 4, 4]);
    for (const [i, value] of binValues(OPTIONS).entries()) expect(binOf(value, OPTIONS)).toBe(i);
  });
});

describe('the decoder of future returns', () => {
  it.each([...Array(K).keys()])('predicts return %d from the returns before it, and from none after', k => {
    const taken = drawn();
    const before = logitsOf(taken);
    for (let changed = 0; changed < K; changed++) {
      const other = taken.map((bin, i) => (i % K === changed ? (bin + 1) % N : bin));
      const same = expect(ofReturn(logitsOf(other), k));
      if (changed < k) same.not.toEqual(ofReturn(before, k));
      else same.toEqual(ofReturn(before, k));
    }
  });

  it.each([...Array(K).keys()])('of the loss of return %d sends gradients into the embeddings of earlier returns alone', k => {
    const loss = sum(slice(crossEntropy(logits, input('target', [B, H, K, N])), 2, k, k + 1));
    const names = Array.from({ length: K - 1 }, (_, j) => `returns.earlier${j}.weight`);
    const gradients = grad(
      loss,
      names.map(name => scope.table.get(name)!.tensor),
    );
    const target = new Float32Array(B * H * K * N).fill(1 / N);
    const outputs = Object.fromEntries(gradients.map((gradient, j) => [names[j], gradient]));
    const found = interpret({ outputs }, { ...weights, states: hidden, bins: drawn(), target });
    for (const [j, name] of names.entries()) expect(found[name].some(value => value !== 0)).toBe(j < k);
  });

  it('decodes what teacher forcing says, given the likeliest returns before', () => {
    const taken = new Int32Array(B * H * K);
    for (let k = 0; k < K; k++) {
      const rows = ofReturn(logitsOf(taken), k);
      for (let i = 0; i < B * H; i++) {
        const row = rows.slice(i * N, (i + 1) * N);
        taken[i * K + k] = row.indexOf(Math.max(...row));
      }
    }
    const means = sum(mul(softmax(logits), input('values', [N])), [-1]);
    const feeds = { ...weights, states: hidden, bins: taken, values: binValues(OPTIONS) };
    const found = interpret({ outputs: { means, decoded } }, feeds);
    expect(new Set(taken).size).toBeGreaterThan(2);
    for (const [i, value] of found.decoded.entries()) expect(value).toBeCloseTo(found.means[i], 10);
  });
});
