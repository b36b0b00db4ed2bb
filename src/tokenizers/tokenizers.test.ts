import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { type EnvFamily, episodeReturns, episodeStarts, type History, type Space, segmentStarts, spaceSize } from '../rl/index.ts';
import { tokenizerChecks } from '../testing/tokenizer.ts';
import { Random } from '../util/random.ts';
import { type Batch, BatchSampler, NO_PAST, newBatch, type TokenLayout, tokenizer, tokenizers } from './index.ts';

const HORIZON = 5;
const SPACES: Space[] = [
  { kind: 'discrete', n: 7 },
  { kind: 'multi-discrete', nvec: [3, 4] },
  { kind: 'box', low: [-1, -1, 0], high: [1, 1, 1] },
  { kind: 'image', height: 2, width: 3, channels: 2 },
];
const actionSpace = { kind: 'discrete', n: 3 } as const;
const continuous = ({ kind }: Space) => kind === 'box' || kind === 'image';
const KINDS = tokenizers.ids.flatMap(id =>
  SPACES.filter(space => id !== 'packed-changes' || !continuous(space)).map(space => ({
    id,
    space,
    name: `${id} tokens of a ${space.kind} space`,
  })),
);
/** How the integers of two observations differ, as `packed-changes` shows it. */
const changes = (from: ArrayLike<number>, to: ArrayLike<number>) =>
  Object.fromEntries(Array.from(from, (value, i) => [`change.${i}`, to[i] > value ? 1 : to[i] < value ? -1 : 0]));

function element(space: Space, random: Random): number[] {
  if (space.kind === 'image') return Array.from({ length: spaceSize(space) }, () => Math.fround(random.uniform()));
  if (space.kind === 'box') return space.low.map((low, i) => Math.fround(low + random.uniform() * (space.high[i] - low)));
  return (space.kind === 'discrete' ? [space.n] : space.nvec).map(n => random.integer(n));
}

/** Episodes of 1 to HORIZON steps; each starts where no other ended. */
function makeHistory(space: Space, seed: number, episodes = 6): History {
  const random = Random.seeded(seed);
  const columns: Record<string, number[]> = {
    observation: [],
    action: [],
    probabilities: [],
    reward: [],
    nextObservation: [],
    terminated: [],
    truncated: [],
  };
  for (let e = 0; e < episodes; e++) {
    const length = 1 + random.integer(HORIZON);
    let state = element(space, random);
    for (let t = 0; t < length; t++) {
      const next = element(space, random);
      const last = t === length - 1;
      columns.observation.push(...state);
      columns.action.push(random.integer(actionSpace.n));
      columns.probabilities.push(...Array.from({ length: actionSpace.n }, () => random.uniform()));
      columns.reward.push(random.normal());
      columns.nextObservation.push(...next);
      columns.terminated.push(last && length < HORIZON ? 1 : 0);
      columns.truncated.push(last && length === HORIZON ? 1 : 0);
      state = next;
    }
  }
  const floats = ['observation', 'probabilities', 'reward', 'nextObservation'];
  const typed = Object.entries(columns).map(([name, values]) => {
    const type = floats.includes(name) ? Float32Array : name === 'action' ? Int32Array : Uint8Array;
    return [name, type.from(values)];
  });
  return { task: {}, taskKey: 'toy', stream: String(seed), ...Object.fromEntries(typed) };
}

/** What a row says: the value of every field that is present. Throws when a row says it in any other way than one. */
function decode({ width, fields }: TokenLayout, rows: Float32Array, index: number): Record<string, number | number[]> {
  const row = rows.subarray(index * width, (index + 1) * width);
  const said: Record<string, number | number[]> = {};
  for (const { name, kind, offset, size, presence } of fields) {
    const part = Array.from(row.subarray(offset, offset + size));
    if (row[presence] === 0)
      expect(
        part.every(value => value === 0),
        `${name} is absent`,
      ).toBe(true);
    else if (kind === 'scalar') said[name] = part[0];
    else if (kind !== 'categorical') said[name] = part;
    else {
      expect([...part].sort()).toEqual([...part.keys()].map(i => (i === size - 1 ? 1 : 0)));
      said[name] = part.indexOf(1);
    }
  }
  return said;
}

/** The fields that an element of a space becomes. */
function named(name: string, space: Space, values: ArrayLike<number>, at: number): Record<string, number | number[]> {
  const width = spaceSize(space);
  if (continuous(space)) return { [name]: Array.from({ length: width }, (_, i) => values[at * width + i]) };
  const label = (i: number) => (space.kind === 'discrete' ? name : `${name}.${i}`);
  return Object.fromEntries(Array.from({ length: width }, (_, i) => [label(i), values[at * width + i]]));
}

describe.each(KINDS)('$name', ({ id, space }) => {
  for (const { name, run } of tokenizerChecks(tokenizers.get(id), { observationSpace: space, actionSpace })) it(name, run);

  const layout = tokenizer(id, { observationSpace: space, actionSpace });
  const { tokensPerTransition: stride } = layout;
  const histories = [1, 2, 3, 4].map(seed => makeHistory(space, seed));

  /** What the tokens from `index` on say together: their fields do not overlap. */
  const said = (of: TokenLayout, rows: Float32Array, index: number, count = stride) =>
    Object.assign({}, ...Array.from({ length: count }, (_, i) => decode(of, rows, index + i)));

  const at = (values: ArrayLike<number>, t: number) => Array.from(values).slice(t * spaceSize(space), (t + 1) * spaceSize(space));
  const transition = (history: History, t: number) => ({
    ...named('observation', space, history.observation, t),
    action: history.action[t],
    reward: history.reward[t],
    done: history.terminated[t] | history.truncated[t],
    // Interleaved tokens leave it to the next state token.
    ...(id === 'interleaved' ? {} : named('nextObservation', space, history.nextObservation, t)),
    ...(id === 'packed-changes' ? changes(at(history.observation, t), at(history.nextObservation, t)) : {}),
  });

  it('say a transition and nothing else', () => {
    for (const history of histories) {
      for (let t = 0; t < history.action.length; t++) {
        const rows = new Float32Array(stride * layout.context.width);
        layout.writeTransition(rows, 0, history, t);
        expect(said(layout.context, rows, 0)).toEqual(transition(history, t));
      }
    }
  });

  const window = 8;
  const shape = { batch: 16, contextTransitions: window, segment: HORIZON, contextLayout: 'window', actions: actionSpace.n } as const;
  const draw = (seed: number): Batch => {
    const batch = newBatch(layout, shape);
    new BatchSampler(histories, layout, shape).fill(batch, Random.seeded(seed));
    return batch;
  };

  it('hold in a batch the transitions before the query episode, the last at the end', () => {
    const { context, place } = draw(0);
    const seen = new Set<string>();
    for (let b = 0; b < shape.batch; b++) {
      const history = histories[place.history[b]];
      const count = Math.min(window, place.first[b]);
      seen.add(count === 0 ? 'none' : count < window ? 'some' : 'cut');
      for (let slot = 0; slot < window; slot++) {
        const t = place.first[b] - window + slot;
        const expected = slot < window - count ? {} : transition(history, t);
        expect(said(layout.context, context, (b * window + slot) * stride)).toEqual(expected);
      }
    }
    expect([...seen].sort()).toEqual(['cut', 'none', 'some']);
  });

  it.each([
    [2, 'window'],
    [2, 'segments'],
    [3, 'segments'],
    [HORIZON, 'segments'],
    [2, 'best'],
    [HORIZON, 'best'],
  ] as const)('hold in segments of %d, as %s, whole segments of one episode each', (segment, contextLayout) => {
    const slots = 4;
    const cut = { batch: 32, contextTransitions: slots * segment, segment, contextLayout, actions: actionSpace.n };
    const batch = newBatch(layout, cut);
    new BatchSampler(histories, layout, cut).fill(batch, Random.seeded(4));
    const { context, target, weight, place } = batch;
    for (let b = 0; b < cut.batch; b++) {
      const history = histories[place.history[b]];
      const [first, length] = [place.first[b], place.length[b]];
      const ends = (t: number) => Boolean(history.terminated[t] || history.truncated[t]);
      // All segments before the query's, walked through step by step.
      const past: number[][] = [[]];
      for (let t = 0; t < first; t++) {
        past.at(-1)!.push(t);
        if (ends(t) || past.at(-1)!.length === segment) past.push([]);
      }
      expect(past.pop()).toEqual([]);
      expect(length === segment || ends(first + length - 1)).toBe(true);
      for (let t = first; t < first + length - 1; t++) expect(ends(t)).toBe(false);
      const earned = (steps: readonly number[]) => steps.reduce((sum, t) => sum + history.reward[t], 0);
      // The best at the end, and of equal ones the later: sorting keeps the order of what is equal.
      if (contextLayout === 'best') past.sort((a, b) => earned(a) - earned(b));
      const empty = (count: number) => new Array<number | undefined>(count).fill(undefined);
      const slotted = past.flatMap(steps => [...empty(segment - steps.length), ...steps]);
      const expected = [...empty(slots * segment), ...(contextLayout === 'window' ? past.flat() : slotted)].slice(-slots * segment);
      expected.forEach((t, slot) => {
        const found = said(layout.context, context, (b * slots * segment + slot) * stride);
        expect(found).toEqual(t === undefined ? {} : transition(history, t));
      });
      expect(weight.subarray(b * segment, (b + 1) * segment).reduce((sum, w) => sum + w, 0)).toBe(length);
      const labels = target.subarray(b * segment * 3, (b * segment + length) * 3);
      expect(labels).toEqual(history.probabilities.subarray(first * 3, (first + length) * 3));
    }
  });

  it('are written of the running episode step by step as a batch has them, and never say an action before it is chosen', () => {
    const { query, target, weight, place } = draw(1);
    const tokens = layout.queryTokens(HORIZON);
    const size = tokens * layout.query.width;
    for (let b = 0; b < shape.batch; b++) {
      const history = histories[place.history[b]];
      const [first, length] = [place.first[b], place.length[b]];
      const whole = query.subarray(b * size, (b + 1) * size);
      const running = new Float32Array(size);
      for (let t = 0; t < length; t++) {
        layout.writeQuery(running, 0, t, history.observation, (first + t) * spaceSize(space), history, first + t - 1);
        // What is known by now stands up to the token where the action is predicted, and nothing behind it.
        const known = (layout.predictionIndex(t) + 1) * layout.query.width;
        expect(running.subarray(0, known)).toEqual(whole.subarray(0, known));
        expect(running.subarray(known).every(value => value === 0)).toBe(true);
        expect(decode(layout.query, running, layout.predictionIndex(t))).toMatchObject(
          named('observation', space, history.observation, first + t),
        );
      }
      expect(running).toEqual(whole);
      expect(Array.from(weight.subarray(b * HORIZON, (b + 1) * HORIZON))).toEqual(
        Array.from({ length: HORIZON }, (_, t) => (t < length ? 1 : 0)),
      );
      const rows = target.subarray(b * HORIZON * 3, (b * HORIZON + length) * 3);
      expect(rows).toEqual(history.probabilities.subarray(first * 3, (first + length) * 3));
    }
  });

  it('say the previous action and reward', () => {
    const [history] = histories;
    const rows = new Float32Array(layout.queryTokens(HORIZON) * layout.query.width);
    layout.writeQuery(rows, 0, 0, history.observation, 0, NO_PAST, 0);
    layout.writeQuery(rows, 0, 1, history.observation, spaceSize(space), { ...history, action: [2], reward: [0.5] }, 0);
    const from = layout.predictionIndex(0) + 1;
    const after = said(layout.query, rows, from, layout.predictionIndex(1) - from + 1);
    expect(after).toMatchObject(id === 'interleaved' ? { action: 2, reward: 0.5, done: 0 } : { previousAction: 2, previousReward: 0.5 });
    if (id === 'packed-changes') expect(after).toMatchObject(changes(at(history.observation, 0), at(history.observation, 1)));
  });

  it('of equal streams are equal, and a row depends on its place alone', () => {
    const [a, again, b] = [draw(2), draw(2), draw(3)];
    expect(again).toEqual(a);
    const key = ({ place }: Batch, i: number) => `${place.history[i]}:${place.first[i]}`;
    const row = ({ context, query, target }: Batch, i: number) =>
      [context, query, target].map(all => all.subarray((i * all.length) / shape.batch, ((i + 1) * all.length) / shape.batch));
    let shared = 0;
    for (let i = 0; i < shape.batch; i++) {
      const j = Array.from({ length: shape.batch }, (_, n) => n).find(n => key(b, n) === key(a, i));
      if (j === undefined) continue;
      shared++;
      expect(row(b, j)).toEqual(row(a, i));
    }
    expect(shared).toBeGreaterThan(0);
  });
});

it.each(SPACES.filter(continuous))('packed-changes tokens of a $kind space are refused', observationSpace => {
  expect(() => tokenizer('packed-changes', { observationSpace, actionSpace })).toThrow(
    failure('E_CONFIG', observationSpace.kind, 'packed'),
  );
});

describe.each(KINDS)('the query "state" in $name', ({ id, space }) => {
  const whole = tokenizer(id, { observationSpace: space, actionSpace });
  const layout = tokenizer(id, { observationSpace: space, actionSpace }, 'state');
  const history = makeHistory(space, 3);
  const width = spaceSize(space);

  it('says the current state at every step, as at the first of an episode, and nothing of the steps before', () => {
    const steps = 4;
    const rows = new Float32Array(layout.queryTokens(steps) * layout.query.width);
    for (let t = 0; t < steps; t++) layout.writeQuery(rows, 0, t, history.observation, t * width, history, t - 1);
    expect(layout.queryTokens(steps)).toBe(steps);
    for (let t = 0; t < steps; t++) {
      const first = new Float32Array(whole.queryTokens(1) * whole.query.width);
      whole.writeQuery(first, 0, 0, history.observation, t * width, NO_PAST, 0);
      expect(rows.subarray(t * layout.query.width, (t + 1) * layout.query.width)).toEqual(first);
      expect(decode(layout.query, rows, layout.predictionIndex(t))).toEqual(named('observation', space, history.observation, t));
    }
  });

  it('leaves the context as it was', () => {
    const [a, b] = [whole, layout].map(({ context, writeTransition, tokensPerTransition }) => {
      const rows = new Float32Array(tokensPerTransition * context.width);
      writeTransition(rows, 0, history, 2);
      return rows;
    });
    expect(b).toEqual(a);
  });
});

describe('the sampler', () => {
  it('draws histories, and episodes within them, uniformly', () => {
    const histories = [makeHistory(SPACES[0], 1, 4), makeHistory(SPACES[0], 2, 4)];
    const layout = tokenizer('packed', { observationSpace: SPACES[0], actionSpace });
    const shape = { batch: 4000, contextTransitions: 1, segment: HORIZON, contextLayout: 'window', actions: actionSpace.n } as const;
    const { place, ...batch } = newBatch(layout, shape);
    new BatchSampler(histories, layout, shape).fill({ place, ...batch }, Random.seeded(5));
    const counts = new Map<string, number>();
    for (let b = 0; b < shape.batch; b++) {
      const key = `${place.history[b]}:${place.first[b]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(8);
    const expected = shape.batch / 8;
    const chiSquared = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(chiSquared).toBeLessThan(18.5); // 99% of the distribution with 7 degrees of freedom
  });

  it('gives weight to existing steps, and among them only to those that are scored', () => {
    const history = makeHistory(SPACES[0], 1, 4);
    const layout = tokenizer('packed', { observationSpace: SPACES[0], actionSpace });
    const shape = { batch: 32, contextTransitions: 1, segment: HORIZON, contextLayout: 'window', actions: actionSpace.n } as const;
    const fill = (scored?: EnvFamily['scored']) => {
      const batch = newBatch(layout, shape);
      new BatchSampler([history], layout, { ...shape, scored }).fill(batch, Random.seeded(6));
      return batch;
    };
    const [all, odd] = [fill(), fill(({ observation }, t) => observation[t] % 2 === 1)];
    for (let b = 0; b < shape.batch; b++) {
      for (let t = 0; t < HORIZON; t++) {
        expect(all.weight[b * HORIZON + t]).toBe(t < all.place.length[b] ? 1 : 0);
        expect(odd.weight[b * HORIZON + t]).toBe(t < odd.place.length[b] ? history.observation[odd.place.first[b] + t] % 2 : 0);
      }
    }
    expect(new Set(odd.weight)).toEqual(new Set([0, 1]));
  });

  it.each([HORIZON, 2])('says the bins of the coming returns where the history has them, in segments of %d', segment => {
    const history = makeHistory(SPACES[0], 1, 4);
    const layout = tokenizer('packed', { observationSpace: SPACES[0], actionSpace });
    const scored: EnvFamily['scored'] = ({ observation }, t) => observation[t] % 2 === 1;
    const bin = (value: number) => Math.round(10 * value) + 1000;
    const returns = { count: 3, bin };
    const shape = { batch: 64, contextTransitions: 2, segment, contextLayout: 'window', actions: actionSpace.n, scored, returns } as const;
    const batch = newBatch(layout, shape);
    const sampler = new BatchSampler([history], layout, shape);
    sampler.fill(batch, Random.seeded(8));
    sampler.fill(batch, Random.seeded(9));
    const [starts, whole] = [episodeStarts(history), episodeReturns(history)];
    for (let b = 0; b < shape.batch; b++) {
      for (let t = 0; t < segment; t++) {
        const at = batch.place.first[b] + t;
        const episode = starts.findLastIndex(start => start <= at);
        const exists = t < batch.place.length[b];
        const toGo = history.reward.subarray(at, starts[episode + 1]).reduce((a, b) => a + b, 0);
        for (let k = 0; k < 3; k++) {
          const i = (b * segment + t) * 3 + k;
          const known = exists && episode + k < whole.length;
          expect(batch.returnBins![i]).toBe(known ? bin(k === 0 ? toGo : whole[episode + k]) : 0);
          expect(batch.returnWeight![i]).toBe(known ? batch.weight[b * segment + t] : 0);
        }
      }
    }
    expect(new Set(batch.returnWeight)).toEqual(new Set([0, 1]));
  });

  it('draws only segments with scored steps, and each of them; early ones from the first half of these', () => {
    const history = makeHistory(SPACES[0], 1, 4);
    const layout = tokenizer('packed', { observationSpace: SPACES[0], actionSpace });
    const scored: EnvFamily['scored'] = ({ observation }, t) => observation[t] % 2 === 1;
    const shape = { batch: 500, contextTransitions: 2, segment: 2, contextLayout: 'segments', actions: actionSpace.n, scored } as const;
    const batch = newBatch(layout, shape);
    const drawn = (early: number) => {
      new BatchSampler([history], layout, shape, { early }).fill(batch, Random.seeded(7));
      return [...new Set(batch.place.first)].sort((a, b) => a - b);
    };
    const starts = segmentStarts(history, 2);
    const segments = [...starts.subarray(0, -1)].map((first, s) => ({ first, end: starts[s + 1] }));
    const odd = segments.filter(({ first, end }) => history.observation.subarray(first, end).some(value => value % 2 === 1));
    expect(odd.length).toBeGreaterThan(2);
    expect(odd.length).toBeLessThan(segments.length);
    expect(drawn(0)).toEqual(odd.map(({ first }) => first));
    expect(drawn(1)).toEqual(odd.slice(0, Math.ceil(odd.length / 2)).map(({ first }) => first));
    const never = { ...shape, scored: () => false };
    expect(() => new BatchSampler([history], layout, never)).toThrow(failure('E_SHAPE'));
  });

  it('refuses what it cannot work with', () => {
    const layout = tokenizer('packed', { observationSpace: SPACES[0], actionSpace });
    const shape = { batch: 1, contextTransitions: 1, segment: 1, contextLayout: 'window', actions: 3 } as const;
    expect(() => new BatchSampler([], layout, shape)).toThrow(failure('E_SHAPE'));
    expect(() => tokenizer('paked', { observationSpace: SPACES[0], actionSpace })).toThrow(failure('E_CONFIG', 'packed'));
    const history = { ...makeHistory(SPACES[0], 1), observation: Float32Array.of(7) };
    expect(() => layout.writeTransition(new Float32Array(layout.context.width), 0, history, 0)).toThrow(failure('E_DATA', 6, 7));
  });
});
