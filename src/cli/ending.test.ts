import { expect, it } from 'vitest';
import { ending } from './ending.ts';

it('gives a key of several settings its last value alone', () => {
  const args = ['run', 'tiny', '--set', 'name=a', '--set', 'model.width=8', '--set', 'name=b'];
  const text = ending({ found: [], out: 'runs/a', next: [[args, 'the same']] });
  expect(text).toMatch(/run tiny --set model\.width=8 --set name=b\n$/);
});
