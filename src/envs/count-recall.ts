/**
 * @file CountRecall (POPGym, Morad et al. 2023): every step deals a card and asks how often another one was dealt so far. All that must be
 * remembered is one counter per kind of card.
 */

import { z } from 'zod';
import type { Options, Task } from '../rl/index.ts';
import type { Random } from '../util/random.ts';
import { defineEnv, type FamilyRules, rewardedSteps } from './entry.ts';
import { captionOf } from './scenes.ts';

const DECK = 52;
const RANKS = ['ace', ...Array.from({ length: 9 }, (_, i) => String(i + 2)), 'jack', 'queen', 'king'];
/** Decks that are dealt from, and the kinds of cards that are distinguished: colors, suits or ranks. */
const LEVELS = {
  easy: { decks: 1, names: ['red', 'black'] },
  medium: { decks: 2, names: ['clubs', 'diamonds', 'hearts', 'spades'] },
  hard: { decks: 4, names: RANKS },
};
type Level = keyof typeof LEVELS;

const OPTIONS = {
  level: {
    schema: z.enum(Object.keys(LEVELS) as Level[]),
    default: 'medium' as Level,
    about: 'easy: 2 colors of 52 cards; medium: 4 suits of 104 cards; hard: 13 ranks of 208 cards',
  },
} as const;

export const countRecall = defineEnv({
  id: 'count-recall',
  description: 'every step deals a card and asks how often cards of one kind were dealt so far, 103 questions (POPGym CountRecall)',
  options: OPTIONS,
  create: countRecallFamily,
});

interface Deal extends Task {
  readonly cards: readonly number[];
  readonly queries: readonly number[];
}

/** Character codes of the digits of base 36. */
const CODES = Array.from({ length: 36 }, (_, digit) => digit.toString(36).charCodeAt(0));
/** Faster than joining texts, which counts for 100,000 tasks. */
const digits = (kinds: readonly number[]) => String.fromCharCode(...kinds.map(kind => CODES[kind]));

/**
 * A task is a deal, `{ cards, queries }`: the kinds of all cards in order, and the kind that is asked for with each. One episode plays it
 * once, so an agent must not see more than one episode of a task. The observation is (card, query), and an action is the answer: the number
 * of cards of the queried kind so far, the present one included. The last card is dealt but not asked. Each answer is rewarded with
 * ± 1 / questions, so the return is in [−1, 1].
 */
function countRecallFamily({ level }: Options<typeof OPTIONS>): FamilyRules {
  const { decks, names } = LEVELS[level];
  const kinds = names.length;
  const size = DECK * decks;
  const questions = size - 1;
  const shuffled = (random: Random) => random.shuffled(Array.from({ length: size }, (_, card) => card % kinds));
  return {
    observationSpace: { kind: 'multi-discrete', nvec: [kinds, kinds] },
    actionSpace: { kind: 'discrete', n: size / kinds + 1 },
    horizon: questions,
    rewardMax: 1 / questions,
    drawTask: (random): Deal => ({ cards: shuffled(random.split('cards')), queries: shuffled(random.split('queries')) }),
    taskKey: task => `cards=${digits((task as Deal).cards)} queries=${digits((task as Deal).queries)}`,
    hidden: [{ name: 'cards', space: { kind: 'multi-discrete', nvec: new Array(size).fill(kinds) }, of: task => (task as Deal).cards }],
    oracleReturn: () => 1,
    outcome: rewardedSteps('correct answers'),
    recall: {
      memory: {
        name: 'counts',
        space: { kind: 'box', low: names.map(() => 0), high: names.map(() => size / kinds) },
        parts: names,
      },
      remember(memory, observation) {
        memory[observation[0]]++;
      },
      act: (memory, observation) => memory[observation[1]],
    },
    render(task, observation, past) {
      const { cards, queries } = task as Deal;
      const answered = past.reward.length;
      const countOf = (kind: number, dealt: number) => cards.slice(0, dealt).filter(each => each === kind).length;
      const last = answered - 1;
      const answer = `answered ${past.action[last]} to ${names[queries[last]]}, right was ${countOf(queries[last], answered)}`;
      return {
        kind: 'bars',
        max: size / kinds,
        bars: names.map((name, kind) => ({
          name,
          value: countOf(kind, answered + 1),
          text: String(countOf(kind, answered + 1)),
          roles: [...(kind === observation[0] ? ['card' as const] : []), ...(kind === observation[1] ? ['question' as const] : [])],
        })),
        caption: captionOf(past, ...(answered > 0 ? [answer] : [])),
      };
    },
    start(task) {
      const { cards, queries } = task as Deal;
      const counts = new Int32Array(kinds);
      let at = 0;
      const deal = () => {
        counts[cards[at]]++;
        return [cards[at], queries[at]];
      };
      return {
        reset() {
          counts.fill(0);
          at = 0;
          return deal();
        },
        step([answer]) {
          const right = answer === counts[queries[at]];
          at++;
          return { observation: deal(), reward: (right ? 1 : -1) / questions, terminated: at === questions };
        },
      };
    },
  };
}
