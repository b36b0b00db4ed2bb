import { expect, it } from 'vitest';
import { commandLine, ending } from './ending.ts';

it('quotes what a shell would change', () => {
  const args = ['ablate', 'matrix', '--set', 'seeds=[0,1,2]', '--set', "selection.note=it's {a}"];
  expect(commandLine(args)).toMatch(/--set 'seeds=\[0,1,2\]' --set 'selection\.note=it'\\''s \{a\}'$/);
});

it('gives a key of several settings its last value alone', () => {
  const args = ['run', 'tiny', '--set', 'name=a', '--set', 'model.width=8', '--set', 'name=b'];
  const text = ending({ found: [], out: 'runs/a', next: [[args, 'the same']] });
  expect(text).toMatch(/run tiny --set model\.width=8 --set name=b\n$/);
});
