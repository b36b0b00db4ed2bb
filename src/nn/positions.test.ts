import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { constant, grad, input, interpret, matmul, mean, mul, optimize, sum, type Tensor } from '../engine/index.ts';
import { compareWithInterpreter, jacobianError, type Numbers } from '../testing/engine.ts';
import { Random } from '../util/random.ts';
import { block } from './layers.ts';
import { Scope } from './parameters.ts';
import { addLatentPositions, addPositions, FARTHEST, POSITION_KINDS, POSITIONS } from './positions.ts';

// B batch, H heads, T tokens, K head width, D width.
const [H, T, K, D] = [2, 5, 4, 8];
const random = Random.seeded(3);
const normal = (name: string, ...shape: number[]) => {
  const stream = random.split(name);
  return Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.normal());
};
const shaken = (scope: Scope): Numbers =>
  Object.fromEntries([...scope.table.values()].map(({ name, shape }) => [name, normal(name, ...shape).map(v => 0.5 * v)]));
const evaluate = (y: Tensor, numbers: Numbers) => interpret({ outputs: { y } }, numbers).y;

describe('rotary positions', () => {
  const turn = POSITIONS.rotary.rotate!;
  const scores = (places: number) => {
    const [q, k] = ['q', 'k'].map(name => turn(input(name, [1, 1, places, K]), { total: places }));
    return matmul(q, k, { transposeB: true });
  };

  it('make scores of equal tokens depend on their distance alone', () => {
    const [q, k] = [normal('q', K), normal('k', K)];
    const repeated = (row: Float64Array) => Array.from({ length: T }, () => [...row]).flat();
    const found = evaluate(scores(T), { q: repeated(q), k: repeated(k) });
    for (let i = 0; i + 1 < T; i++) for (let j = 0; j + 1 < T; j++) expect(found[(i + 1) * T + j + 1]).toBeCloseTo(found[i * T + j], 10);
    const distances = Array.from({ length: T }, (_, j) => found[j]);
    expect(new Set(distances.map(score => score.toFixed(6))).size).toBe(T);
    expect(found[1 * T]).not.toBeCloseTo(found[1], 3); // before is not behind
  });

  it('turn without stretching, by t · ω_i', () => {
    const x = normal('x', T, K);
    const turned = evaluate(turn(input('x', [1, 1, T, K]), { total: T }), { x });
    for (let t = 0; t < T; t++) {
      for (const [i, frequency] of [1, 10_000 ** -0.5].entries()) {
        const [a, b] = [x[t * K + i], x[t * K + i + K / 2]];
        const [cosine, sine] = [Math.cos(t * frequency), Math.sin(t * frequency)];
        expect(turned[t * K + i]).toBeCloseTo(a * cosine - b * sine, 6);
        expect(turned[t * K + i + K / 2]).toBeCloseTo(a * sine + b * cosine, 6);
      }
    }
  });

  it('have the right gradient', () => {
    const x = input('x', [1, H, 3, K]);
    expect(jacobianError(turn(x, { total: 3 }), [x], { x: normal('x', H, 3, K) })).toBeLessThan(1e-7);
  });

  it('say that pairs are needed', () => {
    expect(() => turn(input('x', [1, 1, 2, 3]), { total: 2 })).toThrow(failure('E_SHAPE', 3));
  });
});

describe('the relative bias', () => {
  const bias = POSITIONS['relative-bias'].bias!;

  it('is the number of the head and of the distance from query to key', () => {
    const scope = new Scope();
    const found = evaluate(bias(scope, T, H, { total: T }), { relativeBias: Array.from({ length: H * (2 * T - 1) }, (_, i) => i) });
    for (let h = 0; h < H; h++)
      for (let i = 0; i < T; i++) for (let j = 0; j < T; j++) expect(found[(h * T + i) * T + j]).toBe(h * (2 * T - 1) + j - i + T - 1);
  });

  it('is the same for all distances that are far', () => {
    const scope = new Scope();
    const long = FARTHEST + 6;
    const y = bias(scope, long, 1, { total: long });
    expect(scope.table.get('relativeBias')!.shape).toEqual([1, 2 * FARTHEST + 1]);
    const found = evaluate(y, { relativeBias: Array.from({ length: 2 * FARTHEST + 1 }, (_, i) => i) });
    expect([found[long - 1], found[FARTHEST], found[FARTHEST - 1]]).toEqual([2 * FARTHEST, 2 * FARTHEST, 2 * FARTHEST - 1]);
    expect(found[(long - 1) * long]).toBe(0);
  });

  it('has the right gradient, and a single token has one bias', () => {
    const scope = new Scope();
    const y = bias(scope, 4, H, { total: 4 });
    const [{ tensor }] = scope.table.values();
    expect(jacobianError(y, [tensor], { relativeBias: normal('table', H, 7) })).toBeLessThan(1e-7);
    expect(evaluate(bias(new Scope(), 1, 1, { total: 1 }), { relativeBias: [7] })).toEqual(Float64Array.of(7));
  });
});

describe('sinusoidal positions', () => {
  it('are the sines and cosines of the paper, small at first', () => {
    const scope = new Scope();
    const y = addPositions(scope, input('x', [1, T, D]), 'sinusoidal');
    const found = evaluate(y, { x: new Float32Array(T * D), positionGain: [2] });
    for (let t = 0; t < T; t++)
      for (let i = 0; i < D / 2; i++) {
        expect(found[t * D + i]).toBeCloseTo(2 * Math.sin(t * 10_000 ** ((-2 * i) / D)), 5);
        expect(found[t * D + D / 2 + i]).toBeCloseTo(2 * Math.cos(t * 10_000 ** ((-2 * i) / D)), 5);
      }
    expect(scope.table.get('positionGain')!.initializer(random, [1])[0]).toBeCloseTo(0.1414, 3);
  });
});

describe('positions on latents', () => {
  it.each(POSITION_KINDS)('of the kind %s tell equal latents apart', kind => {
    const scope = new Scope();
    const found = evaluate(addLatentPositions(scope, input('z', [1, T, D]), kind), {
      ...shaken(scope),
      z: new Float32Array(T * D).fill(1),
    });
    const rows = Array.from({ length: T }, (_, t) => found.subarray(t * D, (t + 1) * D).join());
    expect(new Set(rows).size).toBe(T);
  });
});

describe.each(POSITION_KINDS)('a causal block with %s positions', positions => {
  const scope = new Scope();
  const x = input('x', [2, T, D]);
  const y = block(scope, addPositions(scope, x, positions), { heads: H, hidden: 16, causal: true, positions });
  const numbers = { ...shaken(scope), x: normal('x', 2, T, D) };

  it('lets no later token be seen', () => {
    for (let t = 0; t < T; t++) {
      const row = constant(
        Float32Array.from({ length: 2 * T * D }, (_, i) => (Math.floor(i / D) === t ? 1 + (i % 3) : 0)),
        [2, T, D],
      );
      const gradient = evaluate(grad(sum(mul(y, row)), [x])[0], numbers);
      expect(gradient.subarray((t + 1) * D).every(v => v === 0)).toBe(true);
      for (let s = 0; s <= t; s++) expect(gradient.subarray(s * D, s * D + D).some(v => v !== 0)).toBe(true);
    }
  });

  it('agrees with the compiled model, loss and every gradient, in the fused form and in standard ONNX', async () => {
    const specs = [...scope.table.values()];
    const loss = mean(mul(y, y));
    const gradients = grad(
      loss,
      specs.map(({ tensor }) => tensor),
    );
    const outputs = { loss, ...Object.fromEntries(gradients.map((g, i) => [`d.${specs[i].name}`, g])) };
    for (const standard of [false, true]) {
      const errors = await compareWithInterpreter(nodeExecutor({ threads: 1 }), optimize({ outputs }), numbers, { standard });
      expect(Object.entries(errors).filter(([, error]) => !(error < 1e-5))).toEqual([]);
    }
  });

  it('sees no other token where tokens are alone', () => {
    const alone = block(new Scope(), x, { heads: H, hidden: 16, selfAttention: false });
    const own = new Scope();
    const built = block(own, x, { heads: H, hidden: 16, selfAttention: false, positions });
    expect([...own.table.keys()].some(name => name.startsWith('self'))).toBe(false);
    const row = constant(
      Float32Array.from({ length: 2 * T * D }, (_, i) => (Math.floor(i / D) === 2 ? 1 + (i % 3) : 0)),
      [2, T, D],
    );
    const gradient = evaluate(grad(sum(mul(built, row)), [x])[0], { ...shaken(own), x: numbers.x });
    expect(gradient.some((v, i) => v !== 0 && Math.floor(i / D) !== 2)).toBe(false);
    expect(gradient.some(v => v !== 0)).toBe(true);
    expect(alone.shape).toEqual(built.shape);
  });
});
