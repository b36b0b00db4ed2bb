import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { type Batch, batchRows, newBatch, QUERIES, tokenizer, tokenizers, writePrompts } from './index.ts';

const family = { observationSpace: { kind: 'discrete', n: 9 }, actionSpace: { kind: 'discrete', n: 3 } } as const;
const SHAPE = { episodes: 2, length: 3 };

/** Episodes of these lengths in which step t leads from state t to state t + 1. */
function steps(...lengths: number[]) {
  const each = lengths.flatMap(length => Array.from({ length }, (_, t) => ({ t, last: t === length - 1 })));
  return {
    observation: each.map(({ t }) => t),
    action: each.map(({ t }) => t % 3),
    reward: each.map(({ t }) => t + 0.5),
    nextObservation: each.map(({ t }) => t + 1),
    terminated: each.map(({ last }) => Number(last)),
    truncated: each.map(() => 0),
  };
}

const CASES = tokenizers.ids.flatMap(id => QUERIES.map(query => ({ id, query })));
describe.each(CASES)('a prompt in $id tokens before the query "$query"', ({ id, query }) => {
  const whole = tokenizer(id, family);
  const plain = tokenizer(id, family, query);
  const layout = tokenizer(id, family, query, SHAPE);
  const { width } = layout.query;
  const slot = whole.queryTokens(SHAPE.length + 1);
  const written = (shown: ReturnType<typeof steps>) => {
    const row = new Float32Array(layout.queryTokens(1) * width);
    layout.prompt!.write(row, 0, shown);
    return row;
  };
  /** One episode as a running segment would hold it, its last state too. */
  const asSegment = (length: number) => {
    const row = new Float32Array(slot * width);
    const states = Array.from({ length: length + 1 }, (_, t) => t);
    const action = states.map(t => t % 3);
    const reward = states.map(t => t + 0.5);
    for (let t = 0; t <= length; t++) whole.writeQuery(row, 0, t, states, t, { observation: states, action, reward }, t - 1);
    return row;
  };

  it('holds each episode in a slot of its own, as a running segment is written, and no more of it than fits', () => {
    const row = written(steps(2, 5));
    expect(row.subarray(0, slot * width)).toEqual(asSegment(2));
    expect(row.subarray(slot * width, 2 * slot * width)).toEqual(asSegment(3));
    expect(row.subarray(2 * slot * width).every(value => value === 0)).toBe(true);
  });

  it('leaves room where fewer are shown, and refuses more', () => {
    expect(
      written(steps(1))
        .subarray(slot * width)
        .every(value => value === 0),
    ).toBe(true);
    expect(written(steps()).every(value => value === 0)).toBe(true);
    expect(() => written(steps(1, 1, 1))).toThrow(failure('E_SHAPE', 2, 3));
  });

  it('moves the running segment and its predictions behind itself, and changes nothing else', () => {
    expect(layout.prompt!.tokens).toBe(2 * slot);
    const past = { observation: [0, 1, 2, 3], action: [1, 0, 2, 1], reward: [0.5, 0, 1, 2] };
    for (const t of [0, 1, 3]) {
      expect(layout.predictionIndex(t)).toBe(2 * slot + plain.predictionIndex(t));
      const [with_, without] = [layout, plain].map(each => new Float32Array(each.queryTokens(4) * width));
      layout.writeQuery(with_, 0, t, past.observation, t, past, t - 1);
      plain.writeQuery(without, 0, t, past.observation, t, past, t - 1);
      expect(with_.subarray(2 * slot * width)).toEqual(without);
      expect(with_.subarray(0, 2 * slot * width).every(value => value === 0)).toBe(true);
    }
    expect(layout.context).toEqual(plain.context);
  });

  it('comes before the queries of its own history, in the rows of a part of a batch', () => {
    const batch = newBatch(layout, { batch: 3, contextTransitions: 2, segment: 4, contextLayout: 'window', actions: 3 });
    batch.place.history.set([7, 1, 0]);
    const part = batchRows(batch, 1, 3);
    const [a, b] = [steps(2, 5), steps(3)];
    writePrompts(layout, part, [a, b]);
    const row = batch.query.length / 3;
    expect(batch.query.subarray(0, row).every(value => value === 0)).toBe(true);
    for (const [r, shown] of [b, a].entries()) {
      const from = (r + 1) * row;
      expect(batch.query.slice(from, from + 2 * slot * width)).toEqual(written(shown).slice(0, 2 * slot * width));
    }
  });
});

it('rows of a batch are the same numbers in the same buffers', () => {
  const random = Random.seeded(0);
  const returns = { count: 2, bin: Math.round };
  const batch = newBatch(tokenizer('packed', family), {
    batch: 4,
    contextTransitions: 2,
    segment: 3,
    contextLayout: 'window',
    actions: 3,
    returns,
  });
  const columns = ({ place, ...each }: Batch) => [...Object.values(each), ...Object.values(place)];
  for (const column of columns(batch)) for (let i = 0; i < column.length; i++) column[i] = random.integer(100);
  const [head, tail] = [batchRows(batch, 0, 1), batchRows(batch, 1, 4)].map(columns);
  for (const [c, column] of columns(batch).entries()) expect([...head[c], ...tail[c]]).toEqual([...column]);
  batchRows(batch, 2, 3).weight.fill(-1);
  expect([...batch.weight.subarray(6, 9)]).toEqual([-1, -1, -1]);
});
