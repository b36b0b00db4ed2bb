import { webExecutor } from 'cadenza/engine/web';
import { environment } from 'cadenza/envs';
import { loadPolicy } from 'cadenza/policy';
import { Random } from 'cadenza/random';
import { chooseActions } from 'cadenza/rl';

const SIZE = 5;
const [canvas, log] = [document.querySelector('canvas'), document.querySelector('pre')];
const cell = canvas.width / SIZE;
const fetched = async name => new Uint8Array(await (await fetch(`model/${name}`)).arrayBuffer());

const room = environment('dark-room', { size: SIZE, horizon: 15 });
const agent = await loadPolicy({
  description: await (await fetch('model/model.json')).json(),
  compress: await fetched('compress.onnx'),
  act: await fetched('act.onnx'),
  executor: webExecutor(),
});
const draws = Random.seeded(Date.now());

let goal = [1, 4]; // held out of training
let life = 0;
canvas.onclick = ({ offsetX, offsetY }) => {
  goal = [Math.floor(offsetX / cell), Math.floor(offsetY / cell)];
  live();
};
live();

/** The agent starts with an empty memory and plays until another goal is chosen. */
async function live() {
  const own = ++life;
  await new Promise(resolve => setTimeout(resolve, 200)); // the life before takes its last step
  const env = room.make([{ goal }], draws.split('life', own));
  agent.reset(1);
  let observation = env.reset().slice();
  let earned = 0;
  log.textContent = 'returns by episode: ';
  while (own === life) {
    draw(observation);
    const action = chooseActions(await agent.act(observation), agent.actions, draws);
    const { reward, terminated, truncated, finalObservation, observation: next } = env.step(action);
    await agent.observe({ observation, action, reward, nextObservation: finalObservation, terminated, truncated });
    observation = next.slice();
    earned += reward[0];
    if (terminated[0] || truncated[0]) {
      log.textContent += `${earned} `;
      earned = 0;
    }
    await new Promise(resolve => setTimeout(resolve, 60));
  }
}

function draw([x, y]) {
  const context = canvas.getContext('2d');
  context.fillStyle = '#eee';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#e69f00';
  context.fillRect(goal[0] * cell, goal[1] * cell, cell, cell);
  context.fillStyle = '#0072b2';
  context.beginPath();
  context.arc((x + 0.5) * cell, (y + 0.5) * cell, cell / 3, 0, 2 * Math.PI);
  context.fill();
}
