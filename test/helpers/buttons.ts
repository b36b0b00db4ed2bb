/**
 * @file A tiny lifelong environment for tests: three buttons, of which one pays a half. Another one pays after every 20 calls, and an attempt has
 * five calls. What is counted is presses of the right button.
 */

import { defineEnv, environments } from '../../src/envs/index.ts';
import type { EnvFamily } from '../../src/rl/index.ts';

const BUTTONS = 3;
const [LAYOUT, ATTEMPT] = [20, 5];

environments.register(
  defineEnv({
    id: 'buttons',
    description: 'three buttons, of which another one pays after every 20 calls',
    options: { horizon: { default: 80, range: [1, 1e6], integer: true, about: 'number of calls' } },
    create: ({ horizon }) => ({
      observationSpace: { kind: 'discrete', n: ATTEMPT },
      actionSpace: { kind: 'discrete', n: BUTTONS },
      horizon,
      rewardMax: 0.5,
      tasks: () => [0, 1, 2].flatMap(first => [1, 2].map(shift => ({ first, shift }))),
      outcome: { name: 'presses', of: ({ reward }, i) => Number(reward[i] > 0) },
      changes: () => Array.from({ length: Math.ceil(horizon / LAYOUT) - 1 }, (_, n) => LAYOUT * (n + 1)),
      attempt: (observation, from) => observation[from] === 0,
      start({ first, shift }) {
        let call = 0;
        return {
          reset() {
            call = 0;
            return [0];
          },
          step([button]) {
            const right = (Number(first) + Number(shift) * Math.floor(call / LAYOUT)) % BUTTONS;
            call++;
            return { observation: [call % ATTEMPT], reward: button === right ? 0.5 : 0 };
          },
        };
      },
    }),
  }),
);

/** The environment as a family. */
export const buttons = (horizon?: number): EnvFamily => environments.get('buttons').create(horizon === undefined ? {} : { horizon });
