import { expect, it } from 'vitest';
import { add, broadcastTo, grad, input, interpret, mul, sum } from '../engine/index.ts';
import { crossAttention, initialize, keysValues, linear, Scope } from '../nn/index.ts';
import { Random } from '../util/random.ts';
import { reconstruct } from './reconstruction.ts';

it('gives the predictions and gradients of attention whose outputs are mapped token by token', () => {
  const [B, M, D, N, F, heads] = [3, 2, 8, 5, 7, 4];
  const z = input('z', [B, M, D]);
  const scope = new Scope();
  const found = reconstruct(scope, z, N, { width: F, fields: [] }, heads);
  const positions = broadcastTo(scope.parameter('positions', [N, D]), [B, N, D]);
  const read = add(positions, crossAttention(scope, positions, keysValues(scope, z, D, heads), { heads }));
  const expected = linear(scope.at('head'), read, F);
  const parameters = [...scope.table.values()];
  expect(parameters.map(({ name }) => name).sort()).toEqual(
    ['head.bias', 'head.weight', 'k.weight', 'out.weight', 'positions', 'q.weight', 'v.weight'].sort(),
  );
  const factors = input('factors', [B, N, F]);
  const random = Random.seeded(1);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const feeds = {
    z: normals(B * M * D),
    factors: normals(B * N * F),
    ...Object.fromEntries(initialize(parameters, Random.seeded(0))),
    'head.bias': normals(F),
  };
  const [a, b] = [found, expected].map(predictions => {
    const wanted = [z, ...parameters.map(({ tensor }) => tensor)];
    const gradients = grad(sum(mul(predictions, factors)), wanted);
    return interpret({ outputs: { predictions, ...Object.fromEntries(gradients.map((g, i) => [`gradient ${i}`, g])) } }, feeds);
  });
  for (const [name, values] of Object.entries(b))
    for (const [i, value] of Array.from(values).entries()) expect(a[name][i], `${name}[${i}]`).toBeCloseTo(value, 10);
});
