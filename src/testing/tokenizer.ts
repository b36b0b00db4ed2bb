/** @file The contract of tokenizers: rows that encode each field consistently, and no action before it is chosen. */

import { type EnvFamily, type Space, spaceSize, type Transitions } from '../rl/index.ts';
import { NO_PAST, PRESENCE, type Tokenizer, type TokenizerKind, type TokenLayout } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { type Check, checksOf, expectEqual, expectThat, type Rule } from './check.ts';

/** Steps of the episode that is written. */
const STEPS = 5;

interface Subject {
  readonly tokenizer: Tokenizer;
  readonly spaces: Spaces;
}

type Spaces = Pick<EnvFamily, 'observationSpace' | 'actionSpace'>;

function element(space: Space, random: Random): number[] {
  if (space.kind === 'image') return Array.from({ length: spaceSize(space) }, () => Math.fround(random.uniform()));
  if (space.kind === 'box') return space.low.map((low, i) => Math.fround(low + random.uniform() * (space.high[i] - low)));
  return (space.kind === 'discrete' ? [space.n] : space.nvec).map(n => random.integer(n));
}

function episode({ observationSpace, actionSpace }: Spaces, seed: number): Transitions {
  const random = Random.seeded(seed);
  const seen = Array.from({ length: STEPS + 1 }, () => element(observationSpace, random));
  return {
    observation: seen.slice(0, -1).flat(),
    action: Array.from({ length: STEPS }, () => element(actionSpace, random)).flat(),
    reward: Array.from({ length: STEPS }, () => Math.fround(random.normal())),
    nextObservation: seen.slice(1).flat(),
    terminated: Array.from({ length: STEPS }, (_, t) => Number(t === STEPS - 1)),
    truncated: new Array<number>(STEPS).fill(0),
  };
}

/** Throws unless every field of a row is absent and 0, or present; a categorical one with a single 1. */
function expectFields({ width, fields }: TokenLayout, row: Float32Array, where: string): void {
  expectEqual(row.length, width, `${where}, how many numbers`);
  for (const { name, kind, offset, size, presence } of fields) {
    const part = Array.from(row.subarray(offset, offset + size));
    const field = `${where}, field ${name}`;
    if (row[presence] === 0)
      expectThat(
        part.every(value => value === 0),
        `${field}, which is absent`,
        'zeros',
        part,
      );
    else if (kind === 'categorical')
      expectThat(
        part.filter(value => value === 1).length === 1 && part.filter(value => value !== 0).length === 1,
        field,
        'a single 1',
        part,
      );
  }
}

const rowsOf = (flat: Float32Array, { width }: TokenLayout) =>
  Array.from({ length: flat.length / width }, (_, i) => flat.subarray(i * width, (i + 1) * width));

function writeContext({ context, tokensPerTransition, writeTransition }: Tokenizer, shown: Transitions, t: number): Float32Array {
  const rows = new Float32Array(tokensPerTransition * context.width);
  writeTransition(rows, 0, shown, t);
  return rows;
}

/** The rows of the running episode up to step `last`, after each step. */
function writeRunning({ tokenizer, spaces }: Subject, shown: Transitions, last = STEPS - 1): Float32Array[] {
  const rows = new Float32Array(tokenizer.queryTokens(STEPS) * tokenizer.query.width);
  const width = spaceSize(spaces.observationSpace);
  return Array.from({ length: last + 1 }, (_, t) => {
    tokenizer.writeQuery(rows, 0, t, shown.observation, t * width, t > 0 ? shown : NO_PAST, t - 1);
    return rows.slice();
  });
}

const RULES: readonly Rule<Subject>[] = [
  {
    name: 'context: the rows of a transition are valid, the first of them marked as present',
    check({ tokenizer, spaces }) {
      const shown = episode(spaces, 1);
      for (let t = 0; t < STEPS; t++) {
        const rows = rowsOf(writeContext(tokenizer, shown, t), tokenizer.context);
        expectEqual(rows[0][PRESENCE], 1, `transition ${t}, column ${PRESENCE} of its first token`);
        for (const [i, row] of rows.entries()) expectFields(tokenizer.context, row, `transition ${t}, token ${i}`);
      }
    },
  },
  {
    name: 'transitions: their tokens depend only on the transition, not on its place',
    check({ tokenizer, spaces }) {
      const shown = episode(spaces, 1);
      const plain = writeContext(tokenizer, shown, 2);
      const out = new Float32Array(3 * plain.length);
      tokenizer.writeTransition(out, plain.length, shown, 2);
      const expected = new Float32Array(3 * plain.length);
      expected.set(plain, plain.length);
      expectEqual(out, expected, 'transition 2, written after the place of another');
    },
  },
  {
    name: 'content: tokens determine the observation, action and reward of a transition',
    check({ tokenizer, spaces }) {
      const [shown, other] = [episode(spaces, 1), episode(spaces, 2)];
      for (const column of ['observation', 'action', 'reward'] as const) {
        const differing = Array.from({ length: STEPS }, (_, t) => t).filter(t => {
          const width = shown[column].length / STEPS;
          return Array.from({ length: width }, (_, i) => t * width + i).some(i => shown[column][i] !== other[column][i]);
        });
        for (const t of differing) {
          const [before, after] = [shown, { ...shown, [column]: other[column] }].map(each => writeContext(tokenizer, each, t));
          expectThat(
            before.some((value, i) => value !== after[i]),
            `tokens of transition ${t} with another ${column}`,
            'others',
            'the same',
          );
        }
      }
    },
  },
  {
    name: 'query: the rows of a running episode are valid, each step after the ones before',
    check(subject) {
      const { query, predictionIndex } = subject.tokenizer;
      const after = writeRunning(subject, episode(subject.spaces, 1));
      for (let t = 0; t < STEPS; t++) {
        const known = (predictionIndex(t) + 1) * query.width;
        for (const [i, row] of rowsOf(after[t], query).entries()) expectFields(query, row, `after step ${t}, token ${i}`);
        expectEqual(
          after[t].subarray(0, known),
          after[STEPS - 1].subarray(0, known),
          `tokens up to that of step ${t}, compared with those at the end`,
        );
        expectThat(
          after[t].subarray(known).every(value => value === 0),
          `tokens after that of step ${t}`,
          'zeros',
          after[t].subarray(known),
        );
      }
    },
  },
  {
    name: 'prediction: the token of a step contains its observation, but not its action',
    check(subject) {
      const { tokenizer, spaces } = subject;
      const { query, predictionIndex } = tokenizer;
      const [shown, other] = [episode(spaces, 1), episode(spaces, 2)];
      const written = (each: Transitions, t: number) => writeRunning(subject, each, t)[t];
      for (let t = 0; t < STEPS; t++) {
        const plain = written(shown, t);
        const width = spaceSize(spaces.observationSpace);
        const seen = Array.from(shown.observation, (value, i) => (Math.floor(i / width) === t ? other.observation[i] : value));
        const token = (rows: Float32Array) => rows.subarray(predictionIndex(t) * query.width, (predictionIndex(t) + 1) * query.width);
        if (seen.some((value, i) => value !== shown.observation[i])) {
          const changed = token(written({ ...shown, observation: seen }, t));
          expectThat(
            changed.some((value, i) => value !== token(plain)[i]),
            `token of step ${t} at another observation`,
            'another',
            'the same',
          );
        }
        const actionWidth = spaceSize(spaces.actionSpace);
        const later = Array.from(shown.action, (value, i) => (Math.floor(i / actionWidth) >= t ? other.action[i] : value));
        expectEqual(written({ ...shown, action: later }, t), plain, `tokens up to step ${t}, with other actions from there on`);
      }
    },
  },
];

const SPACES: Spaces = { observationSpace: { kind: 'multi-discrete', nvec: [3, 4] }, actionSpace: { kind: 'discrete', n: 3 } };

/**
 * The contract of tokenizers.
 *
 * @param spaces observation and action spaces; a few integers by default.
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of tokenizerChecks(tokenizers.get('my-tokens'))) test(name, run);
 */
export const tokenizerChecks = (kind: TokenizerKind, spaces: Spaces = SPACES): Check[] =>
  checksOf(RULES, { tokenizer: kind.make(spaces), spaces });
