/**
 * @file `packed`: one token per transition.
 *
 *   context  (s_0 a_0 r_0 s_1 d_0) (s_1 a_1 r_1 s_2 d_1) …        d: the episode ended here
 *   query    (s_0) (a_0 r_0 s_1) (a_1 r_1 s_2) …                  the action of step t is predicted at token t
 */

import { spaceSize } from '../rl/index.ts';
import { LayoutBuilder, type MakeTokenizer, writeFields } from './layout.ts';

/** Column of the flag that the token is present. */
const THERE = 0;
/** Column of the query's flag that a step of the episode precedes this one. */
const FOLLOWS = 1;

export const packed: MakeTokenizer = ({ observationSpace, actionSpace }) => {
  const [size, actionSize] = [spaceSize(observationSpace), spaceSize(actionSpace)];
  const context = new LayoutBuilder(1);
  const state = context.space('observation', observationSpace, THERE, 'observation');
  const action = context.space('action', actionSpace, THERE, 'action');
  const reward = context.reward('reward', THERE);
  const next = context.space('nextObservation', observationSpace, THERE, 'nextObservation');
  const done = context.scalar('done', THERE);

  const query = new LayoutBuilder(2);
  const queryState = query.space('observation', observationSpace, THERE, 'observation');
  const previousAction = query.space('previousAction', actionSpace, FOLLOWS, 'action');
  const previousReward = query.reward('previousReward', FOLLOWS);
  const queryLayout = query.build();

  return {
    id: 'packed',
    tokensPerTransition: 1,
    context: context.build(),
    writeTransition(out, row, transitions, t) {
      out[row + THERE] = 1;
      writeFields(out, row, state, transitions.observation, t * size);
      writeFields(out, row, action, transitions.action, t * actionSize);
      out[row + reward.offset] = transitions.reward[t];
      writeFields(out, row, next, transitions.nextObservation, t * size);
      out[row + done.offset] = transitions.terminated[t] || transitions.truncated[t] ? 1 : 0;
    },
    queryTokens: steps => steps,
    query: queryLayout,
    predictionIndex: t => t,
    writeQuery(out, row, t, observation, from, actions, actionFrom, rewardBefore) {
      const at = row + t * queryLayout.width;
      out[at + THERE] = 1;
      writeFields(out, at, queryState, observation, from);
      if (t === 0) return;
      out[at + FOLLOWS] = 1;
      writeFields(out, at, previousAction, actions, actionFrom);
      out[at + previousReward.offset] = rewardBefore;
    },
  };
};
