/**
 * @file `interleaved`: three tokens per transition, each with a flag of its type.
 *
 *   context  s_0 a_0 r_0 s_1 a_1 r_1 …        r also says whether the episode ended there
 *   query    s_0 a_0 r_0 s_1 …                the action of step t is predicted at token 3t, which holds s_t
 */

import { spaceSize } from '../rl/index.ts';
import { LayoutBuilder, type MakeTokenizer, writeFields } from './layout.ts';

/** Columns of the type flags; their rows of the embedding matrix are the type embeddings of method 1.3. */
const STATE = 0;
const ACTION = 1;
const REWARD = 2;

export const interleaved: MakeTokenizer = ({ observationSpace, actionSpace }) => {
  const [size, actionSize] = [spaceSize(observationSpace), spaceSize(actionSpace)];
  const builder = new LayoutBuilder(3);
  const state = builder.space('observation', observationSpace, STATE, 'observation');
  const action = builder.space('action', actionSpace, ACTION, 'action');
  const reward = builder.reward('reward', REWARD);
  const done = builder.scalar('done', REWARD);
  const layout = builder.build();
  const { width } = layout;

  const writeState = (out: Float32Array, at: number, observation: ArrayLike<number>, from: number) => {
    out[at + STATE] = 1;
    writeFields(out, at, state, observation, from);
  };
  const writeAction = (out: Float32Array, at: number, actions: ArrayLike<number>, from: number) => {
    out[at + ACTION] = 1;
    writeFields(out, at, action, actions, from);
  };
  const writeReward = (out: Float32Array, at: number, value: number, ended: boolean) => {
    out[at + REWARD] = 1;
    out[at + reward.offset] = value;
    out[at + done.offset] = Number(ended);
  };

  return {
    id: 'interleaved',
    tokensPerTransition: 3,
    context: layout,
    writeTransition(out, row, transitions, t) {
      writeState(out, row, transitions.observation, t * size);
      writeAction(out, row + width, transitions.action, t * actionSize);
      writeReward(out, row + 2 * width, transitions.reward[t], Boolean(transitions.terminated[t] || transitions.truncated[t]));
    },
    queryTokens: steps => 3 * steps - 2,
    query: layout,
    predictionIndex: t => 3 * t,
    writeQuery(out, row, t, observation, from, past, last) {
      const at = row + 3 * t * width;
      if (t > 0) {
        writeAction(out, at - 2 * width, past.action, last * actionSize);
        writeReward(out, at - width, past.reward[last], false);
      }
      writeState(out, at, observation, from);
    },
  };
};
