import { describe, expect, it } from 'vitest';
import { Random } from '../util/random.ts';
import { grad } from './grad.ts';
import { type Graph, inputsOf } from './graph.ts';
import {
  add,
  broadcastTo,
  concat,
  constant,
  div,
  exp,
  input,
  linear,
  matmul,
  max,
  maximum,
  mean,
  mul,
  reshape,
  slice,
  softmax,
  square,
  sub,
  sum,
  tanh,
  transpose,
} from './ops/index.ts';
import { interpret } from './reference.ts';
import { splitRows } from './split.ts';
import { sizeOf, type Tensor } from './tensor.ts';

// B batch, T time, D width.
const [B, T, D] = [12, 3, 4];
const LEARNED = new Set(['w']);

type Build = (batch: number) => Record<string, Tensor>;

const split = (build: Build, parts: number) => splitRows({ outputs: build(B) }, { outputs: build(B / parts) }, parts, LEARNED);

/** Evaluates outputs and the gradient of the first one for `w`, for the whole batch and as the sum over the parts. */
function evaluate(build: Build, parts: number) {
  const withGradient = ({ outputs }: Graph): Graph => {
    const w = inputsOf({ outputs }).get('w');
    const [loss] = Object.values(outputs);
    return { outputs: { ...outputs, ...(w && { gradient: grad(loss, [w])[0] }) } };
  };
  const whole = withGradient({ outputs: build(B) });
  const random = Random.seeded(0);
  const feeds = Object.fromEntries(
    Array.from(inputsOf(whole), ([name, { shape }]) => [name, Float64Array.from({ length: sizeOf(shape) }, () => random.uniform())]),
  );
  const { part, totals, rows } = split(build, parts);
  const shared = interpret(totals, feeds);
  const found = Array.from({ length: parts }, (_, k) => {
    const own = Object.entries(feeds).map(([name, values]) => {
      const size = values.length / parts;
      return [name, rows.has(name) ? values.subarray(k * size, (k + 1) * size) : values];
    });
    return interpret(withGradient(part), { ...Object.fromEntries(own), ...shared });
  });
  return { expected: interpret(whole, feeds), found };
}

const x = (batch: number) => input('x', [batch, T, D]);
const w = input('w', [D, D]);
const states = (batch: number, of = x(batch)) => tanh(linear(of, w));

const SEPARABLE: Record<string, Build> = {
  'a mean': batch => ({ loss: mean(square(states(batch))) }),
  'a sum, and a term that depends on no row': batch => ({ loss: add(sum(states(batch)), mean(square(w))) }),
  'a weighted mean': batch => {
    const weights = input('weights', [batch, T, D]);
    return { loss: div(sum(mul(square(states(batch)), weights)), maximum(sum(weights), 1e-6)), other: sum(weights) };
  },
  'several weighted means with weights of the batch': batch => {
    const of = x(batch);
    const h = states(batch, of);
    const terms = [0, 1, 2].map(i => {
      const [part, there] = [h, of].map(each => slice(each, 2, i, i + 1));
      return div(sum(mul(square(part), exp(there))), sum(exp(there)));
    });
    return { loss: terms.reduce(add), third: terms[2] };
  },
  'rows as the second axis, flattened': batch => {
    const time = reshape(transpose(states(batch), [1, 0, 2]), [T * batch, D]);
    const last = slice(time, 0, 2 * batch, 3 * batch);
    return { loss: mean(mul(square(last), slice(time, 0, 0, batch))) };
  },
  'a product over the rows': batch => {
    const of = x(batch);
    const h = reshape(states(batch, of), [batch * T, D]);
    return { loss: sum(mul(matmul(h, reshape(of, [batch * T, D]), { transposeA: true }), 0.5)) };
  },
  'a factor 1/B': batch => ({ loss: mul(sum(square(states(batch))), 1 / batch) }),
};

describe.each([2, 3, 6])('%i parts', parts => {
  it.each(Object.entries(SEPARABLE))('add up to the whole batch: %s', (_, build) => {
    const { expected, found } = evaluate(build, parts);
    expect(Object.keys(expected)).toContain('gradient');
    for (const [name, values] of Object.entries(expected))
      for (const [i, value] of values.entries())
        expect(
          found.reduce((total, part) => total + part[name][i], 0),
          `${name}[${i}]`,
        ).toBeCloseTo(value, 10);
  });
});

describe('a split', () => {
  it('reads what depends on the batch alone as totals, and nothing else', () => {
    const { totals, rows } = split(SEPARABLE['a weighted mean'], 2);
    expect([...rows].sort()).toEqual(['weights', 'x']);
    expect(Object.values(totals.outputs).map(({ shape }) => shape)).toEqual([[]]);
    expect(split(SEPARABLE['a mean'], 2).totals.outputs).toEqual({});
  });

  const MIXING: Record<string, (h: Tensor, batch: number) => Tensor> = {
    'the variance over the batch': h => mean(square(sub(h, mean(h, [0], true)))),
    'a square of a sum': h => square(sum(h)),
    'the largest row': h => sum(max(h, [0])),
    'a softmax over the batch': h => sum(square(softmax(transpose(h, [1, 2, 0])))),
    'products of all rows with all rows': (h, batch) => {
      const flat = reshape(h, [batch, T * D]);
      return sum(matmul(flat, flat, { transposeB: true }));
    },
    'half of the rows': (h, batch) => sum(slice(h, 0, 0, batch / 2)),
    'a quotient of sums with parameters': h => div(sum(h), sum(square(h))),
    'rows in two orders': (h, batch) => {
      const time = reshape(transpose(h, [1, 0, 2]), [T * batch, D]);
      return sum(mul(time, reshape(h, [batch * T, D])));
    },
    'rows next to each other': (h, batch) => sum(square(sum(concat([h, broadcastTo(constant(1), [batch, T, D])], 0), [0]))),
  };

  it.each(Object.entries(MIXING))('names the outputs that are no sum: %s', (_, build) => {
    const { mixed } = split(batch => {
      const h = states(batch);
      return { fine: sum(h), loss: build(h, batch) };
    }, 2);
    expect(mixed).toEqual(['loss']);
  });

  it('joins outputs that have the rows of the batch, which no sum over parts expresses', () => {
    const build = (batch: number) => {
      const h = states(batch);
      return { loss: sum(h), rows: mul(h, 2) };
    };
    const { expected, found } = evaluate(build, 3);
    expect(found.flatMap(({ rows }) => Array.from(rows))).toEqual(Array.from(expected.rows));
    const { joined, mixed } = split(batch => ({ ...build(batch), turned: transpose(input('y', [batch, T]), [1, 0]) }), 3);
    expect([[...joined], mixed]).toEqual([['rows'], ['turned']]);
  });

  it('refuses graphs of different structure', () => {
    expect(split(batch => ({ loss: batch === B ? sum(w) : mean(w) }), 2).mixed).toEqual(['loss']);
  });
});
