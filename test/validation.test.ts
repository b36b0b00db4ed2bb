/** @file `evaluate.every`: returns on validation tasks while an agent is fine-tuned. They change nothing else, and resume. */

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadTensors, MODEL_FILE } from '../src/cache/checkpoint.ts';
import { openExperiment } from '../src/index.ts';
import { metricsOf, stageFolder } from './helpers/command.ts';
import { failure } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-validation-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [plain, measured, resumed] = ['plain', 'measured', 'resumed'].map(name => join(folder, name));
const EVERY = 'evaluate.every=30';
const open = (...set: string[]) => openExperiment('tiny', { set: ['split.validation=2', 'evaluate.streams=1', ...set] });
const train = async (out: string, ...set: string[]) => (await open(...set)).run({ out, until: 'finetune' });
const weights = (out: string) => {
  const { tensors } = loadTensors(join(stageFolder(out, 'finetune-seed0')!, MODEL_FILE));
  return [...tensors].map(([name, { data }]) => [name, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')]);
};
const losses = (out: string) => metricsOf(out, 'finetune-seed0').filter(({ loss }) => loss !== undefined);
const returns = (out: string) => metricsOf(out, 'finetune-seed0').filter(({ validation }) => validation !== undefined);

it('measures returns without changing the training, and measures the same where it resumes', { timeout: 120_000 }, async () => {
  await train(plain);
  // All earlier stages are the same.
  cpSync(plain, measured, { recursive: true });
  rmSync(stageFolder(measured, 'finetune-seed0')!, { recursive: true });
  cpSync(measured, resumed, { recursive: true });
  await train(measured, EVERY);
  expect(basename(stageFolder(measured, 'finetune-seed0')!)).not.toBe(basename(stageFolder(plain, 'finetune-seed0')!));
  expect(weights(measured)).toEqual(weights(plain));
  expect(losses(measured)).toEqual(losses(plain));
  expect(returns(plain)).toEqual([]);
  expect(returns(measured).map(({ step }) => step)).toEqual([30, 60, 80]);
  for (const { validation } of returns(measured) as unknown as { validation: Record<string, number> }[]) {
    expect(Object.keys(validation)).toEqual(['return', 'lastReturn']);
    for (const value of Object.values(validation)) expect(value).toBeGreaterThanOrEqual(0);
  }
  const controller = new AbortController();
  const stopped = (await open(EVERY)).run({
    out: resumed,
    until: 'finetune',
    signal: controller.signal,
    onProgress: ({ stage, done }) => stage.startsWith('finetune') && done >= 40 && controller.abort(),
  });
  await expect(stopped).rejects.toThrow(failure('E_INTERRUPTED'));
  expect(returns(resumed).length).toBe(1);
  await train(resumed, EVERY);
  expect(returns(resumed)).toEqual(returns(measured));
  expect(weights(resumed)).toEqual(weights(plain));
});

it('needs validation tasks and fine-tuning', async () => {
  await expect(openExperiment('tiny', { set: [EVERY] })).rejects.toThrow(failure('E_CONFIG', 'split.validation', 'evaluate.every'));
  await expect(open(EVERY, 'finetune.steps=0')).rejects.toThrow(failure('E_CONFIG', 'evaluate.every', 'finetune.steps'));
});
