import { describe, expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { nodeExecutor } from '../../engine/executors/node.ts';
import { webExecutor } from '../../engine/executors/web.ts';
import { type Graph, grad, input, interpret, mul, optimize, square, sum, type Tensor } from '../../engine/index.ts';
import { initialize, Scope } from '../../nn/index.ts';
import { compareWithInterpreter, type Numbers, pullback } from '../../testing/engine.ts';
import { latentChecks } from '../../testing/latents.ts';
import { Random } from '../../util/random.ts';
import { type LatentSettings, latentKind, latentKinds } from './index.ts';

// B batch, M latents, D width.
const [B, M, D] = [3, 4, 6];
const SETTINGS: LatentSettings = { groups: 2, levels: [4, 3], codes: 7, codeWidth: 3, decay: 0.9, commitment: 0.25, revive: 0.1 };

const normals = (size: number, seed: number, scale = 1) => {
  const random = Random.seeded(seed);
  return Float32Array.from({ length: size }, () => scale * random.normal());
};

/** One kind over the input `z`, with numbers for everything that it declared. */
function build(id: string, settings: LatentSettings = SETTINGS, shape = [B, M, D]) {
  const scope = new Scope();
  const kind = latentKind(id);
  const z = input('z', shape);
  const latents = kind.apply(scope, z, settings);
  const random = Random.seeded(3);
  const numbers: Record<string, ArrayLike<number>> = {
    z: normals(
      z.shape.reduce((a, b) => a * b),
      1,
    ),
    ...Object.fromEntries(initialize([...scope.table.values(), ...scope.buffers.values()], random)),
  };
  for (const { name, tensor, draw } of scope.randoms.values())
    numbers[name] = Float32Array.from({ length: tensor.shape.reduce((a, b) => a * b) }, () => draw(random));
  return { scope, kind, z, latents, numbers };
}

const evaluate = (outputs: Record<string, Tensor>, numbers: Numbers) => interpret({ outputs }, numbers);

/** Everything that a graph could ask for: both forms, the codes, R(Z), the metrics, the buffers after a step, and every gradient. */
function everything({ scope, z, latents }: ReturnType<typeof build>): Graph {
  const { trained, settled, codes, capacity, metrics } = latents;
  const outputs: Record<string, Tensor> = { trained, settled, ...metrics };
  if (codes) outputs.codes = codes;
  for (const { name, next } of scope.buffers.values()) outputs[`next.${name}`] = next;
  const loss = capacity ? sum(mul(trained, capacity)) : sum(square(trained));
  const specs = [{ name: 'z', tensor: z }, ...scope.table.values()];
  const gradients = grad(
    loss,
    specs.map(({ tensor }) => tensor),
  );
  for (const [i, gradient] of gradients.entries()) outputs[`d.${specs[i].name}`] = gradient;
  return { outputs };
}

describe.each(latentKinds.all)('latents of the kind $id', ({ id }) => {
  const made = build(id);
  const { numbers } = made;

  for (const { name, run } of latentChecks(latentKind(id), SETTINGS)) it(name, run);

  it('are the same numbers compiled, natively and in WebAssembly, as in the interpreter', async () => {
    const graph = optimize(everything(made));
    for (const executor of [nodeExecutor({ threads: 1 }), webExecutor({ threads: 1 })])
      for (const standard of [false, true]) {
        const errors = await compareWithInterpreter(executor, graph, numbers, { standard });
        expect(Object.entries(errors).filter(([, error]) => !(error < 1e-5))).toEqual([]);
      }
  });
});

describe.each(latentKinds.all.filter(({ discrete }) => discrete))('codes of the kind $id', ({ id, discrete }) => {
  const { scope, latents, numbers } = build(id);
  const { groups } = discrete!.alphabet(SETTINGS);
  const codes = () => evaluate({ codes: latents.codes! }, numbers).codes;

  it('are not all the same', () => {
    expect(new Set(codes()).size).toBeGreaterThan(2);
  });

  it('are decoded compiled as in the interpreter', async () => {
    const again = discrete!.decode(scope, input('codes', [B, M, groups], 'int32'), SETTINGS, D);
    const errors = await compareWithInterpreter(webExecutor({ threads: 1 }), optimize({ outputs: { again } }), {
      ...numbers,
      codes: codes(),
    });
    expect(errors.again).toBeLessThan(1e-5);
  });

  it('carry all that settled latents say: equal codes, equal latents', () => {
    const { settled } = evaluate({ settled: latents.settled }, numbers);
    const rows = Array.from({ length: B * M }, (_, r) => ({
      code: codes()
        .slice(r * groups, (r + 1) * groups)
        .join(),
      latent: [...settled.slice(r * D, (r + 1) * D)].map(v => v.toFixed(9)).join(),
    }));
    const byCode = new Map(rows.map(({ code, latent }) => [code, latent]));
    for (const { code, latent } of rows) expect(byCode.get(code)).toBe(latent);
    expect(new Set(byCode.values()).size).toBe(byCode.size);
  });

  it('pass the gradient straight through: that of the latents where nothing is quantized', () => {
    const { trained } = latents;
    const up = scope.table.get('up.weight')!;
    const weights = Float32Array.from(numbers['up.weight']);
    const upstream = normals(B * M * D, 9);
    const [, inner] = up.shape;
    const found = interpret(pullback(trained, [scope.table.get('down.bias')!.tensor]), { ...numbers, upstream }).d0;
    // d/d bias of a straight-through code is Upᵀ · upstream, by the slope of the bound in front of it (1 for vq).
    const coordinates = scope.table.get('down.bias')!.shape[0];
    const expected = new Float64Array(coordinates);
    const slopes = id === 'fsq' ? tanhSlopes(numbers, B * M, coordinates) : new Float64Array(B * M * coordinates).fill(1);
    for (let r = 0; r < B * M; r++)
      for (let c = 0; c < coordinates; c++)
        for (let d = 0; d < inner; d++) expected[c] += slopes[r * coordinates + c] * weights[c * inner + d] * upstream[r * D + d];
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 5);
    });
  });
});

/** 1 - tanh² of the coordinates that fsq bounds, computed by hand: LayerNorm, then the map `down`. */
function tanhSlopes(numbers: Numbers, rows: number, coordinates: number): Float64Array {
  const [z, weight, bias] = ['z', 'down.weight', 'down.bias'].map(name => Array.from(numbers[name]));
  const out = new Float64Array(rows * coordinates);
  for (let r = 0; r < rows; r++) {
    const row = z.slice(r * D, (r + 1) * D);
    const average = row.reduce((a, b) => a + b) / D;
    const deviation = Math.sqrt(row.reduce((a, v) => a + (v - average) ** 2, 0) / D + 1e-5);
    for (let c = 0; c < coordinates; c++) {
      const u = row.reduce((a, v, d) => a + ((v - average) / deviation) * weight[d * coordinates + c], bias[c]);
      out[r * coordinates + c] = 1 - Math.tanh(u) ** 2;
    }
  }
  return out;
}

describe('continuous latents', () => {
  it('are what the compressor gave, and R(Z) their mean square', () => {
    const { z, latents, numbers, scope } = build('continuous');
    expect([latents.trained, latents.settled]).toEqual([z, z]);
    expect(scope.table.size).toBe(0);
    const expected = Array.from(numbers.z).reduce((a, v) => a + v * v, 0) / (B * M * D);
    expect(evaluate({ r: latents.capacity! }, numbers).r[0]).toBeCloseTo(expected, 10);
  });
});

describe('variational latents', () => {
  it('cost the KL divergence to the unit Gaussian: by numerical integration', () => {
    const { latents, numbers, scope } = build('variational', SETTINGS, [1, 1, 2]);
    const [means, logVariances] = [
      [0.7, -1.2],
      [-0.5, 0.3],
    ];
    const bias = logVariances.map(v => v + 4); // the initial -4 is added to it
    const own = { ...numbers, z: means, 'logVariance.weight': new Float32Array(4), 'logVariance.bias': bias };
    expect([...scope.table.keys()]).toEqual(['logVariance.weight', 'logVariance.bias']);
    const density = (x: number, mean: number, variance: number) =>
      Math.exp(-((x - mean) ** 2) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance);
    const divergences = means.map((mean, i) => {
      const variance = Math.exp(logVariances[i]);
      let total = 0;
      for (let x = -20; x < 20; x += 1e-3) {
        const p = density(x, mean, variance);
        if (p > 1e-300) total += 1e-3 * p * Math.log(p / density(x, 0, 1));
      }
      return total;
    });
    expect(evaluate({ r: latents.capacity! }, own).r[0]).toBeCloseTo((divergences[0] + divergences[1]) / 2, 6);
    expect(evaluate({ r: latents.capacity! }, { ...own, z: [0, 0], 'logVariance.bias': [4, 4] }).r[0]).toBeCloseTo(0, 12);
  });

  it('are mean + σ · noise in training, the mean afterwards', () => {
    const { latents, numbers } = build('variational');
    const { trained, settled } = evaluate({ trained: latents.trained, settled: latents.settled }, numbers);
    expect([...settled]).toEqual([...Float64Array.from(numbers.z)]);
    // At the beginning the map behind log σ² is 0: σ = e^-2 everywhere.
    trained.forEach((value, i) => {
      expect(value).toBeCloseTo(numbers.z[i] + Math.exp(-2) * numbers.noise[i], 6);
    });
  });
});

describe('finite scalar quantization', () => {
  it('rounds each bounded number to one of its evenly spaced levels, and all codes can be reached', () => {
    const { latents, numbers } = build('fsq', { ...SETTINGS, groups: 1 }, [400, 1, D]);
    const wide = { ...numbers, 'down.weight': Float32Array.from(numbers['down.weight'], w => 2 * w) };
    const { codes } = evaluate({ codes: latents.codes! }, wide);
    expect([...new Set(codes)].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
  });

  it('decodes every code of the default levels to its own point of the grid', () => {
    const settings = { ...SETTINGS, groups: 1, levels: [8, 5, 5, 5] };
    const scope = new Scope();
    const all = Array.from({ length: 1000 }, (_, i) => i);
    // An identity behind it, so that what comes out are the numbers of the code themselves.
    const points = latentKind('fsq').discrete!.decode(scope, input('codes', [1, 1000, 1], 'int32'), settings, 4);
    const identity = Float32Array.from({ length: 16 }, (_, i) => Number(i % 5 === 0));
    const { p } = evaluate({ p: points }, { codes: all, 'up.weight': identity, 'up.bias': new Float32Array(4) });
    all.forEach(code => {
      const digits = [code % 8, Math.floor(code / 8) % 5, Math.floor(code / 40) % 5, Math.floor(code / 200)];
      digits.forEach((digit, i) => {
        expect(p[code * 4 + i]).toBeCloseTo((2 * digit) / (settings.levels[i] - 1) - 1, 6);
      });
    });
  });
});

describe('vector quantization', () => {
  // One group of two codes in the plane over four rows. LayerNorm turns a row of two numbers into ±(1, -1); `down` keeps that and adds 1 to x.
  const settings = { ...SETTINGS, groups: 1, codes: 2, codeWidth: 2, decay: 0.8, revive: 0.25 };
  const by = (change: Record<string, ArrayLike<number>> = {}) => {
    const { scope, latents, numbers } = build('vq', settings, [4, 1, 2]);
    const own = {
      ...numbers,
      z: [5, 1, 3, 2, 9, 0, 0, 7], // three rows of (1, -1), one of (-1, 1)
      'down.weight': [1, 0, 0, 1],
      'down.bias': [1, 0], // x: three times (2, -1), once (0, 1)
      codebook: [3, -1, 0, 0],
      counts: [2, 4],
      rows: [3, 0],
      ...change,
    };
    const next = Object.fromEntries([...scope.buffers.values()].map(buffer => [buffer.name, buffer.next]));
    return evaluate({ ...next, codes: latents.codes!, capacity: latents.capacity!, ...latents.metrics }, own);
  };
  const expectClose = (found: Float64Array, expected: number[]) =>
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 4);
    });

  it('moves the codebook as worked out by hand', () => {
    const found = by();
    expect([...found.codes]).toEqual([0, 0, 0, 1]);
    // N' = 0.8 · (2, 4) + 0.2 · (3, 1) = (2.2, 3.4)
    expectClose(found.counts, [2.2, 3.4]);
    // e'_0 = (1.6 · (3, -1) + 0.2 · 3 · (2, -1)) / 2.2 and e'_1 = (3.2 · (0, 0) + 0.2 · (0, 1)) / 3.4
    expectClose(found.codebook, [(1.6 * 3 + 0.6 * 2) / 2.2, -1, 0, 0.2 / 3.4]);
  });

  it('counts the commitment: the mean square of what lies between rows and their codes', () => {
    // |(2, -1) - (3, -1)|² = 1 three times, |(0, 1) - (0, 0)|² = 1 once; 8 numbers.
    expect(by().capacity[0]).toBeCloseTo(4 / 8, 4);
    // ¾ and ¼ of the rows.
    expect(by().perplexity[0]).toBeCloseTo(4 / 3 ** 0.75, 4);
  });

  it('replaces a code that no input is near by the row that was drawn', () => {
    // Code 1 is far off: its count falls to 0.8 · 0.5 = 0.4, below ¼ of the average 4 / 2.
    const found = by({ codebook: [2, -1, 50, 50], counts: [2, 0.5], rows: [0, 3] });
    expect([...found.codes]).toEqual([0, 0, 0, 0]);
    expectClose(found.codebook.subarray(2), [0, 1]);
    expectClose(found.counts, [0.8 * 2 + 0.2 * 4, 2]);
    // At 0.8 · 0.7 it is left alone.
    const kept = by({ codebook: [2, -1, 50, 50], counts: [2, 0.7], rows: [0, 3] });
    expectClose(kept.codebook.subarray(2), [50, 50]);
    expectClose(kept.counts, [2.4, 0.56]);
  });

  it('begins with nothing of the random codebook left: rows, or means of rows', () => {
    const found = by({ codebook: [9, 9, 8, 8], counts: [0, 0], rows: [3, 0] });
    // All rows are nearest to code 1, which becomes their mean.
    expectClose(found.codebook, [0, 1, 1.5, -0.5]);
    expectClose(found.counts, [2, 0.2 * 4]);
  });

  it('has the commitment loss always, the others their R(Z) only where it is asked for', () => {
    expect(latentKinds.all.map(({ id, leastCapacity }) => [id, leastCapacity?.(settings) ?? 0])).toEqual([
      ['continuous', 0],
      ['variational', 0],
      ['fsq', 0],
      ['vq', 0.25],
    ]);
  });
});

it('names the kinds when asked for another', () => {
  expect(new Set(latentKinds.ids).size).toBe(latentKinds.all.length);
  expect(() => latentKind('gaussian')).toThrow(failure('E_CONFIG', latentKinds.ids.join(', ')));
});
