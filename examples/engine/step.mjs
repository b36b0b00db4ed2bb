// A training step with the engine only: a network learns XOR. Loss, gradient and update are one graph.
import assert from 'node:assert/strict';
import { grad, input, mean, mul, optimize, square, sub, tanh, toOnnx, zeros } from 'cadenza/engine';
import { nodeExecutor } from 'cadenza/engine/node';
import { initialize, linear, Scope } from 'cadenza/nn';
import { Random } from 'cadenza/random';

const scope = new Scope();
const [x, y] = [input('x', [4, 2]), input('y', [4, 1])];
const hidden = tanh(linear(scope.at('hidden'), x, 8));
const loss = mean(square(sub(linear(scope.at('out'), hidden, 1), y)));

const parameters = [...scope.table.values()];
const gradients = grad(
  loss,
  parameters.map(({ tensor }) => tensor),
);
const next = parameters.map(({ name, tensor }, i) => [`next.${name}`, sub(tensor, mul(gradients[i], 0.5))]);
const graph = optimize({ outputs: { loss, ...Object.fromEntries(next) } });
const step = await nodeExecutor({ threads: 1 }).compile(toOnnx(graph));

const values = initialize(parameters, Random.seeded(0));
const feeds = {
  x: { ...zeros([4, 2]), data: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1) },
  y: { ...zeros([4, 1]), data: Float32Array.of(0, 1, 1, 0) },
};
let last;
for (let i = 0; i < 1000; i++) {
  for (const { name, shape } of parameters) feeds[name] = { ...zeros(shape), data: values.get(name) };
  const result = await step.run(feeds, Object.keys(graph.outputs));
  for (const { name } of parameters) values.set(name, result[`next.${name}`].data);
  last = result.loss.data[0];
}
await step.dispose();
console.log(`mean squared error after 1000 steps: ${last.toExponential(2)}`);
assert(last < 1e-3);
