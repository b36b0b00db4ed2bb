import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { type Graph, grad, input, interpret, type Tensor } from '../engine/index.ts';
import { initialize, POSITION_KINDS, Scope } from '../nn/index.ts';
import { compressorChecks } from '../testing/compressor.ts';
import { tokenizer } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { type CompressorOptions, compressor, compressors, defineCompressor, reconstruct, reconstructionLoss } from './index.ts';
import { traceWeights } from './linear.ts';
import { pca, randomProjection } from './projection.ts';

// B batch, N context tokens, F features, M latents, D width.
const [B, N, F, D] = [3, 20, 6, 8];
const common: CompressorOptions = {
  width: D,
  heads: 2,
  poolHeads: 4,
  hidden: 16,
  layers: 1,
  latents: 4,
  span: N,
  segment: 5,
};
/** Settings that make something else of a compressor. */
const VARIANTS: Record<string, Partial<CompressorOptions>[]> = {
  'strided-attention': [{}, { latents: 3 }],
  'linear-projection': [{}, { compression: { latentLayers: 0 } }],
  perceiver: [{}, { compression: { rounds: 1, latentLayers: 0 } }, { compression: { rounds: 3 } }],
  causal: [{}, { compression: { perSegment: 2, latentLayers: 2 } }, { compression: { latentLayers: 0 } }],
  recurrent: ['gru', 'closing-gru', 'residual', 'replace'].flatMap(update =>
    [0, 3].map(workingMemory => ({ compression: { update, workingMemory } })),
  ),
};
const title = (id: string, changed: object) =>
  [id, ...Object.entries(changed).map(([key, value]) => `${key} ${JSON.stringify(value)}`)].join(', ');

function numbers(size: number, seed: number): Float32Array {
  const random = Random.seeded(seed);
  return Float32Array.from({ length: size }, () => random.normal());
}

const evaluate = (graph: Graph, scope: Scope, feeds: Record<string, ArrayLike<number>>) =>
  interpret(graph, { ...Object.fromEntries(initialize(scope.table.values(), Random.seeded(0))), ...feeds });

const rows = (flat: ArrayLike<number>, count: number) => {
  const width = flat.length / count;
  return Array.from({ length: count }, (_, i) => Array.from(flat).slice(i * width, (i + 1) * width));
};

const built = compressors.all.flatMap(kind =>
  (VARIANTS[kind.id] ?? [{}]).map(changed => ({ kind, changed, name: title(kind.id, changed) })),
);

describe.each(built)('the compressor $name', ({ kind, changed }) => {
  for (const { name, run } of compressorChecks(kind, { ...common, ...changed })) it(name, run);
});

describe('the compressor memory-traces', () => {
  it('halves the weight of a token with every half-life, and has weights that sum to 1', () => {
    // One trace over 4 tokens has a half-life of 2: weights 2^(-3/2), 2^-1, 2^(-1/2), 1.
    const [weights, total] = [[2 ** -1.5, 0.5, 2 ** -0.5, 1], 1.5 + 2 ** -1.5 + 2 ** -0.5];
    for (const [i, weight] of traceWeights(4, 1).entries()) expect(weight).toBeCloseTo(weights[i] / total, 14);
    const [fast, slow] = [0, 1].map(j => Array.from({ length: 4 }, (_, i) => traceWeights(4, 2)[2 * i + j]));
    expect(fast[2] / fast[3]).toBeCloseTo(2 ** -(1 / 4 ** 0.25), 14);
    expect(slow[2] / slow[3]).toBeCloseTo(2 ** -(1 / 4 ** 0.75), 14);
    expect(slow.reduce((a, b) => a + b)).toBeCloseTo(1, 14);
  });
});

describe('the compressor pca', () => {
  const { latents: m } = common;
  const P = (N / m) * F;
  // Pieces vary along three directions only, around a mean of their own.
  const random = Random.seeded(9);
  const bases = Array.from({ length: 3 }, (_, k) => numbers(P, 20 + k));
  const center = numbers(P, 30);
  const piece = () => {
    const strengths = bases.map((_, k) => (3 - k) * random.normal());
    return center.map((value, i) => value + bases.reduce((sum, basis, k) => sum + strengths[k] * basis[i], 0));
  };
  const contexts = Array.from({ length: 50 }, () => Float32Array.from(Array.from({ length: B * m }, piece).flatMap(row => [...row])));
  const { parameters, metrics } = pca.fit!(contexts, [N, F], common, Random.seeded(1));

  it('projects every piece on its components, to scores of variance 1 that tell nothing of each other', () => {
    expect(metrics).toEqual({ explained: 1 });
    const scope = new Scope();
    const z = pca.compress(scope, input('x', [B, N, F]), common);
    const identity = Float32Array.from({ length: D * D }, (_, i) => Number(i % D === Math.floor(i / D)));
    expect([...scope.table.keys()].sort()).toEqual([...parameters.keys(), 'project.bias', 'project.weight'].sort());
    const fed = { ...Object.fromEntries(parameters), 'project.weight': identity };
    const scores = contexts.flatMap(x => rows(evaluate({ outputs: { z } }, scope, { ...fed, x }).z, B * m));
    const about = (f: (row: number[]) => number) => scores.reduce((sum, row) => sum + f(row), 0) / scores.length;
    for (let k = 0; k < D; k++) {
      expect(about(row => row[k])).toBeCloseTo(0, 3);
      // Beyond the three there is nothing, and rounding is not blown up to something.
      for (let l = 0; l < D; l++) expect(about(row => row[k] * row[l])).toBeCloseTo(Number(k === l && k < 3), 2);
    }
  });

  it('refuses pieces whose covariance would be too large to hold', () => {
    expect(() => pca.compress(new Scope(), input('x', [1, 4, 5000]), common)).toThrow(failure('E_CONFIG', 4096));
  });
});

describe('random projection', () => {
  const contexts = Array.from({ length: 40 }, (_, i) => numbers(B * N * F, 100 + i).map((value, at) => 3 + (1 + (at % F)) * value));
  const fitted = (kind: typeof pca, seed: number) => kind.fit!(contexts, [N, F], common, Random.seeded(seed));
  const scores = (kind: typeof pca, parameters: ReadonlyMap<string, Float32Array>) => {
    const scope = new Scope();
    const z = kind.compress(scope, input('x', [B, N, F]), common);
    const identity = Float32Array.from({ length: D * D }, (_, i) => Number(i % D === Math.floor(i / D)));
    const fed = { ...Object.fromEntries(parameters), 'project.weight': identity };
    return contexts.flatMap(x => rows(evaluate({ outputs: { z } }, scope, { ...fed, x }).z, B * common.latents));
  };

  it('has the shape of pca and scores of mean 0 and variance 1, along directions that no data chose', () => {
    const { parameters, metrics } = fitted(randomProjection, 1);
    const sizes = (of: ReadonlyMap<string, Float32Array>) => [...of].map(([name, { length }]) => [name, length]);
    expect(sizes(parameters)).toEqual(sizes(fitted(pca, 1).parameters));
    const found = scores(randomProjection, parameters);
    for (let k = 0; k < D; k++) {
      const about = (f: (value: number) => number) => found.reduce((sum, row) => sum + f(row[k]), 0) / found.length;
      expect(about(value => value)).toBeCloseTo(0, 3);
      expect(about(value => value * value)).toBeCloseTo(1, 2);
    }
    // 8 of 30 directions: what random ones explain is about their share, what the best explain is more.
    expect(metrics.explained).toBeLessThan(fitted(pca, 1).metrics.explained);
    expect(Math.abs(metrics.explained - D / 30)).toBeLessThan(0.2);
  });

  it('is the same of the same stream', () => {
    expect(fitted(randomProjection, 1).parameters).toEqual(fitted(randomProjection, 1).parameters);
    expect(fitted(randomProjection, 1).parameters).not.toEqual(fitted(randomProjection, 2).parameters);
  });
});

describe('pieces of a context that does not divide', () => {
  // 20 tokens in m = 3 pieces of 7: the first has a token that is not there.
  const three = { ...common, latents: 3, layers: 0 };
  const [M, L] = [3, 7];
  const x = numbers(N * F, 40);
  const scope = new Scope();
  const h = rows(evaluate({ outputs: { h: compressor('full').compress(scope, input('x', [1, N, F]), three) } }, scope, { x }).h, N);
  const padded = [new Array<number>(D).fill(0), ...h];
  const pieces = Array.from({ length: M }, (_, j) => padded.slice(j * L, (j + 1) * L));
  const column = (piece: number[][], d: number) => piece.map(row => row[d]);

  it.each<[string, (values: number[]) => number]>([
    ['mean-pool', values => values.reduce((a, b) => a + b, 0) / L],
    ['max-pool', values => Math.max(...values)],
    ['strided-pool', values => values[L - 1]],
  ])('are pooled by %s with an empty token before the first', (id, pool) => {
    const own = new Scope();
    const z = evaluate({ outputs: { z: compressor(id).compress(own, input('x', [1, N, F]), three) } }, own, { x }).z;
    const expected = pieces.flatMap(piece => Array.from({ length: D }, (_, d) => pool(column(piece, d))));
    z.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 10);
    });
  });

  it.each([pca, randomProjection])('are projected by $id as they were fitted', ({ fit: fitTo, compress, id }) => {
    const many = Array.from({ length: 20 }, (_, i) => numbers(2 * N * F, 50 + i));
    const { parameters } = fitTo!(many, [N, F], three, Random.seeded(1));
    const own = new Scope();
    const z = compress(own, input('x', [1, N, F]), three);
    expect(z.shape).toEqual([1, M, D]);
    expect([...own.table.values()].map(({ name, shape }) => [name, shape.reduce((a, b) => a * b)])).toEqual(
      expect.arrayContaining([...parameters].map(([name, { length }]) => [name, length])),
    );
    const scored = many
      .flatMap(block => [block.slice(0, N * F), block.slice(N * F)])
      .map(each => {
        const fed = { ...Object.fromEntries(parameters), x: each };
        return rows(evaluate({ outputs: { z } }, own, fed).z, M);
      });
    // The bias of the map is 0 and the scores are centered, so the latents are.
    const mean = scored.flat().reduce((sum, row) => sum + row[0], 0) / (M * scored.length);
    expect(mean, id).toBeCloseTo(0, 3);
  });
});

describe.each(POSITION_KINDS)('the encoder with %s positions', positions => {
  const scope = new Scope();
  const h = compressor('full').compress(scope, input('x', [1, N, F]), { ...common, positions });
  const run = (x: ArrayLike<number>) => rows(evaluate({ outputs: { h } }, scope, { x }).h, N);

  it('tells equal tokens apart by place exactly where places are added to them', () => {
    const token = numbers(F, 6);
    const same = Float32Array.from({ length: N * F }, (_, i) => token[i % F]);
    const [first, ...others] = run(same);
    const apart = others.some(row => row.some((value, i) => Math.abs(value - first[i]) > 1e-9));
    // Turned or biased scores only choose among values, and here all values are equal.
    expect(apart).toBe(['learned', 'sinusoidal'].includes(positions));
  });

  it('reads the order of different tokens, once a bias is learned', () => {
    const x = numbers(N * F, 7);
    const swapped = Float32Array.from([...x.slice(F, 2 * F), ...x.slice(0, F), ...x.slice(2 * F)]);
    const learned = numbers(2 * (2 * (N - 1) + 1), 8);
    const bias = [...scope.table.keys()].filter(name => name.endsWith('relativeBias')).map(name => [name, learned]);
    const last = (tokens: ArrayLike<number>) => {
      const weights = { ...Object.fromEntries(initialize(scope.table.values(), Random.seeded(0))), ...Object.fromEntries(bias) };
      return rows(interpret({ outputs: { h } }, { ...weights, x: tokens }).h, N)[N - 1];
    };
    const [before, after] = [last(x), last(swapped)];
    expect(after.some((value, i) => Math.abs(value - before[i]) > 1e-6)).toBe(true);
  });
});

describe('the encoder with a span', () => {
  it('mixes tokens within their piece alone', () => {
    const span = 5;
    const scope = new Scope();
    const h = compressor('full').compress(scope, input('x', [1, N, F]), { ...common, span });
    const run = (x: ArrayLike<number>) => rows(evaluate({ outputs: { h } }, scope, { x }).h, N);
    const x = numbers(N * F, 5);
    const before = run(x);
    const token = 7;
    x[token * F] += 1;
    const moved = run(x).flatMap((row, t) => (row.some((value, i) => Math.abs(value - before[t][i]) > 1e-9) ? [t] : []));
    expect(moved).toEqual([5, 6, 7, 8, 9]);
  });
});

describe('the registry', () => {
  it('has every id once, and names them when asked for another', () => {
    expect(new Set(compressors.ids).size).toBe(compressors.all.length);
    expect(() => compressor('bottlenek')).toThrow(failure('E_CONFIG', compressors.ids.join(', ')));
  });

  it('has one that passes nothing on, and never compresses', () => {
    const none = compressor('none');
    expect([none.latents(N, common), none.window(N, common)]).toEqual([0, 0]);
    expect(() => none.compress(new Scope(), input('x', [B, N, F]), common)).toThrow(expect.objectContaining({ code: 'E_SHAPE' }));
  });
});

describe.each(['packed', 'interleaved'])('reconstruction of %s tokens', id => {
  const {
    context: layout,
    tokensPerTransition,
    writeTransition,
  } = tokenizer(id, {
    observationSpace: { kind: 'multi-discrete', nvec: [3, 4] },
    actionSpace: { kind: 'discrete', n: 3 },
  });
  const transitions = { observation: [1, 3], action: [2], reward: [0.5], nextObservation: [2, 2], terminated: [1], truncated: [0] };
  const [slots, tokens] = [3, 3 * tokensPerTransition];
  // The first slot stays empty.
  const x = new Float32Array(tokens * layout.width);
  for (const slot of [1, 2]) writeTransition(x, slot * tokensPerTransition * layout.width, transitions, 0);
  const [prediction, actual] = ['prediction', 'x'].map(name => input(name, [1, tokens, layout.width]));
  const { loss, fields } = reconstructionLoss(prediction, actual, layout);
  const losses = (guess: ArrayLike<number>) => interpret({ outputs: { loss, ...fields } }, { prediction: guess, x });

  it('costs nothing when it is right: logits far apart, scalars equal', () => {
    const guess = x.slice();
    for (const { kind, offset, size } of layout.fields)
      if (kind === 'categorical')
        for (let t = 0; t < tokens; t++) for (let i = 0; i < size; i++) guess[t * layout.width + offset + i] *= 100;
    for (const [name, [value]] of Object.entries(losses(guess))) expect(value, name).toBeCloseTo(0, 10);
    expect(Object.keys(fields)).toEqual(layout.fields.map(({ name }) => name));
  });

  it('is the mean of its fields, each over the tokens that have it', () => {
    const guess = numbers(x.length, 3);
    const found = losses(guess);
    const mean = layout.fields.reduce((total, { name }) => total + found[name][0], 0) / layout.fields.length;
    expect(found.loss[0]).toBeCloseTo(mean, 10);
    guess.fill(7, 0, (tokens / slots) * layout.width); // what is said of the empty slot does not count
    expect(losses(guess).loss[0]).toBe(found.loss[0]);
  });

  it('counts right categories and rewards that are given back as more than half of themselves', () => {
    const { metrics } = reconstructionLoss(prediction, actual, layout);
    const measured = (guess: ArrayLike<number>) => interpret({ outputs: metrics }, { prediction: guess, x });
    const categorical = layout.fields.filter(({ kind }) => kind === 'categorical').map(({ name }) => `accuracy.${name}`);
    expect(Object.keys(metrics).sort()).toEqual([...categorical, 'recall.reward'].sort());
    for (const [name, [value]] of Object.entries(measured(x))) expect(value, name).toBeCloseTo(1, 6);

    const reward = layout.fields.find(({ name }) => name === 'reward')!;
    const half = x.slice();
    const tokenOf = (slot: number) => slot * tokensPerTransition + (tokensPerTransition === 3 ? 2 : 0);
    half[tokenOf(1) * layout.width + reward.offset] = 0.25; // half of the reward, not more
    expect(measured(half)['recall.reward'][0]).toBeCloseTo(0.5, 6);

    const action = layout.fields.find(({ name }) => name === 'action')!;
    const wrong = x.slice();
    const actionToken = tokensPerTransition === 3 ? 3 + 1 : 1;
    wrong[actionToken * layout.width + action.offset] = 2; // said: action 0; it was 2
    expect(measured(wrong)['accuracy.action'][0]).toBeCloseTo(0.5, 6);
    expect(measured(wrong)['recall.reward'][0]).toBeCloseTo(1, 6);
  });

  it('passes the gradient on to every parameter of its decoder', () => {
    const scope = new Scope();
    const z: Tensor = input('z', [1, 4, D]);
    const rebuilt = reconstructionLoss(reconstruct(scope, z, tokens, layout, 2), actual, layout).loss;
    const parameters = [...scope.table.values()];
    const gradients = grad(rebuilt, [z, ...parameters.map(({ tensor }) => tensor)]);
    const outputs = Object.fromEntries(gradients.map((gradient, i) => [i === 0 ? 'z' : parameters[i - 1].name, gradient]));
    const found = evaluate({ outputs }, scope, { x, z: numbers(4 * D, 4) });
    for (const [name, values] of Object.entries(found))
      expect(
        values.some(value => Math.abs(value) > 1e-9),
        name,
      ).toBe(true);
  });
});

it.each([
  ['number', { range: [1, 4], because: 'of this test', default: 5, about: 'a number' }, 5],
  ['integer', { range: [1, 4], because: 'of this test', default: 1.5, about: 'a number' }, 1.5],
  ['choice', { choices: ['a', 'b'], default: 'c', about: 'a letter' }, 'c'],
] as const)('a %s as default outside of its own setting is refused', (_, part, found) => {
  expect(() => defineCompressor({ ...compressor('mean-pool'), id: 'odd', settings: { part } })).toThrow(
    failure('E_CONFIG', 'odd', 'settings.part.default', found),
  );
});
