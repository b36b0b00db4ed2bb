/** @file Options of environments, sources and problems, which each kind declares: reported at their places in the file. */

import { expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { loadConfig } from '../util/config.ts';
import { experimentSchema } from './experiment.ts';
import { supervisedSchema } from './supervised.ts';

const load = (text: string, overrides: string[] = []) => loadConfig(experimentSchema(), { file: 'e.yaml', text, overrides });

it.each([
  ['source: { options: { epsilonDecay: 3 } }', 'e.yaml:2:36: source.options.epsilonDecay', [3]],
  ['env:\n  id: dark-room\n  options: { horizn: 9 }', 'e.yaml:4:22: env.options.horizn', ['horizon', 9]],
  ['env: { options: { size: 2.5 } }', 'e.yaml:2:25: env.options.size', [2.5]],
  ['evaluate: { envs: [{ name: n, options: { sise: 3 } }] }', 'e.yaml:2:48: evaluate.envs.0.options.sise', ['size']],
])('%s is refused at its place', (text, place, needles) => {
  expect(() => load(`name: a\n${text}`)).toThrow(failure('E_CONFIG', place, ...needles));
});

it('names the override that another kind does not know', () => {
  const text = 'name: a\nsource: { id: q-learning, options: { epsilonDecay: 0.5 } }';
  expect(load(text).source.options).toEqual({ epsilonDecay: 0.5 });
  expect(() => load(text, ['source.id=ppo'])).toThrow(failure('E_CONFIG', 'source.options.epsilonDecay', 'ppo'));
  expect(() => load('name: a', ['env.options.sise=3'])).toThrow(failure('E_CONFIG', '--set env.options.sise=3', 'size'));
});

it('leaves kinds that are not registered, and valid options, alone', () => {
  for (const text of ['env: { id: mine, options: { x: 1 } }', 'source: { id: mine, options: { x: 1 } }', 'env: { options: { size: 5 } }'])
    expect(load(`name: a\n${text}`).name).toBe('a');
});

it.each([
  ['queries: { perHistory: 3 }', 'optimizer.batch', [3, 64]],
  ['queries: { perHistory: 4 }\npretrain: { batch: 10 }', 'e.yaml:3:20: pretrain.batch', [4, 10]],
  ['queries: { perHistory: 2, reconstructed: 3 }', 'e.yaml:2:42: queries.reconstructed', [2, 3]],
  ['queries: { restart: 0.1 }', 'e.yaml:2:21: queries.restart', ['consecutive']],
  ['queries: { consecutive: true, earlyEpisodeFraction: 0.5 }', 'e.yaml:2:53: queries.earlyEpisodeFraction', ['consecutive']],
  ['queries: { consecutive: true }\ncompression: { gradientRounds: 2 }', 'compression.gradientRounds', ['queries.perHistory']],
])('queries that do not fit together are refused: %s', (text, place, needles) => {
  expect(() => load(`name: a\n${text}`)).toThrow(failure('E_CONFIG', place, ...needles));
});

it('knows the options of problems', () => {
  const text = 'name: a\nproblem: { id: linear-regression, options: { dimensions: 2 } }';
  expect(() => loadConfig(supervisedSchema(), { file: 's.yaml', text })).toThrow(
    failure('E_CONFIG', 's.yaml:2:58: problem.options.dimensions', 'dimension', 2),
  );
});
