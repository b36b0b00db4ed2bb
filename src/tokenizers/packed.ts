/**
 * @file `packed`: one token per transition. `packed-changes`: the same, with a number for each integer of an observation that says
 * whether it grew (1), shrank (−1) or stayed (0) in the step.
 *
 *   context  (s_0 a_0 r_0 s_1 d_0) (s_1 a_1 r_1 s_2 d_1) …        d: the episode ended here
 *   query    (s_0) (a_0 r_0 s_1) (a_1 r_1 s_2) …                  the action of step t is predicted at token t
 *
 * Where integers are places, what an action did is then in one token, next to the action, whatever the place.
 */

import { countsOf, spaceSize } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { LayoutBuilder, type MakeTokenizer, type Tokenizer, writeFields } from './layout.ts';

/** Column of the flag that the token is present. */
const THERE = 0;
/** Column of the query's flag that a step of the episode precedes this one. */
const FOLLOWS = 1;

export const packed: MakeTokenizer = family => packedTokens('packed', family);

export const packedChanges: MakeTokenizer = family => {
  const counts = countsOf(family.observationSpace);
  if (counts) return packedTokens('packed-changes', family, counts.length);
  throw new CadenzaError(
    'E_CONFIG',
    `tokenizer packed-changes needs observations of integers, but their space is "${family.observationSpace.kind}". Choose packed.`,
  );
};

/** Tokens that show the changes of the first `changes` integers of an observation. */
function packedTokens(id: string, { observationSpace, actionSpace }: Parameters<MakeTokenizer>[0], changes = 0): Tokenizer {
  const [size, actionSize] = [spaceSize(observationSpace), spaceSize(actionSpace)];
  const changed = (builder: LayoutBuilder, presence: number) =>
    Array.from({ length: changes }, (_, i) => builder.scalar(`change.${i}`, presence));
  const context = new LayoutBuilder(1);
  const state = context.space('observation', observationSpace, THERE, 'observation');
  const action = context.space('action', actionSpace, THERE, 'action');
  const reward = context.reward('reward', THERE);
  const next = context.space('nextObservation', observationSpace, THERE, 'nextObservation');
  const done = context.scalar('done', THERE);
  const change = changed(context, THERE);

  const query = new LayoutBuilder(2);
  const queryState = query.space('observation', observationSpace, THERE, 'observation');
  const previousAction = query.space('previousAction', actionSpace, FOLLOWS, 'action');
  const previousReward = query.reward('previousReward', FOLLOWS);
  const queryChange = changed(query, FOLLOWS);
  const queryLayout = query.build();

  return {
    id,
    tokensPerTransition: 1,
    context: context.build(),
    writeTransition(out, row, transitions, t) {
      out[row + THERE] = 1;
      writeFields(out, row, state, transitions.observation, t * size);
      writeFields(out, row, action, transitions.action, t * actionSize);
      out[row + reward.offset] = transitions.reward[t];
      writeFields(out, row, next, transitions.nextObservation, t * size);
      out[row + done.offset] = transitions.terminated[t] || transitions.truncated[t] ? 1 : 0;
      for (const [i, { offset }] of change.entries())
        out[row + offset] = Math.sign(transitions.nextObservation[t * size + i] - transitions.observation[t * size + i]);
    },
    queryTokens: steps => steps,
    query: queryLayout,
    predictionIndex: t => t,
    writeQuery(out, row, t, observation, from, past, last) {
      const at = row + t * queryLayout.width;
      out[at + THERE] = 1;
      writeFields(out, at, queryState, observation, from);
      if (t === 0) return;
      out[at + FOLLOWS] = 1;
      writeFields(out, at, previousAction, past.action, last * actionSize);
      out[at + previousReward.offset] = past.reward[last];
      for (const [i, { offset }] of queryChange.entries())
        out[at + offset] = Math.sign(observation[from + i] - past.observation[last * size + i]);
    },
  };
}
