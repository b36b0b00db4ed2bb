/** @file Which stages wait for which, and which start first. */

import { expect, it } from 'vitest';
import type { PreviewedStage } from '../cache/preview.ts';
import type { CommonConfig } from './kind.ts';
import type { Estimate } from './needs.ts';
import { type CollectedVariant, jobsOf, longestChain, schedule } from './schedule.ts';

const run = async () => ({});

/** A stage whose key is its name. */
const stage = (name: string, inputs: Record<string, string> = {}, finished = false): PreviewedStage => ({
  stage: name,
  key: name,
  inputs,
  finished,
  request: { stage: name, settings: {}, inputs, run },
});

const STAGES = [
  stage('generate'),
  stage('none-seed0', { generate: 'generate' }),
  stage('pretrain-seed0', { generate: 'generate' }),
  stage('finetune-seed0', { generate: 'generate', agent: 'pretrain-seed0' }),
  stage('evaluate-none-seed0', { model: 'none-seed0' }),
  stage('evaluate-cad-seed0', { model: 'finetune-seed0' }),
  stage('evaluate-random-seed0'),
];
const SETTINGS = { seeds: [0], executor: { threads: 1, workers: 1 } };
const FLOPS = { none: 4e12, pretrain: 1e12, finetune: 5e12, evaluate: 2e12 };

function variant(name: string, stages: readonly PreviewedStage[]): CollectedVariant {
  const estimate = { stages: Object.entries(FLOPS).map(([stage, flops]) => ({ stage, flops, bytes: 0 })) } as unknown as Estimate;
  return { name, config: { name, ...SETTINGS } as unknown as CommonConfig, estimate, stages };
}

const scheduled = (variants: readonly CollectedVariant[]) => schedule(jobsOf(variants));

it('starts with the longest chain, and waits for unfinished inputs', () => {
  const found = scheduled([variant('a', STAGES)]);
  expect(found.map(({ stage, after, heading }) => [stage, after, heading])).toEqual([
    ['generate', [], ''],
    ['pretrain-seed0', ['generate'], ''],
    ['finetune-seed0', ['generate', 'pretrain-seed0'], ''],
    ['none-seed0', ['generate'], ''],
    ['evaluate-none-seed0', ['none-seed0'], ''],
    ['evaluate-cad-seed0', ['finetune-seed0'], ''],
    ['evaluate-random-seed0', [], ''],
  ]);
  // Half of the evaluation is that of each model.
  expect(longestChain(found)).toEqual({ stages: 4, flops: 1e12 + 5e12 + 1e12 });
  expect(longestChain([])).toEqual({ stages: 0, flops: 0 });
});

it('divides the work of all seeds', () => {
  const seeds = [0, 1].map(seed => stage(`none-seed${seed}`));
  const two = { ...variant('a', seeds), config: { ...SETTINGS, seeds: [0, 1] } as unknown as CommonConfig };
  expect(scheduled([two]).map(({ chain }) => chain.flops)).toEqual([2e12, 2e12]);
});

it('runs no stage that is finished, and a shared one once', () => {
  const resumed = STAGES.map(each => (/^(generate|none)/.test(each.stage) ? { ...each, finished: true } : each));
  const own = [...resumed, stage('mean-pool-seed0', { generate: 'generate' })];
  const found = scheduled([variant('a', resumed), variant('b', own)]);
  expect(found.map(({ stage }) => stage).sort()).toEqual([
    'evaluate-cad-seed0',
    'evaluate-none-seed0',
    'evaluate-random-seed0',
    'finetune-seed0',
    'mean-pool-seed0',
    'pretrain-seed0',
  ]);
  expect(found.find(({ stage }) => stage === 'pretrain-seed0')).toMatchObject({ after: [], heading: 'a' });
  expect(found.find(({ stage }) => stage === 'mean-pool-seed0')).toMatchObject({ after: [], heading: 'b' });
});
