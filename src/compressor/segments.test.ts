import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { grad, input, interpret, mul, slice, sum, type Tensor } from '../engine/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import { PRESENCE } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { type CompressorOptions, compressor, compressors, readSegment } from './index.ts';

// B batch, R segments, S tokens of a segment, F features, D width.
const [B, R, S, F, D] = [2, 4, 5, 6, 8];
const PER_SEGMENT = 2;
const common: CompressorOptions = {
  width: D,
  heads: 2,
  poolHeads: 4,
  hidden: 16,
  layers: 1,
  latents: 3,
  span: R * S,
  segment: S,
  compression: { latentLayers: 2, perSegment: PER_SEGMENT },
};
const ROW = S * F;

/** Random segments for every row of the batch; the first `absent` of each are empty. */
function context(segments: number, seed: number, absent = 0, batch = B): Float32Array {
  const random = Random.seeded(seed);
  const x = Float32Array.from({ length: batch * segments * ROW }, (_, i) => (i % F === PRESENCE ? 1 : random.normal()));
  for (let b = 0; b < batch; b++) x.fill(0, b * segments * ROW, (b * segments + absent) * ROW);
  return x;
}

/** Segments `from` to `to` of every row of the batch. */
function part(x: Float32Array, segments: number, from: number, to: number): Float32Array {
  const rows = Array.from({ length: B }, (_, b) => x.slice((b * segments + from) * ROW, (b * segments + to) * ROW));
  return Float32Array.from(rows.flatMap(row => [...row]));
}

/** Parameters that are nowhere at their initial zeros. */
const weights = (scope: Scope) =>
  Object.fromEntries(
    [...initialize(scope.table.values(), Random.seeded(0))].map(([name, values]) => [
      name,
      values.map((v, i) => v + 0.1 * Math.sin(i + 1)),
    ]),
  );

function compress(id: string, x: Float32Array, segments: number, options: CompressorOptions): Float64Array {
  const scope = new Scope();
  const z = compressor(id).compress(scope, input('x', [B, segments * S, F]), options);
  return interpret({ outputs: { z } }, { ...weights(scope), x }).z;
}

/** d (a random sum over some of the latents) / dx, the largest in each segment of the context. */
function reach(id: string, options: CompressorOptions, pick: (z: Tensor) => Tensor = z => z): number[] {
  const scope = new Scope();
  const x = input('x', [1, R * S, F]);
  const picked = pick(compressor(id).compress(scope, x, options));
  const [dx] = grad(sum(mul(picked, input('u', picked.shape))), [x]);
  const random = Random.seeded(3);
  const u = Array.from({ length: picked.shape.reduce((a, b) => a * b) }, () => random.normal());
  const found = interpret({ outputs: { dx } }, { ...weights(scope), x: context(R, 4, 0, 1), u }).dx;
  return Array.from({ length: R }, (_, r) => Math.max(...found.subarray(r * ROW, (r + 1) * ROW).map(Math.abs)));
}

const near = (found: ArrayLike<number>, expected: ArrayLike<number>) => {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) expect(found[i]).toBeCloseTo(expected[i], 10);
};

describe('the causal compressor', () => {
  const P = PER_SEGMENT;
  const latents = (z: Float64Array, segments: number, from: number, to: number) =>
    Array.from({ length: B }, (_, b) => [...z.subarray((b * segments + from) * P * D, (b * segments + to) * P * D)]).flat();

  it('appends latents when segments are appended, and leaves the earlier ones as they are', () => {
    const x = context(R, 1);
    const whole = compress('causal', x, R, common);
    for (let r = 1; r < R; r++) near(compress('causal', part(x, R, 0, r), r, common), latents(whole, R, 0, r));
  });

  it('gives the same latents wherever the window stands, and zeros for what is not there', () => {
    const x = context(R, 2, 2);
    const whole = compress('causal', x, R, common);
    near(latents(whole, R, 2, R), compress('causal', part(x, R, 2, R), 2, common));
    expect(latents(whole, R, 0, 2).every(value => value === 0)).toBe(true);
  });

  it('lets no gradient leak backwards', () => {
    for (let r = 0; r < R; r++) {
      const found = reach('causal', common, z => slice(z, 1, r * P, (r + 1) * P));
      found.forEach((value, of) => {
        if (of > r) expect(value).toBe(0);
        else expect(value).toBeGreaterThan(1e-9);
      });
    }
  });
});

/** Settings of `recurrent`. */
const UPDATES = ['gru', 'closing-gru', 'residual', 'replace'].flatMap(update => [0, 3].map(workingMemory => ({ update, workingMemory })));
const STEPPING = compressors.all
  .filter(({ recurrence }) => recurrence)
  .flatMap(({ id }) =>
    (id === 'recurrent' ? UPDATES : [{}]).map(compression => ({ id, compression, options: { ...common, compression } })),
  );

describe('a gate that is less open than 0.1', () => {
  /** Z after one segment if all gates are σ(−4) = 0.018, whatever they read, and Z before it. */
  const gatedBy = (update: string) => {
    const M = common.latents;
    const scope = new Scope();
    const options = { ...common, compression: { update, workingMemory: 0 } };
    const { recurrence } = compressor('recurrent');
    const graph = { outputs: { z: readSegment(scope, recurrence!, input('state', [B, M, D]), input('x', [B, S, F]), options) } };
    const parameters = weights(scope);
    for (const [name, values] of Object.entries(parameters)) {
      if (name.endsWith('update.gates.weight')) values.fill(0);
      // The second half belongs to g, from which 1 is subtracted.
      if (name.endsWith('update.gates.bias')) values.fill(-3, values.length / 2);
    }
    const state = Float64Array.from({ length: B * M * D }, (_, i) => Math.sin(i));
    return { state, z: interpret(graph, { ...parameters, state, x: context(1, 5) }).z };
  };

  it('is closed in closing-gru, so that Z stays the same bit for bit, and not in gru', () => {
    const closing = gatedBy('closing-gru');
    expect(closing.z).toEqual(closing.state);
    const { z, state } = gatedBy('gru');
    expect(Math.max(...z.map((value, i) => Math.abs(value - state[i])))).toBeGreaterThan(1e-3);
  });
});

describe.each(STEPPING)('$id with $compression', ({ id, options }) => {
  const { recurrence, latents, settings = {} } = compressor(id);
  const M = latents(R * S, options);
  const scope = new Scope();
  const graph = { outputs: { z: readSegment(scope, recurrence!, input('state', [B, M, D]), input('x', [B, S, F]), options) } };
  const parameters = weights(scope);
  const go = (state: ArrayLike<number>, x: Float32Array) => interpret(graph, { ...parameters, state, x }).z;
  const begin = () => new Float64Array(B * M * D);

  it('knows segments and their order', () => {
    const x = context(2, 8);
    const turned = Float32Array.from(
      Array.from({ length: B }, (_, b) => [1, 0].flatMap(r => [...x.subarray((2 * b + r) * ROW, (2 * b + r + 1) * ROW)])).flat(),
    );
    const [one, other] = [x, turned].map(each => compress(id, each, 2, options));
    expect(one.some((value, i) => Math.abs(value - other[i]) > 1e-6)).toBe(true);
  });

  it('stays finite and of bounded size over a thousand rounds', () => {
    let state: Float64Array = begin();
    for (let round = 0; round < 1000; round++) state = go(state, context(1, round));
    expect(Math.max(...state.map(Math.abs))).toBeLessThan(10);
  });

  it.runIf('gradientRounds' in settings).each([1, 2, 3])('carries gradients through the last %d rounds and no further', gradientRounds => {
    const found = reach(id, { ...options, compression: { ...options.compression, gradientRounds } });
    found.forEach((value, r) => {
      if (r < R - gradientRounds) expect(value).toBe(0);
      else expect(value).toBeGreaterThan(1e-9);
    });
  });

  it('carries them through all rounds by default', () => {
    for (const value of reach(id, options)) expect(value).toBeGreaterThan(1e-9);
  });
});

it('a working memory larger than a segment is refused', () => {
  const recurrent = compressor('recurrent');
  const compression = { workingMemory: S + 1 };
  const build = () => recurrent.compress(new Scope(), input('x', [B, R * S, F]), { ...common, compression });
  expect(build).toThrow(failure('E_SHAPE', 6));
});
