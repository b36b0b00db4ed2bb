// A trained agent learns an unseen task in context: its weights are fixed, only its memory changes.
import assert from 'node:assert/strict';
import { environment, openAgent, Random } from 'cadenza';
import { chooseActions } from 'cadenza/rl';

const room = environment('dark-room', { size: 5, horizon: 15 });
// One of the goals that were held out of training; 13 is the optimal return.
const env = room.make([{ goal: [1, 4] }], Random.seeded(1));
const agent = await openAgent('runs/agent/model');

const draws = Random.seeded(2);
agent.reset(1); // forget everything: a new task
let observation = env.reset().slice();
const returns = [];
for (let episode = 0; episode < 10; episode++) {
  let earned = 0;
  for (let ended = false; !ended; ) {
    const probabilities = await agent.act(observation);
    const action = chooseActions(probabilities, agent.actions, draws);
    const { reward, terminated, truncated, finalObservation, observation: next } = env.step(action);
    await agent.observe({ observation, action, reward, nextObservation: finalObservation, terminated, truncated });
    observation = next.slice();
    earned += reward[0];
    ended = terminated[0] === 1 || truncated[0] === 1;
  }
  returns.push(earned);
}
console.log(`returns of ten episodes: ${returns.join(' ')}`);
assert(returns.slice(-5).reduce((a, b) => a + b) > 5 * 6);
