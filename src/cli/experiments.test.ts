import { expect, it } from 'vitest';
import { TINY } from '../../test/helpers/command.ts';
import type { AnyResults } from '../records/index.ts';
import { commandLine } from './ending.ts';
import { openExperiment } from './experiments.ts';

it.each([
  [[], 'model.latents=4'],
  [['model.latents=4'], 'model.latents=8'],
])('suggests to change a setting to a value that %j does not have', async (given, suggested) => {
  const work = await openExperiment(TINY, given);
  const commands = work.next('runs/tiny', [], {} as AnyResults).map(([args]) => commandLine(args));
  expect(commands.filter(command => command.includes('--set'))).toEqual([expect.stringContaining(` ${suggested} `)]);
});
