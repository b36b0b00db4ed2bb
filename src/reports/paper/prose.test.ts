import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../../test/helpers/command.ts';
import { visible } from '../../../test/helpers/read-back.ts';
import { baselines } from '../../agent/baselines/index.ts';
import { compressors, latentKinds } from '../../compressor/index.ts';
import { loadExperiment } from '../../config/experiment.ts';
import { input } from '../../engine/index.ts';
import { environments } from '../../envs/index.ts';
import { Scope } from '../../nn/index.ts';
import { describeExperiment } from '../../pipeline/describe.ts';
import { heads } from '../../policy/index.ts';
import type { Results } from '../../records/index.ts';
import { DEMONSTRATION_STYLES, sources } from '../../sources/index.ts';
import { resolveOptions } from '../../util/options.ts';
import { citedKeys } from './bibliography.ts';
import { methods } from './methods.ts';
import {
  BASELINES,
  baselineProse,
  COMPRESSORS,
  compressorProse,
  ENVIRONMENTS,
  environmentProse,
  HEADS,
  headProse,
  LATENTS,
  latentProse,
  SOURCES,
  sourceProse,
} from './prose.ts';

const quick = JSON.parse(readFileSync(join(ROOT, 'results/dark-room-quick/results.json'), 'utf8')) as Results;
const config = loadExperiment(join(ROOT, 'experiments/dark-room.yaml'));

describe('the prose of built-in kinds', () => {
  it.each([
    ['environments', environments.ids, ENVIRONMENTS],
    ['sources', sources.ids, SOURCES],
    ['compressors', compressors.ids, COMPRESSORS],
    ['kinds of latents', latentKinds.ids, LATENTS],
    ['heads', heads.ids, HEADS],
    ['baselines', baselines.ids, BASELINES],
  ])('has all %s and nothing else', (_, ids, table) => expect(Object.keys(table).sort()).toEqual([...ids].sort()));

  it.each(latentKinds.all)('has an R(Z) for $id where the kind has one', ({ id, apply }) => {
    const { capacity } = apply(new Scope(), input('latents', [1, 2, 8]), config.latents);
    expect(LATENTS[id].capacity !== undefined).toBe(capacity !== undefined);
  });

  it('has every style of demonstrations', () => {
    const demonstrations = sources.get('demonstrations');
    const text = sourceProse({ ...demonstrations, options: resolveOptions('demonstrations', demonstrations.options) });
    for (const style of Object.keys(DEMONSTRATION_STYLES)) expect(text).toContain(`<options/${style}>`);
  });

  const placeholders = (prose: string) => [...prose.matchAll(/<([\w+./ -]+?)(?:[:|][^>]*)?>/g)].map(([, path]) => path);
  const known = {
    environments: /^(horizon|tasks|options\/\w+)$/,
    sources: /^options\/\w+$/,
    others: /^(model|compression|latents|policy)\//,
  };
  const { compression } = config;
  const kinds: [string, string, RegExp, readonly string[]][] = [
    // Options that an environment requires are not in its prose. The words for some depend on others.
    ...[
      {},
      { width: 40, height: 20, start: 'corner', permutations: 3 },
      { calls: 900 },
      { every: 500 },
      { every: 500, everyMax: 900 },
    ].flatMap(given =>
      environments.all.map((kind): [string, string, RegExp, string[]] => {
        const names = Object.keys(kind.options);
        const defaults = Object.entries(kind.options).map(([name, option]) => [name, option.default ?? null]);
        const options = { ...Object.fromEntries(defaults), ...given };
        return [kind.id, environmentProse({ ...kind, options }), known.environments, names];
      }),
    ),
    ...sources.all.map(kind => {
      const options = resolveOptions(kind.id, kind.options);
      return [kind.id, sourceProse({ ...kind, options }), known.sources, Object.keys(options)] as [string, string, RegExp, string[]];
    }),
    ...[
      ...compressors.all.map(kind => [kind.id, compressorProse(kind, compression)]),
      ...latentKinds.all.map(kind => [kind.id, Object.values(latentProse({ ...kind, capacity: true })).join(' ')]),
      ...heads.all.map(kind => [kind.id, headProse({ ...kind, dimensions: 2 }, { kind: 'auto', bins: 11, autoregressive: true })]),
      ...baselines.all.map(kind => [kind.id, baselineProse(kind)]),
    ].map(([id, prose]) => [id, prose, known.others, []] as [string, string, RegExp, string[]]),
  ];

  it.each(kinds)('%s: sentences without a number of their own, and sources that the bibliography has', (_, prose, expected, options) => {
    expect(prose).toMatch(/\w/);
    const paths = placeholders(prose);
    expect(paths.filter(path => !expected.test(path))).toEqual([]);
    expect(paths.flatMap(path => (path.startsWith('options/') && !options.includes(path.slice(8)) ? [path] : []))).toEqual([]);
    expect(visible(prose).replace(/<[^>]*>/g, '')).not.toMatch(/\d/);
    citedKeys(prose);
  });
});

describe('a kind that was registered elsewhere', () => {
  const own = { id: 'my_kind', description: 'at most 50% of {x} for <model/width>.' };
  const said = String.raw`\texttt{my\_kind}: at most 50\% of \{x\} for \textless{}model/width\textgreater{}.`;

  it('is in a paper with its id and its description', () => {
    environments.register({ ...environments.get('dark-room'), ...own });
    sources.register({ ...sources.get('r-max'), ...own });
    compressors.register({ ...compressors.get('bottleneck'), ...own });
    latentKinds.register({ ...latentKinds.get('continuous'), ...own });
    heads.register({ ...heads.get('categorical'), ...own });
    baselines.register({ ...baselines.get('mean-pool'), ...own });
    const { id } = own;
    const chosen = {
      ...config,
      env: { ...config.env, id },
      source: { ...config.source, id },
      compressor: id,
      latents: { ...config.latents, kind: id as typeof config.latents.kind },
      policy: { ...config.policy, head: { ...config.policy.head, kind: id } },
      baselines: { ...config.baselines, methods: [id] },
    };
    const { setting, kinds, stages } = describeExperiment(chosen);
    const results = { ...quick, methods: { cad: quick.methods.cad, [id]: quick.methods['mean-pool'] }, tables: undefined, setting };
    const recorded = { ...results, run: { ...quick.run, config: JSON.parse(JSON.stringify(chosen)) } };
    const { text } = methods({ results: recorded, config: chosen, setting, kinds, stages });
    // A sentence each of the environment, the source, the compressor, the latents, the head and the baseline.
    expect(text.split(said)).toHaveLength(7);
    expect(text).toContain(String.raw`\item[\texttt{my\_kind}]`);
    expect(text).toContain('$R(Z)$');
  });
});
