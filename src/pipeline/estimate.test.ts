/** @file Sizes of every setting: refused at once, or estimated; nothing in between. */

import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { experimentSchema } from '../config/experiment.ts';
import { supervisedSchema } from '../config/supervised.ts';
import { environments } from '../envs/index.ts';
import { sources } from '../sources/index.ts';
import { configJsonSchema, type JsonSchema, loadConfig } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { Random } from '../util/random.ts';
import { expectBuildable } from './buildable.ts';
import { estimate } from './estimate.ts';
import { combined, type Estimate, formatBytes } from './needs.ts';
import { estimateSupervised } from './supervised.ts';

const GB = 1e9;

const TINY = `
name: a
source: { histories: 1, episodes: 6 }
context: { episodes: 2 }
model: { width: 16, heads: 2, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 }
teacher: { steps: 0 }
distill: { steps: 0, beta: 0 }
baselines: { steps: 0 }
`;
const SUPERVISED = `
name: a
problem: { id: linear-regression, options: { dimension: 1 } }
model: { width: 16, heads: 2, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 }
baselines: { steps: 0 }
`;

const KINDS = [
  {
    name: 'an experiment',
    schema: experimentSchema(),
    of: (overrides: string[]) => estimate(loadConfig(experimentSchema(), { file: 'a.yaml', text: TINY, overrides }), 8 * GB),
  },
  {
    name: 'a supervised experiment',
    schema: supervisedSchema(),
    of: (overrides: string[]) =>
      estimateSupervised(loadConfig(supervisedSchema(), { file: 'a.yaml', text: SUPERVISED, overrides }), 8 * GB),
  },
];

/** Dotted paths of all numbers of a schema, with their largest values. */
function numbers(node: JsonSchema, path = ''): [string, number | undefined][] {
  if (node.type === 'integer' || node.type === 'number') return [[path, node.maximum as number | undefined]];
  // Further tables have the same settings.
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => numbers(child, path ? `${path}.${key}` : key));
}

/** What else a setting needs before it is read at all. */
const WITH: Readonly<Record<string, string[]>> = {
  'policy.prompt': ['policy.prompt={}', 'policy.query=episode'],
  'policy.returns': ['policy.returns={episodes: 2, bins: 5, weight: 1}'],
  'policy.retrieval': ['policy.retrieval.contexts=1'],
  latents: ['latents.kind=vq'],
  reinforce: ['reinforce.steps=1', 'reinforce.batch=1'],
  'context.segment': ['context.segment=2', 'context.segments=2'],
};

function outcome(of: (overrides: string[]) => Estimate, overrides: string[]): Estimate | CadenzaError {
  try {
    return of(overrides);
  } catch (error) {
    // E_BUG is whatever is no error of the catalog.
    expect(error, overrides.join(' ')).toBeInstanceOf(CadenzaError);
    expect(['E_CONFIG', 'E_SHAPE', 'E_SPLIT', 'E_INSTALL'], String(error)).toContain((error as CadenzaError).code);
    return error as CadenzaError;
  }
}

describe.each(KINDS)('every number of $name', ({ schema, of }) => {
  const all = numbers(configJsonSchema(schema));
  const needs = (path: string) => Object.entries(WITH).flatMap(([prefix, sets]) => (path.startsWith(prefix) ? sets : []));

  it('is there', () => {
    expect(all.length).toBeGreaterThan(25);
  });

  it.each(all)('%s is refused out of its range, and estimated or refused at its ends', (path, most) => {
    for (const value of [-1e9, 1e-46, 1e300]) expect(outcome(of, [...needs(path), `${path}=${value}`])).toBeInstanceOf(CadenzaError);
    for (const value of [0, 1e9, most ?? 1e12]) {
      const found = outcome(of, [...needs(path), `${path}=${value}`]);
      if (found instanceof CadenzaError) expect(found.message.length).toBeLessThan(2000);
      else expect(found.peakBytes).toBeLessThan(8 * GB);
    }
  });
});

describe('options of environments and sources', () => {
  const random = Random.seeded(11);
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)];
  const draws = Array.from({ length: 60 }, () => {
    const [key, entries] = pick([['env', environments.all] as const, ['source', sources.all] as const]);
    const { id, options } = pick(entries.filter(({ options }) => Object.keys(options).length > 0));
    const [name, option] = pick(Object.entries(options));
    const ends = 'range' in option ? option.range.filter(Number.isFinite) : ['a text', '{a: [1]}'];
    return [`${key}.id=${id}`, `${key}.options={${name}: ${pick([-1, 0, 0.5, 1e9, ...ends])}}`];
  });

  it.each(draws)('%s %s is estimated or refused', (...overrides) => {
    const found = outcome(of => {
      const config = loadConfig(experimentSchema(), { file: 'a.yaml', text: TINY, overrides: of });
      return expectBuildable(config);
    }, overrides);
    if (!(found instanceof CadenzaError)) expect(found.peakBytes).toBeLessThan(found.machineBytes);
  });
});

describe('a source whose learners are trained together', () => {
  const load = (...overrides: string[]) =>
    loadConfig(experimentSchema(), { file: 'a.yaml', text: TINY, overrides: ['source.id=ppo', ...overrides] });

  it('is built where it plays by itself, and counted', () => {
    expect(expectBuildable(load()).peakBytes).toBeGreaterThan(0);
    const data = (...overrides: string[]) => expectBuildable(load(...overrides)).stages[0].bytes;
    expect(data('source.options={hidden: 256}')).toBeGreaterThan(10 * data());
    expect(() => expectBuildable(load('source.options={hidden: 4096, environments: 256, rollout: 4096}'))).toThrow(
      failure('E_CONFIG', 'source.options'),
    );
  });

  it.each([
    ['policy.prompt', ['policy.prompt.styles=[expert]', 'policy.prompt.episodes=1']],
    ['reinforce.labels', ['reinforce.steps=1', 'reinforce.imitationWeight=1', 'reinforce.labels=source']],
    ['rollout', ['source.options={memory: 4, rollout: 1000}']],
  ])('is refused for %s before anything runs', (what, overrides) => {
    expect(() => expectBuildable(load(...overrides))).toThrow(failure('E_CONFIG', 'ppo', what));
  });
});

describe('an estimate', () => {
  const of = (...overrides: string[]) => KINDS[0].of(overrides);

  it.each([
    ['source.histories=1000000', 'source.histories'],
    ['evaluate.streams=1000000', 'evaluate.streams'],
    ['evaluate.imitationHistories=1000000', 'evaluate.imitationHistories'],
    ['optimizer.batch=65536', 'optimizer.batch'],
    ['model.width=16384', 'model.width'],
    ['context.episodes=1000000', 'context.episodes'],
  ])('of %s names what matters most', (override, setting) => {
    expect(() => KINDS[0].of([override])).toThrow(failure('E_CONFIG', setting));
  });

  it('grows with what it is made of', () => {
    const peak = (...overrides: string[]) => of(...overrides).peakBytes;
    expect(peak('optimizer.batch=256')).toBeGreaterThan(peak('optimizer.batch=64'));
    expect(peak('optimizer.batch=256', 'executor.recompute=true')).toBeLessThan(peak('optimizer.batch=256'));
    expect(peak('source.histories=400')).toBeGreaterThan(peak('source.histories=40'));
    const [small, large] = [50, 100].map(steps => of(`finetune.steps=${steps}`).stages.find(({ stage }) => stage === 'finetune')!);
    expect(large.flops).toBe(2 * small.flops!);
    expect(large.parameters).toBe(small.parameters);
    expect(large.parameters).toBeGreaterThan(1000);
  });

  it('counts of histories on the disk what stays in memory', () => {
    // 10 and 100 million transitions of 46 bytes.
    const [ten, hundred] = [1142, 11_416].map(each => of(`source.histories=${each}`).stages[0].bytes);
    expect(hundred).toBeLessThan(GB);
    expect(hundred - ten).toBeGreaterThan(0);
    expect(hundred - ten).toBeLessThan(0.1 * 90e6 * 46);
  });

  const HORIZON = { short: 'env.options={horizon: 10}', long: 'evaluate.envs=[{name: long, options: {horizon: 400}}]' };

  it('counts further evaluations at their own horizon', () => {
    const [alone, both] = [of(HORIZON.short), of(HORIZON.short, HORIZON.long)].map(({ stages }) => stages.at(-1)!);
    expect(both.flops!).toBeGreaterThan(40 * alone.flops!);
    expect(both.bytes).toBeGreaterThan(alone.bytes);
    const found = outcome(KINDS[0].of, [HORIZON.long, 'evaluate.streams=20000']);
    expect(found).toBeInstanceOf(CadenzaError);
  });

  it('counts the rollouts and all updates of an iteration of reinforce', () => {
    const at = (...more: string[]) =>
      of('reinforce.steps=2', 'reinforce.streams=4', 'reinforce.episodes=2', 'reinforce.batch=4', ...more).stages.find(
        ({ stage }) => stage === 'reinforce',
      )!.flops!;
    expect(at('reinforce.epochs=8')).toBeGreaterThan(2 * at('reinforce.epochs=2'));
    expect(at('reinforce.steps=4')).toBe(2 * at());
  });

  it('adds up the stages that run at once', () => {
    const one = of('seeds=[0,1,2]');
    // Pretraining, fine-tuning and an evaluation of each seed.
    expect(one.parts).toHaveLength(9);
    const peaks = [1, 2, 3, 8].map(jobs => combined(one.name, [one], { jobs }));
    expect(peaks.map(({ processes }) => processes)).toEqual([1, 2, 3, 8]);
    expect(peaks[0].peakBytes).toBe(one.peakBytes);
    expect(peaks[2].peakBytes - peaks[1].peakBytes).toBeGreaterThan(one.parts[0]);
    const small = { ...one, machineBytes: 1.5 * one.peakBytes };
    expect(combined(small.name, [small]).peakBytes).toBe(one.peakBytes);
    expect(() => combined(small.name, [small], { jobs: 3 })).toThrow(failure('E_CONFIG', '--jobs'));
    // By default, there are as many processes as cores and memory allow.
    const long = { ...one, stages: one.stages.map(stage => ({ ...stage, flops: 1e15 })) };
    const processes = (estimate: Estimate, threads: number) => combined(one.name, [estimate], { jobs: 'auto', threads }).processes;
    const cores = availableParallelism();
    expect(processes(long, 1)).toBe(Math.min(cores, long.parts.length));
    expect(processes(long, cores)).toBe(1);
    expect(processes(long, cores + 1)).toBe(1);
    expect(processes({ ...long, machineBytes: small.machineBytes }, 1)).toBe(1);
    expect(processes(one, 1)).toBe(1);
    // Tables have stages and parts of their own.
    const tables = combined(one.name, [one, { ...of(), name: 'b' }]);
    expect([tables.parts.length, tables.stages.length]).toEqual([12, one.stages.length + of().stages.length]);
    expect(tables.stages.at(-1)!.stage).toBe('b: evaluate');
  });

  it('is refused where there are many more threads than cores', () => {
    expect(outcome(KINDS[0].of, ['executor.threads=1024'])).toBeInstanceOf(CadenzaError);
  });

  it('is in units of bytes', () => {
    expect([0, 999, 1000, 2.5e9, 4e21].map(formatBytes)).toEqual(['0 B', '999 B', '1 kB', '2.5 GB', '4000 EB']);
  });
});
