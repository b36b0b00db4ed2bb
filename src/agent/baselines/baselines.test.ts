/** @file Every built-in baseline keeps the contract of baselines. */

import { describe, expect, it } from 'vitest';
import { baselineChecks } from '../../testing/baseline.ts';
import { smallExperiment } from '../../testing/experiment.ts';
import { baseline, baselines, settingsOf, type TrainedBaseline } from './index.ts';

describe.each(baselines.all)('$id', baseline => {
  for (const { name, run } of baselineChecks(baseline)) it(name, run);
});

it('memories of other agents have the working memory of their own, not that of CAD', () => {
  const given = smallExperiment();
  const config = { ...given.config, compression: { ...given.config.compression, update: 'replace', workingMemory: 3 } };
  const compressionOf = (id: string) => settingsOf(baseline(id) as TrainedBaseline, { ...given, config }).compression;
  const quarter = Math.round(given.model.segment / 4);
  expect([compressionOf('rsm'), compressionOf('rad')]).toMatchObject([
    { update: 'replace', workingMemory: 0 },
    { update: 'gru', workingMemory: quarter },
  ]);
});
