import { describe, expect, it } from 'vitest';
import { grad, input, interpret, slice, sum } from '../engine/index.ts';
import { crossEntropy, initialize, Scope } from '../nn/index.ts';
import { Random } from '../util/random.ts';
import { binOf, binValues, decodeReturns, quantiles, returnLogits } from './returns.ts';

const [B, H, D] = [2, 3, 8];
const OPTIONS = { count: 4, bins: 5, largest: 8, hidden: 16 };
const { count: K, bins: N } = OPTIONS;

const scope = new Scope();
const states = input('states', [B, H, D]);
const bins = input('bins', [B, H, K], 'int32');
const logits = returnLogits(scope, states, bins, OPTIONS);
const decoded = decodeReturns(scope, states, OPTIONS);
const weights = Object.fromEntries(initialize(scope.table.values(), Random.seeded(1)));
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

  /** Probabilities [B · H, N] of return k by teacher forcing, where every token takes the same returns before it. */
  const given = (before: readonly number[], k: number) => {
    const rows = ofReturn(logitsOf(Int32Array.from({ length: B * H * K }, (_, i) => before[i % K] ?? 0)), k);
    return Array.from({ length: B * H }, (_, i) => {
      const weights = rows.slice(i * N, (i + 1) * N).map(Math.exp);
      const total = weights.reduce((a, b) => a + b);
      return weights.map(weight => weight / total);
    });
  };
  const values = binValues(OPTIONS);
  const expectation = (probabilities: readonly number[]) => probabilities.reduce((total, p, n) => total + p * values[n], 0);
  const found = interpret({ outputs: { decoded } }, { ...weights, states: hidden }).decoded;

  it('decodes the sequences at its quantiles, by the probabilities of teacher forcing', () => {
    for (let i = 0; i < B * H; i++) {
      const sums = new Float64Array(K);
      for (const s of quantiles(0).keys()) {
        const taken: number[] = [];
        for (let k = 0; k < K; k++) {
          const own = given(taken, k)[i];
          sums[k] += expectation(own) / quantiles(0).length;
          taken.push(own.findIndex((_, n) => own.slice(0, n + 1).reduce((a, b) => a + b) > quantiles(k)[s]));
        }
      }
      for (let k = 0; k < K; k++) expect(found[i * K + k]).toBeCloseTo(sums[k], 6);
    }
  });

  it('comes near the expectation over all sequences', () => {
    const exact = Array.from({ length: B * H }, () => new Float64Array(K));
    const visit = (before: readonly number[], weight: readonly number[]) => {
      const k = before.length;
      const own = given(before, k);
      for (let i = 0; i < B * H; i++) exact[i][k] += weight[i] * expectation(own[i]);
      if (k + 1 === K) return;
      for (let n = 0; n < N; n++) {
        visit(
          [...before, n],
          weight.map((w, i) => w * own[i][n]),
        );
      }
    };
    visit([], Array(B * H).fill(1));
    for (const [i, row] of exact.entries()) {
      expect(found[i * K]).toBeCloseTo(row[0], 6);
      for (let k = 1; k < K; k++) expect(Math.abs(found[i * K + k] - row[k])).toBeLessThan(0.04 * OPTIONS.largest);
    }
  });
});
