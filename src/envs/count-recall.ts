/**
 * @file CountRecall (POPGym, Morad et al. 2023): every step deals a card and asks how often another one was dealt so far. All that must be
 * remembered is one counter per kind of card.
 */

import { z } from 'zod';
import type { Options, Task } from '../rl/index.ts';
import type { Random } from '../util/random.ts';
import { defineEnv, type FamilyRules, rewardedSteps } from './entry.ts';

const DECK = 52;
/** Decks that are dealt from, and how many kinds of cards are distinguished: colors, suits or ranks. */
const LEVELS = { easy: { decks: 1, kinds: 2 }, medium: { decks: 2, kinds: 4 }, hard: { decks: 4, kinds: 13 } };
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

const digits = (kinds: readonly number[]) => kinds.map(kind => kind.toString(36)).join('');

/**
 * A task is a deal, `{ cards, queries }`: the kinds of all cards in order, and the kind that is asked for with each. One episode plays it
 * once, so an agent must not see more than one episode of a task. The observation is (card, query), and an action is the answer: the number
 * of cards of the queried kind so far, the present one included. The last card is dealt but not asked. Each answer is rewarded with
 * ± 1 / questions, so the return is in [−1, 1].
 */
function countRecallFamily({ level }: Options<typeof OPTIONS>): FamilyRules {
  const { decks, kinds } = LEVELS[level];
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
      size: kinds,
      remember(memory, observation) {
        memory[observation[0]]++;
      },
      act: (memory, observation) => memory[observation[1]],
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
