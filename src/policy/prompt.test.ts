/** @file What a few-shot prompt may reach: in the transformer, and in the queries of an agent that was given one. */

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { grad, input, interpret, mul, type Program, sum } from '../engine/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import { tokenizer } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { inContextPolicy } from './in-context.ts';
import { policyStates } from './transformer.ts';

// P tokens of a prompt, T query tokens after it, F features, M latents, D width.
const [P, T, F, M, D] = [3, 4, 5, 2, 8];
const sizes = { width: D, heads: 2, hidden: 16, layers: 2, actions: 3, promptTokens: P };
const numbers = (size: number, seed: number) => {
  const random = Random.seeded(seed);
  return Float32Array.from({ length: size }, () => random.normal());
};
const FORMS = {
  'before the query in self-attention': {},
  'with Z in the encoder': { encoderLayers: 1 },
  'behind Z before the query': { prefix: true },
};

describe.each(Object.entries(FORMS).flatMap(([name, form]) => [true, false].map(z => ({ name, form, z }))))(
  'a prompt $name, with Z: $z',
  ({ form, z }) => {
    const scope = new Scope();
    const states = policyStates(scope, input('query', [1, P + T, F]), z ? input('z', [1, M, D]) : undefined, { ...sizes, ...form });
    const weights = Object.fromEntries(initialize(scope.table.values(), Random.seeded(0)));
    const feeds = { ...weights, query: numbers((P + T) * F, 1), z: numbers(M * D, 2) };
    const run = (query: Float32Array) => interpret({ outputs: { states } }, { ...feeds, query }).states;
    /** Which of the T tokens' states change when token `at` of the query does. */
    const moved = (at: number) => {
      const changed = feeds.query.slice();
      for (let f = 0; f < F; f++) changed[at * F + f] += 1;
      const [before, after] = [run(feeds.query), run(changed)];
      return Array.from({ length: T }, (_, t) =>
        after.subarray(t * D, (t + 1) * D).some((value, k) => Math.abs(value - before[t * D + k]) > 1e-9),
      );
    };

    it('is seen by every token of the running segment, which stays causal', () => {
      expect(states.shape).toEqual([1, T, D]);
      for (let p = 0; p < P; p++) expect(moved(p), `prompt token ${p}`).toEqual(new Array(T).fill(true));
      for (let t = 0; t < T; t++) expect(moved(P + t), `query token ${t}`).toEqual(Array.from({ length: T }, (_, i) => i >= t));
    });

    it('trains its type embedding', () => {
      const { tensor } = scope.table.get('prompt.type')!;
      const { gradient } = interpret(
        { outputs: { gradient: grad(sum(mul(states, input('upstream', states.shape))), [tensor])[0] } },
        { ...feeds, upstream: numbers(T * D, 3) },
      );
      expect(gradient.some(value => Math.abs(value) > 1e-9)).toBe(true);
    });
  },
);

it('a prompt among tokens that do not see each other is refused, but for an encoder', () => {
  const build = (form: object) =>
    policyStates(new Scope(), input('query', [1, P + 1, F]), undefined, { ...sizes, stateOnly: true, ...form });
  expect(() => build({})).toThrow(failure('E_SHAPE'));
  expect(build({ encoderLayers: 1 }).shape).toEqual([1, 1, D]);
});

describe('Z before the query', () => {
  const scope = new Scope();
  const z = input('z', [1, M, D]);
  const states = policyStates(scope, input('query', [1, T, F]), z, { ...sizes, promptTokens: 0, prefix: true });
  const weights = Object.fromEntries(initialize(scope.table.values(), Random.seeded(0)));

  it('is seen by every token of the running segment, without cross-attention', () => {
    const feeds = { ...weights, query: numbers(T * F, 1), z: numbers(M * D, 2) };
    const run = (latents: Float32Array) => interpret({ outputs: { states } }, { ...feeds, z: latents }).states;
    const before = run(feeds.z);
    for (let m = 0; m < M; m++) {
      const after = run(feeds.z.map((value, i) => value + Number(Math.floor(i / D) === m)));
      for (let t = 0; t < T; t++)
        expect(
          after.subarray(t * D, (t + 1) * D).some((value, k) => Math.abs(value - before[t * D + k]) > 1e-9),
          `latent ${m}, token ${t}`,
        ).toBe(true);
    }
    expect([...scope.table.keys()].filter(name => name.includes('cross'))).toEqual([]);
    expect(scope.table.get('embed.positions')!.shape).toEqual([M + T, D]);
  });

  it.each([
    ['single states', { stateOnly: true }, undefined],
    ['retrieved contexts', {}, { latents: input('retrieved', [1, 1, M, D]), present: input('present', [1, 1]) }],
  ])('is refused for %s', (_, form, retrieved) => {
    const build = () =>
      policyStates(new Scope(), input('query', [1, 1, F]), z, { ...sizes, promptTokens: 0, prefix: true, ...form }, retrieved);
    expect(build).toThrow(failure('E_SHAPE'));
  });
});

describe.each(['episode', 'state'] as const)('an agent asked about the %s, given a prompt', query => {
  const family = { observationSpace: { kind: 'discrete', n: 4 }, actionSpace: { kind: 'discrete', n: 2 }, horizon: 2 } as const;
  const shape = { episodes: 1, length: 2 };
  const layout = tokenizer('packed', family, query, shape);
  const steps = query === 'state' ? 1 : 2;
  const row = layout.queryTokens(steps) * layout.query.width;
  const promptRow = layout.prompt!.tokens * layout.query.width;
  let fed: Float32Array;
  const program: Program = {
    async run(feeds, _, into) {
      fed = feeds.query.data.slice() as Float32Array;
      return { probabilities: into!.probabilities };
    },
    dispose: async () => {},
  };
  const make = (tokens = layout) =>
    inContextPolicy({
      family,
      tokenizer: tokens,
      context: { contextTransitions: 2, segment: 2, contextLayout: 'window' },
      act: { program, size: 2 },
    });
  const shown = { observation: [0, 1], action: [1, 0], reward: [0, 1], nextObservation: [1, 2], terminated: [0, 1], truncated: [0, 0] };
  const expected = new Float32Array(promptRow);
  layout.prompt!.write(expected, 0, shown);
  const part = (i: number) => fed.subarray(i * row, i * row + promptRow);
  const step = async (policy: ReturnType<typeof make>, ends: boolean) => {
    await policy.act(Float32Array.of(3, 3));
    const two = { observation: Float32Array.of(3, 3), nextObservation: Float32Array.of(3, 3), reward: new Float32Array(2) };
    await policy.observe({
      ...two,
      action: new Int32Array(2),
      terminated: Uint8Array.of(Number(ends), 0),
      truncated: Uint8Array.of(0, Number(ends)),
    });
  };

  it('has it before every running segment until it is reset, in its own environment alone', async () => {
    const policy = make();
    policy.reset(2);
    policy.prompt([undefined, shown]);
    for (const ends of [false, true, false, true]) {
      await step(policy, ends);
      expect(part(1)).toEqual(expected);
      expect(part(0).every(value => value === 0)).toBe(true);
      expect(fed.subarray(promptRow, row).some(value => value !== 0)).toBe(true);
    }
    policy.prompt([shown]);
    await step(policy, false);
    expect([part(0), part(1).every(value => value === 0)]).toEqual([expected, true]);
    policy.reset(2);
    await step(policy, false);
    expect(part(0).every(value => value === 0)).toBe(true);
  });

  it('refuses one that it has no room for', () => {
    expect(() => make(tokenizer('packed', family, query)).prompt([shown])).toThrow(failure('E_CONFIG'));
    expect(() => make().prompt([shown, shown, shown])).toThrow(failure('E_SHAPE', 2, 3));
  });
});
