import { describe, expect, it } from 'vitest';
import { type History, type Space, spaceSize } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { type Batch, BatchSampler, newBatch, TOKENIZERS, type TokenLayout, tokenizer } from './index.ts';

const HORIZON = 5;
const SPACES: Space[] = [
  { kind: 'discrete', n: 7 },
  { kind: 'multi-discrete', nvec: [3, 4] },
  { kind: 'box', low: [-1, -1, 0], high: [1, 1, 1] },
];
const actionSpace = { kind: 'discrete', n: 3 } as const;
const KINDS = Object.keys(TOKENIZERS).flatMap(id => SPACES.map(space => ({ id, space, name: `${id} tokens of a ${space.kind} space` })));

function element(space: Space, random: Random): number[] {
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
function decode({ width, fields }: TokenLayout, rows: Float32Array, index: number): Record<string, number> {
  const row = rows.subarray(index * width, (index + 1) * width);
  const said: Record<string, number> = {};
  for (const { name, kind, offset, size, presence } of fields) {
    const part = Array.from(row.subarray(offset, offset + size));
    if (row[presence] === 0)
      expect(
        part.every(value => value === 0),
        `${name} is absent`,
      ).toBe(true);
    else if (kind === 'scalar') said[name] = part[0];
    else {
      expect([...part].sort()).toEqual([...part.keys()].map(i => (i === size - 1 ? 1 : 0)));
      said[name] = part.indexOf(1);
    }
  }
  return said;
}

/** The fields that an element of a space becomes. */
function named(name: string, space: Space, values: ArrayLike<number>, at: number): Record<string, number> {
  const width = spaceSize(space);
  const label = (i: number) => (space.kind === 'discrete' ? name : `${name}.${i}`);
  return Object.fromEntries(Array.from({ length: width }, (_, i) => [label(i), values[at * width + i]]));
}

describe.each(KINDS)('$name', ({ id, space }) => {
  const layout = tokenizer(id, { observationSpace: space, actionSpace });
  const { tokensPerTransition: stride } = layout;
  const histories = [1, 2, 3, 4].map(seed => makeHistory(space, seed));

  /** What the tokens from `index` on say together: their fields do not overlap. */
  const said = (of: TokenLayout, rows: Float32Array, index: number, count = stride) =>
    Object.assign({}, ...Array.from({ length: count }, (_, i) => decode(of, rows, index + i)));

  const transition = (history: History, t: number) => ({
    ...named('observation', space, history.observation, t),
    action: history.action[t],
    reward: history.reward[t],
    done: history.terminated[t] | history.truncated[t],
    // Interleaved tokens leave it to the next state token.
    ...(id === 'packed' ? named('nextObservation', space, history.nextObservation, t) : {}),
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
  const shape = { batch: 16, contextTransitions: window, horizon: HORIZON, actions: actionSpace.n };
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
        const [action, reward] = t > 0 ? [history.action[first + t - 1], history.reward[first + t - 1]] : [Number.NaN, Number.NaN];
        layout.writeQuery(running, 0, t, history.observation, (first + t) * spaceSize(space), action, reward);
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
    layout.writeQuery(rows, 0, 0, history.observation, 0, 0, 0);
    layout.writeQuery(rows, 0, 1, history.observation, spaceSize(space), 2, 0.5);
    const from = layout.predictionIndex(0) + 1;
    const after = said(layout.query, rows, from, layout.predictionIndex(1) - from + 1);
    expect(after).toMatchObject(id === 'packed' ? { previousAction: 2, previousReward: 0.5 } : { action: 2, reward: 0.5, done: 0 });
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

describe('the sampler', () => {
  it('draws histories, and episodes within them, uniformly', () => {
    const histories = [makeHistory(SPACES[0], 1, 4), makeHistory(SPACES[0], 2, 4)];
    const layout = tokenizer('packed', { observationSpace: SPACES[0], actionSpace });
    const shape = { batch: 4000, contextTransitions: 1, horizon: HORIZON, actions: actionSpace.n };
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

  it('refuses what it cannot work with', () => {
    const layout = tokenizer('packed', { observationSpace: SPACES[0], actionSpace });
    expect(() => new BatchSampler([], layout, { batch: 1, contextTransitions: 1, horizon: 1, actions: 3 })).toThrow('at least one');
    expect(() => tokenizer('paked', { observationSpace: SPACES[0], actionSpace })).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    const history = { ...makeHistory(SPACES[0], 1), observation: Float32Array.of(7) };
    expect(() => layout.writeTransition(new Float32Array(layout.context.width), 0, history, 0)).toThrow('integers from 0 to 6, got 7');
  });
});
