import { beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import type { Feeds, HostTensor, Program } from '../engine/index.ts';
import type { Feedback } from '../rl/index.ts';
import { NO_PAST, QUERIES, tokenizer, writeContext } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { type InContextModel, inContextPolicy } from './in-context.ts';
import type { Retriever } from './memory.ts';

const family = {
  observationSpace: { kind: 'multi-discrete', nvec: [3, 4] },
  actionSpace: { kind: 'discrete', n: 3 },
  horizon: 4,
} as const;
/** Environments, environments that are compressed at once. */
const [SIZE, CHUNK] = [3, 2];
const LATENT = [2, 2];

/** How a model takes the past: transitions of a segment and of the context, their form, and whether Z goes on from itself. */
const MODES = [
  { segment: 4, contextTransitions: 6, contextLayout: 'window', recurrent: false },
  { segment: 3, contextTransitions: 6, contextLayout: 'window', recurrent: false },
  { segment: 4, contextTransitions: 12, contextLayout: 'segments', recurrent: false },
  { segment: 3, contextTransitions: 6, contextLayout: 'segments', recurrent: false },
  { segment: 4, contextTransitions: 8, contextLayout: 'best', recurrent: false },
  { segment: 4, contextTransitions: 4, contextLayout: 'segments', recurrent: true },
  { segment: 1, contextTransitions: 1, contextLayout: 'segments', recurrent: true },
] as const;
const CASES = ['packed', 'packed-changes', 'interleaved'].flatMap(id =>
  QUERIES.flatMap(query => MODES.map(mode => ({ id, query, mode, ...mode }))),
);

interface Step {
  observation: number[];
  action: number;
  reward: number;
  nextObservation: number[];
  ended: boolean;
}

/** One environment by the side: what happened, and what has to reach the model because of it. */
class Witness {
  segments: Step[][] = [];
  running: Step[] = [];
}

/** Where a play stopped. */
interface Played {
  readonly witnesses: Witness[];
  readonly seen: number[][];
  readonly elapsed: Int32Array;
}

const NAME =
  'an in-context policy of $id tokens asked about the $query: segments of $segment, $contextTransitions transitions as $contextLayout, recurrent: $recurrent';
describe.each(CASES)(NAME, ({ id, query, mode: { segment, contextTransitions, contextLayout, recurrent } }) => {
  const layout = tokenizer(id, family, query);
  /** Steps that one call of the model sees. */
  const asked = query === 'state' ? 1 : segment;
  const tokens = layout.queryTokens(asked);
  const contextTokens = contextTransitions * layout.tokensPerTransition;
  const queryRow = tokens * layout.query.width;
  const contextRow = contextTokens * layout.context.width;
  let acted: Record<string, HostTensor>[];
  let compressions: number;

  const copy = (feeds: Feeds) =>
    Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]));
  /** Four numbers that tell contexts apart. */
  const digest = (context: ArrayLike<number>) =>
    Float32Array.from({ length: 4 }, (_, k) => Array.from(context).reduce((sum, value, i) => sum + value * Math.cos(i * (k + 1)), 0));

  /** What a compressor that goes on from its latents makes of them. */
  const goOn = (state: ArrayLike<number>, found: Float32Array) => found.map((value, k) => value - 0.5 * state[k]);
  /** What the policy sees of what is carried: not the same numbers where latents are of another kind than continuous. */
  const shown = (next: Float32Array) => next.map(value => 2 * value);

  const programOf = (run: (feeds: Feeds, into: Feeds) => Record<string, HostTensor>): Program => ({
    run: async (feeds, _outputs, into) => run(feeds, into!),
    dispose: async () => {},
  });
  const actProgram = programOf((feeds, into) => {
    acted.push(copy(feeds));
    const { data, shape } = into.probabilities;
    expect(shape).toEqual([SIZE, asked, 3]);
    for (let i = 0; i < data.length; i++) data[i] = i;
    return { probabilities: into.probabilities };
  });
  const compressProgram = programOf(({ context, state }, into): Record<string, HostTensor> => {
    compressions++;
    expect(context.shape).toEqual([CHUNK, contextTokens, layout.context.width]);
    expect(Boolean(state)).toBe(recurrent);
    const next: HostTensor = { data: new Float32Array(CHUNK * 4), shape: [CHUNK, ...LATENT], dtype: 'float32' };
    for (let c = 0; c < CHUNK; c++) {
      const found = digest(context.data.subarray(c * contextRow, (c + 1) * contextRow));
      if (state) next.data.set(goOn(state.data.subarray(c * 4, (c + 1) * 4), found), c * 4);
      into.latents.data.set(state ? shown(next.data.slice(c * 4, (c + 1) * 4) as Float32Array) : found, c * 4);
    }
    return recurrent ? { latents: into.latents, next } : { latents: into.latents };
  });
  const model: InContextModel = {
    family,
    tokenizer: layout,
    context: { contextTransitions, segment, contextLayout },
    act: { program: actProgram, size: SIZE },
  };
  const compress = { program: compressProgram, batch: CHUNK, latentShape: LATENT, recurrent };

  beforeEach(() => {
    acted = [];
    compressions = 0;
  });

  /** The columns of steps, as a history has them. */
  const columns = (steps: readonly Step[]) => ({
    observation: steps.flatMap(step => step.observation),
    action: steps.map(step => step.action),
    reward: steps.map(step => step.reward),
    nextObservation: steps.flatMap(step => step.nextObservation),
    terminated: steps.map(step => Number(step.ended)),
    truncated: steps.map(() => 0),
  });

  /** One segment alone, or transitions run together, at the right end of so many slots. */
  const written = (steps: readonly Step[], slots: number) => {
    const row = new Float32Array(slots * layout.tokensPerTransition * layout.context.width);
    writeContext(layout, row, 0, slots, columns(steps), 0, steps.length);
    return row;
  };

  const expectedLatents = ({ segments }: Witness) => {
    if (recurrent) return shown(segments.reduce((z, steps) => goOn(z, digest(written(steps, segment))), new Float32Array(4)));
    if (contextLayout === 'window') return digest(written(segments.flat(), contextTransitions));
    const slots = contextTransitions / segment;
    const earned = (steps: readonly Step[]) => steps.reduce((sum, { reward }) => sum + reward, 0);
    const ordered = contextLayout === 'best' ? [...segments].sort((a, b) => earned(a) - earned(b)) : segments;
    const past = [...new Array<Step[]>(slots).fill([]), ...ordered].slice(-slots);
    return digest(Float32Array.from(past.flatMap(steps => [...written(steps, segment)])));
  };

  const expectedQuery = ({ running }: Witness, now: readonly number[]) => {
    const row = new Float32Array(queryRow);
    if (query === 'state') {
      // Whatever happened before: the current state, as if an episode began.
      layout.writeQuery(row, 0, 0, now, 0, NO_PAST, 0);
      return row;
    }
    const seen = [...running.map(step => step.observation), now].flat();
    const past = { observation: seen, action: running.map(step => step.action), reward: running.map(step => step.reward) };
    for (let t = 0; t <= running.length; t++) layout.writeQuery(row, 0, t, seen, 2 * t, past, t - 1);
    return row;
  };

  /** Plays random steps and checks every call of the model against the witnesses. */
  async function play(policy: ReturnType<typeof inContextPolicy>, steps: number, seed: number, compresses = true, earlier?: Played) {
    const random = Random.seeded(seed);
    const look = () => [random.integer(3), random.integer(4)];
    const witnesses = earlier?.witnesses ?? Array.from({ length: SIZE }, () => new Witness());
    let seen = earlier?.seen ?? witnesses.map(look);
    // The latents before the first segment are zeros where Z goes on from itself, and else what an empty context becomes.
    let expectedCompressions = compressions + (recurrent || earlier ? 0 : Math.ceil(SIZE / CHUNK));
    const elapsed = earlier?.elapsed ?? new Int32Array(SIZE);
    for (let n = 0; n < steps; n++) {
      // What is acted on twice counts once.
      if (n % 2 === 1) await policy.act(Float32Array.from(witnesses.flatMap(look)));
      const probabilities = await policy.act(Float32Array.from(seen.flat()));
      const fed = acted.at(-1)!;
      expect(Object.keys(fed)).toEqual(compresses ? ['query', 'latents'] : ['query']);
      if (compresses) expect(compressions).toBe(expectedCompressions);
      const feedback: Record<string, number[]> = {
        observation: [],
        action: [],
        reward: [],
        nextObservation: [],
        terminated: [],
        truncated: [],
      };
      const ends: number[] = [];
      const current: number[][] = [];
      witnesses.forEach((witness, i) => {
        expect(fed.query.data.subarray(i * queryRow, (i + 1) * queryRow)).toEqual(expectedQuery(witness, seen[i]));
        if (compresses) expect(fed.latents.data.subarray(i * 4, (i + 1) * 4)).toEqual(expectedLatents(witness));
        const from = (i * asked + (query === 'state' ? 0 : witness.running.length)) * 3;
        expect(Array.from(probabilities.subarray(i * 3, (i + 1) * 3))).toEqual([from, from + 1, from + 2]);

        const truncated = ++elapsed[i] === family.horizon;
        const terminated = random.uniform() < 0.2;
        const step: Step = {
          observation: seen[i],
          action: random.integer(3),
          reward: Math.fround(random.normal()),
          nextObservation: look(),
          ended: terminated || truncated,
        };
        witness.running.push(step);
        for (const [name, value] of Object.entries({ ...step, terminated: Number(terminated), truncated: Number(truncated) }))
          feedback[name]?.push(...[value].flat().map(Number));
        if (step.ended) elapsed[i] = 0;
        current[i] = step.ended ? look() : step.nextObservation;
        if (!step.ended && witness.running.length < segment) return;
        witness.segments.push(witness.running);
        witness.running = [];
        ends.push(i);
      });
      seen = current;
      expectedCompressions += Math.ceil(ends.length / CHUNK);
      const floats = (name: string) => Float32Array.from(feedback[name]);
      await policy.observe({
        observation: floats('observation'),
        nextObservation: floats('nextObservation'),
        reward: floats('reward'),
        action: Int32Array.from(feedback.action),
        terminated: Uint8Array.from(feedback.terminated),
        truncated: Uint8Array.from(feedback.truncated),
      } satisfies Feedback);
    }
    return { witnesses, seen, elapsed };
  }

  /** Everything is as if nothing had been changed once the running segments have ended. */
  async function expectRecovery(policy: ReturnType<typeof inContextPolicy>, { witnesses, seen }: Played) {
    const nothing = { action: new Int32Array(SIZE), reward: new Float32Array(SIZE), terminated: new Uint8Array(SIZE).fill(1) };
    const observation = Float32Array.from(seen.flat());
    await policy.observe({ observation, nextObservation: observation, truncated: new Uint8Array(SIZE), ...nothing });
    for (const [i, witness] of witnesses.entries()) {
      witness.segments.push([...witness.running, { observation: seen[i], action: 0, reward: 0, nextObservation: seen[i], ended: true }]);
      expect((await policy.memory(i)).latents).toEqual(expectedLatents(witness));
    }
  }

  it('feeds the latents of the past segments, and the running one, and compresses only when one ends', async () => {
    const policy = inContextPolicy({ ...model, compress });
    expect(policy.actions).toMatchObject({ space: { kind: 'discrete', n: 3 }, width: 1, size: 3 });
    policy.reset(SIZE);
    const { witnesses } = await play(policy, 40, 1);
    // Far more happened than the context holds.
    for (const { segments } of witnesses) expect(segments.flat().length).toBeGreaterThan(2 * contextTransitions);
  });

  it('goes on with the memory of another environment, or of an earlier time, in the middle of a segment', async () => {
    const policy = inContextPolicy({ ...model, compress });
    policy.reset(SIZE);
    const played = await play(policy, 10, 2);
    const [first, second, third] = played.witnesses;
    const memories = await Promise.all([0, 1, 2].map(i => policy.memory(i)));
    const past = third.segments.slice();
    [first.segments, second.segments] = [second.segments, first.segments];
    policy.setMemory(0, memories[1]);
    policy.setMemory(1, memories[0]);
    const later = await play(policy, 9, 3, true, played);
    await policy.memory(2);
    third.segments = past;
    policy.setMemory(2, memories[2]);
    await play(policy, 9, 4, true, later);
  });

  it('goes on from other latents if it goes on from itself, and else forgets them when the segment ends', async () => {
    const policy = inContextPolicy({ ...model, compress });
    policy.reset(SIZE);
    const played = await play(policy, 10, 2);
    const memory = await policy.memory(1);
    expect(memory.latents).toEqual(expectedLatents(played.witnesses[1]));
    policy.setMemory(1, { ...memory, latents: Float32Array.of(1, 2, 3, 4), state: recurrent ? Float32Array.of(5, 6, 7, 8) : undefined });
    await policy.act(Float32Array.from(played.seen.flat()));
    expect([...acted.at(-1)!.latents.data.subarray(4, 8)]).toEqual([1, 2, 3, 4]);
    const { state } = await policy.memory(1);
    expect(state && [...state]).toEqual(recurrent ? [5, 6, 7, 8] : undefined);
    if (!recurrent) await expectRecovery(policy, played);
  });

  it('forgets everything on reset, even in the middle of a segment', async () => {
    const policy = inContextPolicy({ ...model, compress });
    policy.reset(SIZE);
    await play(policy, 10, 2);
    policy.reset(SIZE);
    await play(policy, 10, 3);
  });

  it('looks contexts up by its Z whenever that changed, and feeds what was found for each environment', async () => {
    const asked: { i: number; z: number[] }[] = [];
    const retrieve: Retriever = {
      contexts: 2,
      lookUp(i, own, { latents, present }) {
        expect([...latents, ...present]).toEqual(new Array(2 * 4 + 2).fill(0));
        asked.push({ i, z: [...own.latents] });
        // One context is found, which says where it was asked from; the second slot stays empty.
        latents.set(own.latents.map(value => 1000 * (i + 1) + value));
        present[0] = 1;
      },
    };
    const policy = inContextPolicy({ ...model, compress, retrieve });
    for (let round = 0; round < 2; round++) {
      asked.length = 0;
      policy.reset(SIZE);
      const witnesses = Array.from({ length: SIZE }, () => ({ ended: 0 }));
      for (let n = 0; n < 12; n++) {
        const before = asked.length;
        await policy.act(new Float32Array(2 * SIZE));
        const { latents, retrieved, present } = acted.at(-1)!;
        expect([retrieved.shape, present.shape]).toEqual([
          [SIZE, 2, ...LATENT],
          [SIZE, 2],
        ]);
        for (const i of witnesses.keys()) {
          const z = latents.data.slice(i * 4, (i + 1) * 4);
          expect([...retrieved.data.slice(i * 8, (i + 1) * 8)]).toEqual([...z.map(value => 1000 * (i + 1) + value), 0, 0, 0, 0]);
        }
        expect([...present.data]).toEqual([1, 0, 1, 0, 1, 0]);
        const now = asked.slice(before).map(({ i }) => i);
        expect(now).toEqual(n === 0 ? [0, 1, 2] : witnesses.flatMap(({ ended }, i) => (ended === n ? [i] : [])));
        // Environment 1 ends its episodes early.
        const truncated = Uint8Array.from([0, 1, 2], i => Number((n + 1) % (i === 1 ? 2 : 4) === 0));
        for (const [i, witness] of witnesses.entries()) {
          const steps = (n % (i === 1 ? 2 : 4)) + 1;
          if (truncated[i] || steps % segment === 0) witness.ended = n + 1;
        }
        await policy.observe({
          observation: Float32Array.from({ length: 2 * SIZE }, (_, j) => (n + j) % 3),
          nextObservation: new Float32Array(2 * SIZE),
          reward: new Float32Array(SIZE),
          action: new Int32Array(SIZE),
          terminated: new Uint8Array(SIZE),
          truncated,
        });
      }
      expect(asked.length).toBeGreaterThan(SIZE);
    }
  });

  it('keeps a Z that it was given, through every end of a segment and every reset', async () => {
    const data = Float32Array.from({ length: SIZE * 4 }, (_, i) => i + 1);
    const policy = inContextPolicy({ ...model, given: { data: data.slice(), shape: [SIZE, ...LATENT], dtype: 'float32' } });
    for (let round = 0; round < 2; round++) {
      policy.reset(SIZE);
      for (let step = 0; step < 2 * family.horizon; step++) {
        await policy.act(new Float32Array(2 * SIZE));
        expect(acted.at(-1)!.latents.data).toEqual(data);
        await policy.observe({
          observation: new Float32Array(2 * SIZE),
          nextObservation: new Float32Array(2 * SIZE),
          reward: new Float32Array(SIZE),
          action: new Int32Array(SIZE),
          terminated: new Uint8Array(SIZE),
          truncated: new Uint8Array(SIZE).fill(Number((step + 1) % family.horizon === 0)),
        });
      }
    }
    expect(compressions).toBe(0);
  });

  it('hands on where it looks at the present step', async () => {
    const looked: number[][] = [];
    const weights = Float32Array.from({ length: SIZE * asked * 2 }, (_, i) => i);
    const program: Program = {
      ...actProgram,
      run: async (feeds, outputs, into) => {
        expect(outputs).toEqual(['probabilities', 'attention']);
        return { ...(await actProgram.run(feeds, outputs, into)), attention: { data: weights, shape: [SIZE, asked, 2], dtype: 'float32' } };
      },
    };
    const onAttention = (now: Float32Array) => void looked.push([...now]);
    const policy = inContextPolicy({ ...model, compress, act: { program, size: SIZE, onAttention } });
    policy.reset(SIZE);
    await play(policy, 1, 5);
    expect(looked).toEqual([Array.from({ length: SIZE }, (_, i) => [i * asked * 2, i * asked * 2 + 1]).flat()]);
  });

  it('without a compressor feeds the running segment alone', async () => {
    const policy = inContextPolicy(model);
    policy.reset(SIZE);
    await play(policy, 20, 4, false);
    expect(compressions).toBe(0);
  });

  it('cuts episodes without end into segments, and refuses ones longer than it was made for where a segment is an episode', async () => {
    const policy = inContextPolicy({ ...model, compress });
    policy.reset(SIZE);
    const nothing = {
      observation: new Float32Array(2 * SIZE),
      nextObservation: new Float32Array(2 * SIZE),
      reward: new Float32Array(SIZE),
    };
    const flags = { action: new Int32Array(SIZE), terminated: new Uint8Array(SIZE), truncated: new Uint8Array(SIZE) };
    const on = async () => {
      await policy.act(nothing.observation);
      await policy.observe({ ...nothing, ...flags });
    };
    for (let step = 0; step < family.horizon; step++) await on();
    if (segment === family.horizon) await expect(on()).rejects.toThrow(failure('E_SHAPE', 5, 4));
    else for (let step = 0; step < 50; step++) await on();
  });

  it('refuses another number of environments', () => {
    expect(() => inContextPolicy(model).reset(SIZE + 1)).toThrow(failure('E_SHAPE', SIZE, SIZE + 1));
  });
});
