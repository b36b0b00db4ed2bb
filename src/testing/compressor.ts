/**
 * @file The contract of compressors: latents of the declared shape, from the declared window, and the consistency of optional parts. Shape
 * key: B batch, N context tokens, F features of a token, S tokens of a segment, D width, M latents.
 */

import { type Compressor, type CompressorOptions, readSegment } from '../compressor/index.ts';
import { grad, input, interpret, mul, sizeOf, sum, type Tensor } from '../engine/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import { PRESENCE } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { type Check, checksOf, expectClose, expectEqual, expectFinite, expectThat, normals, type Rule } from './check.ts';

const [B, F, SEGMENTS] = [3, 6, 4];
/** Smaller differences are ignored. */
const LEAST = 1e-9;

interface Subject {
  readonly compressor: Compressor;
  readonly options: CompressorOptions;
  /** Number of context tokens (N). */
  readonly tokens: number;
}

/** Initial values, with no zeros. */
const weightsOf = ({ table }: Scope): Record<string, Float32Array> =>
  Object.fromEntries(
    [...initialize(table.values(), Random.seeded(0))].map(([name, values]) => [
      name,
      values.map((value, i) => value + 0.1 * Math.sin(i + 1)),
    ]),
  );

interface Built {
  readonly scope: Scope;
  readonly z: Tensor;
  /** x [B, N, F] → z [B, M, D]. */
  run(x: ArrayLike<number>): Float64Array;
}

function build({ compressor, options, tokens }: Subject): Built {
  const scope = new Scope();
  const z = compressor.compress(scope, input('x', [B, tokens, F]), options);
  const weights = weightsOf(scope);
  return { scope, z, run: x => interpret({ outputs: { z } }, { ...weights, x }).z };
}

/** Random tokens, all present but those of the first `absent` segments. */
function context({ tokens, options }: Subject, seed = 1, absent = 0): Float32Array {
  const empty = absent * options.segment * F;
  return normals(B * tokens * F, Random.seeded(seed)).map((value, i) => {
    if (i % (tokens * F) < empty) return 0;
    return i % F === PRESENCE ? 1 : value;
  });
}

const rows = (flat: Float64Array, count = B) =>
  Array.from({ length: count }, (_, b) => flat.subarray((b * flat.length) / count, ((b + 1) * flat.length) / count));

const compresses = ({ compressor, options, tokens }: Subject) => compressor.latents(tokens, options) > 0;

const RULES: readonly Rule<Subject>[] = [
  {
    name: 'nothing: without latents, its window is empty',
    applies: subject => !compresses(subject),
    check: ({ compressor, options, tokens }) => expectEqual(compressor.window(tokens, options), 0, `window(${tokens})`),
  },
  {
    name: 'latents: they have the declared shape and are finite',
    applies: compresses,
    check(subject) {
      const { compressor, options, tokens } = subject;
      const { z, run } = build(subject);
      expectEqual(z.shape, [B, compressor.latents(tokens, options), options.width], 'shape of Z');
      expectFinite(run(context(subject)), 'Z');
    },
  },
  {
    name: 'batch: each context is compressed independently of its place in the batch',
    applies: compresses,
    check(subject) {
      const { run } = build(subject);
      const x = context(subject);
      const size = x.length / B;
      const order = [2, 0, 1];
      const turned = rows(run(Float32Array.from(order.flatMap(b => [...x.subarray(b * size, (b + 1) * size)]))));
      const plain = rows(run(x));
      for (const [b, from] of order.entries()) expectClose(turned[b], plain[from], `Z of context ${from}, moved to place ${b}`, 1e-10);
      const others = Float32Array.from(x, (value, i) => (i < size ? value : -value));
      expectClose(rows(run(others))[0], plain[0], 'Z of context 0, with other contexts in the batch', 1e-10);
    },
  },
  {
    name: 'window: it reads every token of its window, and none before',
    applies: compresses,
    check(subject) {
      const { compressor, options, tokens } = subject;
      const { run } = build(subject);
      const x = context(subject);
      const [before] = rows(run(x));
      const first = tokens - compressor.window(tokens, options);
      for (let token = 0; token < tokens; token++) {
        const moved = x.slice();
        for (let f = 0; f < F; f++) moved[token * F + f] += 1;
        const [after] = rows(run(moved));
        const most = after.reduce((largest, value, i) => Math.max(largest, Math.abs(value - before[i])), 0);
        const where = `change of Z by token ${token}, with the window [${first}, ${tokens})`;
        if (token < first) expectThat(most <= LEAST, where, 'none', most);
        else expectThat(most > LEAST, where, 'some', most);
      }
    },
  },
  {
    name: 'empty: Z is finite for an empty context',
    applies: compresses,
    check(subject) {
      expectFinite(build(subject).run(new Float32Array(B * subject.tokens * F)), 'Z');
    },
  },
  {
    name: 'gradients: they reach every parameter',
    applies: compresses,
    check(subject) {
      const { scope, z } = build(subject);
      const parameters = [...scope.table.values()];
      const loss = sum(mul(z, input('upstream', z.shape)));
      const gradients = grad(
        loss,
        parameters.map(({ tensor }) => tensor),
      );
      const feeds = { ...weightsOf(scope), x: context(subject), upstream: normals(sizeOf(z.shape), Random.seeded(2)) };
      const found = interpret({ outputs: Object.fromEntries(gradients.map((gradient, i) => [parameters[i].name, gradient])) }, feeds);
      for (const [name, values] of Object.entries(found)) {
        const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        expectThat(most > LEAST, `gradient of ${name}`, 'a nonzero number', most);
      }
    },
  },
  {
    name: 'recurrence: applied segment by segment, it equals compress',
    applies: subject => compresses(subject) && subject.compressor.recurrence !== undefined,
    check(subject) {
      const { tokens, options } = subject;
      const { run } = build(subject);
      const stepping = stepper(subject);
      // Also if the history is shorter than the context.
      for (const absent of [0, 1, SEGMENTS - 1, SEGMENTS]) {
        const x = context(subject, 5, absent);
        let z: Float64Array = stepping.begin();
        for (let from = 0; from < tokens; from += options.segment) z = stepping.step(z, part(x, tokens, from, options.segment));
        expectClose(z, run(x), `Z of ${SEGMENTS} segments, the first ${absent} of them empty`, 1e-10);
      }
    },
  },
  {
    name: 'recurrence: an empty segment leaves Z unchanged, bit for bit',
    applies: subject => compresses(subject) && subject.compressor.recurrence !== undefined,
    check(subject) {
      const { tokens, options } = subject;
      const { step, begin } = stepper(subject);
      const some = part(context(subject, 6), tokens, 0, options.segment);
      const z = step(begin(), some);
      expectEqual(step(z, new Float32Array(some.length)), z, 'Z after an empty segment');
      // One context of the batch has a nonempty segment.
      some.fill(0, 0, some.length / B);
      expectEqual(rows(step(z, some))[0], rows(z)[0], 'Z of the context whose segment is empty');
    },
  },
  {
    name: 'fit: it returns values for its own parameters, equal for equal streams',
    applies: subject => compresses(subject) && subject.compressor.fit !== undefined,
    check(subject) {
      const { compressor, options, tokens } = subject;
      const { scope } = build(subject);
      const contexts = Array.from({ length: 20 }, (_, i) => context(subject, 100 + i));
      const fitted = () => compressor.fit!(contexts, [tokens, F], options, Random.seeded(1));
      const [{ parameters, metrics }, again] = [fitted(), fitted()];
      for (const [name, values] of parameters) {
        const declared = scope.table.get(name);
        expectThat(declared !== undefined, `fitted parameter ${name}`, `one of ${[...scope.table.keys()].join(', ')}`, name);
        expectEqual(values.length, sizeOf(declared.shape), `how many numbers of ${name}`);
        expectFinite(values, name);
      }
      expectFinite(Object.values(metrics), 'metrics');
      expectEqual([...again.parameters], [...parameters], 'parameters of the second fit');
    },
  },
];

/** The tokens [from, from + count) of every context of the batch. */
function part(x: Float32Array, tokens: number, from: number, count: number): Float32Array {
  const out = new Float32Array(B * count * F);
  for (let b = 0; b < B; b++) out.set(x.subarray((b * tokens + from) * F, (b * tokens + from + count) * F), b * count * F);
  return out;
}

function stepper({ compressor, options, tokens }: Subject) {
  const scope = new Scope();
  const shape = [B, compressor.latents(tokens, options), options.width];
  const z = readSegment(scope, compressor.recurrence!, input('state', shape), input('x', [B, options.segment, F]), options);
  const weights = weightsOf(scope);
  return {
    begin: () => new Float64Array(sizeOf(shape)),
    step: (state: ArrayLike<number>, x: ArrayLike<number>) => interpret({ outputs: { z } }, { ...weights, state, x }).z,
  };
}

/**
 * The contract of compressors, checked in the interpreter: shapes, independence within the batch, the window, gradients, and `step` and
 * `fit` if present. The context has four segments.
 *
 * @param options what it is built with, small sizes by default; its own settings are in `compression`.
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of compressorChecks(compressor('gated-pool'), { compression: { sharpness: 2 } })) test(name, run);
 */
export function compressorChecks(compressor: Compressor, options: Partial<CompressorOptions> = {}): Check[] {
  const { segment = 5 } = options;
  const tokens = SEGMENTS * segment;
  const small = { width: 8, heads: 2, poolHeads: 4, hidden: 16, layers: 1, latents: 4, span: tokens, segment };
  return checksOf(RULES, { compressor, options: { ...small, ...options }, tokens });
}
