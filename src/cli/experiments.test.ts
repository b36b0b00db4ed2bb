import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT, TINY } from '../../test/helpers/command.ts';
import type { AnyResults, Results } from '../records/index.ts';
import { viewOf } from '../reports/index.ts';
import { packedPath, readJson } from '../util/files.ts';
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

it('suggests no report of results that may not be shown', async () => {
  const results = readJson(packedPath(join(ROOT, 'results/delayed-bandit/results.json'))) as Results;
  const work = await openExperiment(TINY);
  const commands = (results: Results) => work.next('runs/tiny', [], results).map(([[command]]) => command);
  expect(commands(results)).toContain('report');
  for (const protocol of Object.values(results.protocols!)) protocol.selection = { by: 'test' };
  expect(commands(results)).not.toContain('report');
  expect(viewOf(results).found()).toEqual([]);
  expect(viewOf(results).text(false)).toContain('selection.by');
});
