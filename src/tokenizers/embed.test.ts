import { describe, expect, it } from 'vitest';
import { nodeExecutor } from '../engine/executors/node.ts';
import { grad, input, inputsOf, interpret, mean, mul, optimize, print, type Tensor } from '../engine/index.ts';
import { initialize, linear, Scope } from '../nn/index.ts';
import type { History, Space } from '../rl/index.ts';
import { compareWithInterpreter, jacobianError, type Numbers } from '../testing/engine.ts';
import { Random } from '../util/random.ts';
import { type EmbedOptions, embedTokens, fieldStatistics, IMAGE_ENCODER_KINDS, NO_PAST, patchesOf, tokenizer, windowsOf } from './index.ts';

// B batch, N tokens, D width.
const [B, N, D] = [2, 3, 6];
const actionSpace = { kind: 'discrete', n: 3 } as const;
const SPACES = {
  cells: { kind: 'multi-discrete', nvec: [3, 4] },
  vector: { kind: 'box', low: [-9, -9], high: [9, 9] },
  image: { kind: 'image', height: 5, width: 4, channels: 2 },
} as const satisfies Record<string, Space>;

const random = Random.seeded(4);
const weights = (scope: Scope) => Object.fromEntries(initialize(scope.table.values(), random));
const layoutOf = (space: Space) => tokenizer('packed', { observationSpace: space, actionSpace }).context;
const evaluate = (y: Tensor, numbers: Numbers) => interpret({ outputs: { y } }, numbers).y;

/** Tokens whose last one is absent. */
function tokens(space: Space, seed: number): Float32Array {
  const made = tokenizer('packed', { observationSpace: space, actionSpace });
  const stream = Random.seeded(seed);
  const element = (): number[] => {
    if (space.kind === 'box') return space.low.map(() => 3 + stream.normal());
    if (space.kind === 'image') return Array.from({ length: 40 }, () => stream.uniform());
    return (space.kind === 'discrete' ? [space.n] : space.nvec).map(n => stream.integer(n));
  };
  const x = new Float32Array(B * N * made.context.width);
  for (let i = 0; i < B * N - 1; i++)
    made.writeTransition(
      x,
      i * made.context.width,
      {
        observation: element(),
        action: [stream.integer(3)],
        reward: [stream.normal()],
        nextObservation: element(),
        terminated: [0],
        truncated: [0],
      },
      0,
    );
  return x;
}

describe('without vectors, images and buckets', () => {
  it('is the linear map of the row that it has always been, parameters and graph', () => {
    const layout = layoutOf(SPACES.cells);
    const x = input('x', [B, N, layout.width]);
    const [plain, embedded] = [new Scope(), new Scope()];
    const expected = print({ outputs: { y: linear(plain.at('embed'), x, D) } });
    expect(print({ outputs: { y: embedTokens(embedded.at('embed'), x, layout, D) } })).toBe(expected);
    expect([...embedded.table.keys()]).toEqual([...plain.table.keys()]);
  });
});

const CASES: [name: string, space: Space, options: EmbedOptions][] = [
  ['cells and bucketed rewards', SPACES.cells, { rewardEdges: [-0.5, 0, 0.5] }],
  ['vectors', SPACES.vector, {}],
  ...IMAGE_ENCODER_KINDS.map((encoder): [string, Space, EmbedOptions] => [
    `images by ${encoder}`,
    SPACES.image,
    { image: { encoder, patch: 2, features: 3 } },
  ]),
];

describe.each(CASES)('tokens of %s', (_, space, options) => {
  const layout = layoutOf(space);
  const scope = new Scope();
  const y = embedTokens(scope.at('embed'), input('x', [B, N, layout.width]), layout, D, options);
  const x = tokens(space, 1);

  it('become one vector each, by themselves, and finite where they are absent', () => {
    expect(y.shape).toEqual([B, N, D]);
    const numbers = weights(scope);
    const before = evaluate(y, { ...numbers, x });
    expect(before.every(Number.isFinite)).toBe(true);
    const moved = x.slice();
    for (const { offset, size } of layout.fields) for (let i = 0; i < size; i++) moved[layout.width + offset + i] += 0.3;
    const after = evaluate(y, { ...numbers, x: moved });
    expect([...after].flatMap((v, i) => (v === before[i] ? [] : [Math.floor(i / D)])).every(token => token === 1)).toBe(true);
    expect(after).not.toEqual(before);
  });

  it('embed an absent token as the bias alone, whatever its numbers are', () => {
    const numbers = { ...weights(scope), 'embed.bias': Float32Array.from({ length: D }, (_, i) => i + 1) };
    const last = evaluate(y, { ...numbers, x }).subarray((B * N - 1) * D);
    expect([...last]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('agree with the compiled graph, and pass the gradient on to every parameter', async () => {
    const specs = [...scope.table.values()].filter(({ name }) => !name.startsWith('statistics'));
    const loss = mean(mul(y, y));
    const gradients = grad(
      loss,
      specs.map(({ tensor }) => tensor),
    );
    const outputs = { y, ...Object.fromEntries(gradients.map((g, i) => [`d.${specs[i].name}`, g])) };
    const numbers = { ...weights(scope), x };
    for (const [name, values] of Object.entries(interpret({ outputs }, numbers)))
      expect(
        values.some(value => Math.abs(value) > 1e-9),
        name,
      ).toBe(true);
    for (const standard of [false, true]) {
      const errors = await compareWithInterpreter(nodeExecutor({ threads: 1 }), optimize({ outputs }), numbers, { standard });
      expect(Object.entries(errors).filter(([, error]) => !(error < 1e-5))).toEqual([]);
    }
  });
});

describe('bucketed rewards', () => {
  const layout = layoutOf(SPACES.cells);
  const scope = new Scope();
  const y = embedTokens(scope, input('x', [1, 1, layout.width]), layout, D, { rewardEdges: [0, 1] });
  const embedded = (reward: number) => {
    const x = new Float32Array(layout.width);
    x[0] = 1;
    x[layout.fields.find(field => field.reward)!.offset] = reward;
    return [...evaluate(y, { ...weights(scope), x })];
  };

  it('differ by bucket and by nothing else', () => {
    expect(embedded(0.2)).toEqual(embedded(0.9));
    expect(embedded(-5)).toEqual(embedded(0));
    expect(new Set([-1, 0.5, 2].map(reward => embedded(reward).join())).size).toBe(3);
  });
});

describe('the statistics of vectors', () => {
  const made = tokenizer('packed', { observationSpace: SPACES.vector, actionSpace });
  const column = Float32Array.of(1, 10, 3, 10, 5, 10, 7, 10);
  const history = { observation: column.subarray(0, 4), nextObservation: column } as unknown as History;
  const other = { observation: column.subarray(4), nextObservation: column } as unknown as History;
  const found = fieldStatistics([history, other], [made.context, made.query]);

  it('are mean and deviation over all histories, and leave alone what never changes', () => {
    expect([...found.keys()].sort()).toEqual(
      ['observation', 'nextObservation'].flatMap(name => [`statistics.${name}.deviation`, `statistics.${name}.mean`]).sort(),
    );
    expect([...found.get('statistics.observation.mean')!]).toEqual([4, 10]);
    expect(found.get('statistics.observation.deviation')![0]).toBeCloseTo(Math.sqrt(5), 6);
    expect(found.get('statistics.observation.deviation')![1]).toBe(1);
    expect(fieldStatistics([history], [layoutOf(SPACES.cells), layoutOf(SPACES.image)]).size).toBe(0);
  });

  it('make the embedding see (x − mean) / deviation, and are parameters of their own part', () => {
    const scope = new Scope();
    const layout = made.context;
    const y = embedTokens(scope.at('compressor').at('embed'), input('x', [1, 1, layout.width]), layout, D);
    const statistics = [...scope.table.keys()].filter(name => name.startsWith('statistics.'));
    expect(statistics.sort()).toEqual([...found.keys()].sort());
    const row = (observation: number[]) => {
      const x = new Float32Array(layout.width);
      const nothing = { action: [0], reward: [0], terminated: [0], truncated: [0] };
      made.writeTransition(x, 0, { ...nothing, observation, nextObservation: [4, 10] }, 0);
      return x;
    };
    const run = (x: Float32Array, given: Numbers) => evaluate(y, { ...weights(scope), ...given, x });
    const plain = run(row([2, 3]), {});
    const shifted = run(row([4 + 2 * Math.sqrt(5), 10 + 3]), Object.fromEntries(found));
    // Next observations stand at their mean in the second case, at (4, 10) in the first: take that difference out.
    const rest = run(row([0, 0]), {});
    const restShifted = run(row([4, 10]), Object.fromEntries(found));
    for (let d = 0; d < D; d++) expect(shifted[d] - restShifted[d]).toBeCloseTo(plain[d] - rest[d], 5);
  });
});

describe('patches', () => {
  const numbers = (...shape: number[]) => Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1);
  const images = (height: number, width: number, channels = 1) => input('x', [1, height, width, channels]);

  it('side by side hold their pixels row by row, and zeros past the edge', () => {
    const found = evaluate(patchesOf(images(3, 4), 2), { x: numbers(3, 4) });
    expect([...found]).toEqual([1, 2, 5, 6, 3, 4, 7, 8, 9, 10, 0, 0, 11, 12, 0, 0]);
  });

  it('keep the channels of a pixel together', () => {
    const found = evaluate(patchesOf(images(2, 2, 2), 2), { x: numbers(2, 2, 2) });
    expect([...found]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('that overlap are what a convolution of kernel 3 and stride 2 sees', () => {
    const [height, width] = [4, 5];
    const x = numbers(height, width);
    const y = windowsOf(images(height, width), 3, 2);
    expect(y.shape).toEqual([1, 2, 3, 9]);
    const found = evaluate(y, { x });
    // 4 rows lack one, which goes behind; 5 columns lack two, one on each side.
    for (let row = 0; row < 2; row++)
      for (let column = 0; column < 3; column++)
        for (let i = 0; i < 9; i++) {
          const [yy, xx] = [2 * row + Math.floor(i / 3), 2 * column + (i % 3) - 1];
          const inside = yy < height && xx >= 0 && xx < width;
          expect(found[(row * 3 + column) * 9 + i]).toBe(inside ? x[yy * width + xx] : 0);
        }
  });

  it('have the right gradients', () => {
    const x = images(3, 5, 2);
    expect(jacobianError(patchesOf(x, 2), [x], { x: numbers(3, 5, 2) })).toBeLessThan(1e-6);
    expect(jacobianError(windowsOf(x, 3, 2), [x], { x: numbers(3, 5, 2) })).toBeLessThan(1e-6);
  });

  it.each(IMAGE_ENCODER_KINDS)('%s tell where a bright pixel is, in the smallest of images too', encoder => {
    const space = { kind: 'image', height: 3, width: 3, channels: 1 } as const;
    const { query: layout, writeQuery } = tokenizer('packed', { observationSpace: space, actionSpace });
    const scope = new Scope();
    const y = embedTokens(scope, input('x', [1, 9, layout.width]), layout, D, { image: { encoder, patch: 2, features: 16 } });
    const x = new Float32Array(9 * layout.width);
    for (let t = 0; t < 9; t++)
      writeQuery(
        x.subarray(t * layout.width),
        0,
        0,
        Array.from({ length: 9 }, (_, i) => Number(i === t)),
        0,
        NO_PAST,
        0,
      );
    const found = evaluate(y, { ...weights(scope), x });
    const looks = Array.from({ length: 9 }, (_, t) => Array.from(found.subarray(t * D, (t + 1) * D), v => v.toFixed(5)).join());
    expect(new Set(looks).size).toBe(9);
    expect(inputsOf({ outputs: { y } }).has('x')).toBe(true);
  });
});
