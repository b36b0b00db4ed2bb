/** @file Every way in which a configuration can be wrong, and what is said about it. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { KIND_NAMES } from '../src/cli/commands/config.ts';
import { openExperiment } from '../src/cli/experiments.ts';
import { evaluatedAt, experimentSchema, tableConfig } from '../src/config/experiment.ts';
import { KINDS } from '../src/pipeline/kinds.ts';
import { REINFORCEMENT_KEYS } from '../src/pipeline/open.ts';
import { stageOptimizer } from '../src/training/stages/index.ts';
import { configJsonSchema, formatConfig, type JsonSchema, loadConfig } from '../src/util/config.ts';
import { editDistance, nearest } from '../src/util/nearest.ts';
import { start } from './helpers/command.ts';
import { failure, type Needle } from './helpers/failure.ts';

const load = (text: string, overrides: string[] = []) => loadConfig(experimentSchema(), { file: 'e.yaml', text, overrides });

interface Case {
  what: string;
  text: string;
  set?: string[];
  /** Places, settings and values that the message must carry. */
  carries: Needle[];
}

const CASES: Case[] = [
  { what: 'an empty file', text: '# nothing\n', carries: ['e.yaml'] },
  { what: 'a list at the top', text: '- 1', carries: ['e.yaml:1:1', '[1]'] },
  { what: 'broken YAML', text: 'name: a\nseeds: [1\nseed: 2', carries: ['e.yaml:', 'YAML'] },
  { what: 'an unknown tag', text: 'name: !foo a', carries: ['e.yaml:1:7', '!foo'] },
  { what: 'a duplicate key', text: 'name: a\nname: b', carries: ['e.yaml:2:1', '"name"'] },
  { what: 'a key that reaches a prototype', text: 'name: a\n__proto__: {x: 1}', carries: ['e.yaml:2:1', '"__proto__"'] },
  { what: 'a missing name', text: 'seed: 1', carries: ['e.yaml:1:1', 'name'] },
  { what: 'an unknown key', text: 'name: a\nmodle: {}', carries: ['e.yaml:2:1: modle', '"model"'] },
  { what: 'an unknown key inside', text: 'name: a\nmodel:\n  widht: 3', carries: ['e.yaml:3:3: model.widht', '"model.width"'] },
  { what: 'an unknown key in a stage', text: 'name: a\nteacher: {learningrate: 1}', carries: ['2:11', '"teacher.learningRate"'] },
  { what: 'a mistyped value', text: 'name: a\nmodel:\n  width: wide', carries: ['e.yaml:3:10', 'model.width', '"wide"'] },
  { what: 'a fraction of a layer', text: 'name: a\nmodel: {encoderLayers: 2.5}', carries: ['model.encoderLayers', 2.5] },
  { what: 'a value below its range', text: 'name: a\ncontext: {episodes: 0}', carries: ['context.episodes', 1, 0] },
  { what: 'a value above its range', text: 'name: a\nsource: {noise: {max: 1.5}}', carries: ['source.noise.max', 1, 1.5] },
  { what: 'an infinite value', text: 'name: a\npretrain: {capacityWeight: .inf}', carries: ['pretrain.capacityWeight', 'Infinity'] },
  { what: 'an unknown option', text: 'name: a\ntokenizer: paked', carries: ['packed, interleaved', '"paked"', '"packed"'] },
  {
    what: 'an unknown kind of latents',
    text: 'name: a\nlatents: {kind: fqs}',
    carries: ['e.yaml:2:17', 'latents.kind', 'continuous, variational, fsq, vq', '"fqs"', '"fsq"'],
  },
  {
    what: 'more codes than can be distinguished',
    text: 'name: a\nlatents: {levels: [1024, 1025]}',
    carries: ['e.yaml:2:19', 'latents.levels', 1048576, '[1024,1025]'],
  },
  { what: 'an unknown item', text: 'name: a\nbaselines:\n  methods:\n    - nine', carries: ['e.yaml:4:7: baselines.methods.0', '"none"'] },
  { what: 'no seeds', text: 'name: a\nseeds: []', carries: ['e.yaml:2:8: seeds', 1, '[]'] },
  { what: 'a seed twice', text: 'name: a\nseeds: [1, 1]', carries: ['seeds', '[1,1]'] },
  { what: 'a section without content', text: 'name: a\nsplit:', carries: ['split'] },
  { what: 'a name that is no folder', text: 'name: a/b', carries: ['e.yaml:1:7: name', '"a/b"'] },
  {
    what: 'heads that do not divide the width',
    text: 'name: a\nmodel: {heads: 5}',
    carries: ['e.yaml:2:1', 'model.width', 'model.heads', 5, 64],
  },
  {
    what: 'a segment without a number of them',
    text: 'name: a\ncontext: {segment: 5}',
    carries: ['e.yaml:2:1', 'context.segments', 'context.segment'],
  },
  {
    what: 'a number of segments without their length',
    text: 'name: a\ncontext: {segments: 5}',
    carries: ['context.segment', 'context.segments'],
  },
  { what: 'no distillation loss', text: 'name: a\ndistill: {alpha: 0}', carries: ['distill.alpha', 'distill.beta', 0] },
  {
    what: 'a teacher that is followed but not trained',
    text: 'name: a\nteacher: {steps: 0}\ndistill: {beta: 1}',
    carries: ['e.yaml:3:17: distill.beta', 'teacher.steps', 0],
  },
  {
    what: 'a teacher that only fine-tuning follows, not trained',
    text: 'name: a\nteacher: {steps: 0}\nfinetune: {beta: 1}',
    carries: ['e.yaml:3:18: finetune.beta', 'teacher.steps', 0],
  },
  {
    what: 'a prompt among tokens that do not see each other',
    text: 'name: a\npolicy: {query: state, prompt: {}}',
    carries: ['policy.architecture', 'encoder-decoder'],
  },
  {
    what: 'a prompt where rollouts have none',
    text: 'name: a\npolicy: {prompt: {}}\nreinforce: {steps: 1}',
    carries: ['reinforce.steps', 0, 'policy.prompt'],
  },
  {
    what: 'a prompt where retrieval has none',
    text: 'name: a\npolicy: {prompt: {}, retrieval: {contexts: 2}}',
    carries: ['policy.retrieval.contexts', 0, 'policy.prompt'],
  },
  {
    what: 'a prompt without a learner that observes',
    text: 'name: a\npolicy: {prompt: {}}\nsource: {dataset: there}',
    carries: ['source.dataset', 'policy.prompt'],
  },
  {
    what: 'fine-tuning without a loss on the policy',
    text: 'name: a\ndistill: {alpha: 0, beta: 1}\nfinetune: {beta: 0}',
    carries: ['e.yaml:3:18', 'finetune.beta', 'distill.alpha', 0],
  },
  {
    what: 'a policy that nothing trains',
    text: 'name: a\ndistill: {steps: 0}\nfinetune: {steps: 0}',
    carries: ['e.yaml:3:19', 'finetune.steps', 'distill.steps', 0],
  },
  {
    what: 'retrieved contexts that nothing trains on',
    text: 'name: a\npolicy: {retrieval: {contexts: 2}}\nretrieve: {steps: 0}',
    carries: ['e.yaml:3:19', 'retrieve.steps', 1, 'policy.retrieval.contexts', 0],
  },
  { what: 'a store twice', text: 'name: a\nretrieve: {stores: [own, own]}', carries: ['retrieve.stores'] },
  {
    what: 'validation tasks that are not there',
    text: 'name: a\nevaluate: {tasks: validation}',
    carries: ['split.validation', 1, 'evaluate.tasks', 0],
  },
  {
    what: 'a bad table',
    text: 'name: a\ntables:\n  - name: q\n    set: {model: {heads: 5}}',
    carries: ['e.yaml:4:11: tables.0.set.model.width', 5],
  },
  {
    what: 'an unknown key in a table',
    text: 'name: a\ntables:\n  - name: q\n    set: {sorce: 5}',
    carries: ['e.yaml:4:11: tables.0.set.sorce', '"tables.0.set.source"'],
  },
  { what: 'two tables of one name', text: 'name: a\ntables: [{name: q, set: {}}, {name: q, set: {}}]', carries: ['tables.1.name', '"q"'] },
  {
    what: 'two evaluations of one name',
    text: 'name: a\nevaluate: {envs: [{name: d, options: {}}, {name: d, options: {x: 1}}]}',
    carries: ['e.yaml:2:18: evaluate.envs'],
  },
  {
    what: 'an evaluation that would write over another table',
    text: 'name: a\nevaluate: {envs: [{name: q, options: {}}]}\ntables: [{name: q, set: {}}]',
    carries: ['tables.0.name', 'evaluate.envs.0'],
  },
  {
    what: 'a table that is called like the experiment',
    text: 'name: a\ntables: [{name: a, set: {}}]',
    carries: ['e.yaml:2:17: tables.0.name'],
  },
  {
    what: 'an evaluation that is called like the experiment',
    text: 'name: a\nevaluate: {envs: [{name: a, options: {}}]}',
    carries: ['evaluate.envs.0.name'],
  },
  { what: 'a table that is called like the data', text: 'name: a\ntables: [{name: main, set: {}}]', carries: ['tables.0.name'] },
  {
    what: 'a table that is called like another one elsewhere',
    text: 'name: a\nevaluate: {envs: [{name: e, options: {}}]}\ntables: [{name: q, set: {}}, {name: q-e, set: {}}]',
    carries: ['tables.1.name', 'tables.0'],
  },
  { what: 'a name longer than names of files', text: `name: ${'a'.repeat(101)}`, carries: ['name', 100] },
  { what: 'a name that is a folder above', text: 'name: ..', carries: ['e.yaml:1:7: name', '..'] },
  {
    what: 'a stride longer than a history',
    text: 'name: a\nsource: {episodes: 5, stride: 6}',
    carries: ['source.stride', 'source.episodes', 5],
  },
  {
    what: 'a rate that float32 does not hold',
    text: 'name: a\noptimizer: {learningRate: 1e-46}',
    carries: ['e.yaml:2:27: optimizer.learningRate', 'float32'],
  },
  { what: 'a weight that float32 does not hold', text: 'name: a\nfinetune: {gamma: 1e39}', carries: ['finetune.gamma', 'float32'] },
  { what: 'a weight that processors take for 0', text: 'name: a\nfinetune: {gamma: 1e-40}', carries: ['finetune.gamma', 'float32'] },
  { what: 'a decay that is 1 in float32', text: 'name: a\noptimizer: {beta2: 0.99999999999}', carries: ['optimizer.beta2', 'float32'] },
  { what: 'a width beyond any machine', text: 'name: a\nmodel: {width: 1000000000}', carries: ['model.width', 16384, 1000000000] },
  {
    what: 'more steps than can be counted',
    text: 'name: a',
    set: ['finetune.steps=16777217'],
    carries: ['--set finetune.steps=16777217', 16777216, 'float32'],
  },
  {
    what: 'more threads than any machine has cores',
    text: 'name: a',
    set: ['executor.threads=100000'],
    carries: ['executor.threads', 1024],
  },
  { what: 'an evaluation without options', text: 'name: a\nevaluate: {envs: [{name: q}]}', carries: ['evaluate.envs.0.options'] },
  { what: 'no tasks to draw', text: 'name: a\nsplit: {tasks: 0}', carries: ['split.tasks', 1, 0] },
  { what: 'an override without a value', text: 'name: a', set: ['seed'], carries: ['--set seed', 'key=value'] },
  { what: 'an override of nothing', text: 'name: a', set: ['model..width=1'], carries: ['--set model..width=1'] },
  {
    what: 'an override of a prototype',
    text: 'name: a',
    set: ['a.constructor.b=1'],
    carries: ['--set a.constructor.b=1', '"constructor"'],
  },
  {
    what: 'an override with a prototype inside',
    text: 'name: a',
    set: ['source.options={__proto__: {x: 1}}'],
    carries: ['--set source.options=', '"__proto__"'],
  },
  { what: 'an override that is not YAML', text: 'name: a', set: ['seeds=[1'], carries: ['--set seeds=[1', 'YAML'] },
  {
    what: 'an override of an unknown key',
    text: 'name: a',
    set: ['model.latent=3'],
    carries: ['--set model.latent=3', '"model.latents"'],
  },
  {
    what: 'an override out of range',
    text: 'name: a\nmodel: {latents: 4}',
    set: ['model.latents=0'],
    carries: ['--set model.latents=0', 1],
  },
  { what: 'an override below a value', text: 'name: a', set: ['name.x=1'], carries: ['--set name.x=1', '"a"'] },
  { what: 'an override past a list', text: 'name: a\nseeds: [1]', set: ['seeds.1=2'], carries: ['--set seeds.1=2', 1] },
  { what: 'a tag that changes what is read', text: 'name: a\nseeds: !!set {1, 2}', carries: ['e.yaml:2:8', '!!set'] },
  { what: 'a tag of ordered maps', text: 'name: a\nenv: !!omap [id: x]', carries: ['e.yaml:2:6', '!!omap'] },
  { what: 'a tag of bytes', text: 'name: !!binary aGk=', carries: ['e.yaml:1:7', '!!binary'] },
  { what: 'a directive that changes how numbers are read', text: '%YAML 1.1\n---\nname: a', carries: ['e.yaml:1:1', '%YAML'] },
  { what: 'a directive of tags', text: '# first\n%TAG !e! tag:x,2000:\n---\nname: a', carries: ['e.yaml:2:1', '%TAG'] },
  { what: 'a tag on the command line', text: 'name: a', set: ['seeds=!!set {1}'], carries: ['--set seeds=!!set {1}'] },
  { what: 'a second document', text: 'name: a\n---\nname: b', carries: ['e.yaml:2:1'] },
  { what: 'a document in a value', text: 'name: a', set: ['seeds=[1]\n---\n[2]'], carries: ['--set seeds=[1]'] },
  { what: 'a list as a key', text: 'name: a\n? [1]\n: 2', carries: ['e.yaml:2:3'] },
  { what: 'a number for a text', text: 'name: 0123', carries: ['e.yaml:1:7: name', 123] },
  { what: 'a list without brackets', text: 'name: a', set: ['seeds=0,1'], carries: ['--set seeds=0,1', "'seeds=[0,1]'"] },
  { what: 'one value for a list', text: 'name: a', set: ['seeds=3'], carries: ["'seeds=[3]'"] },
  { what: 'a key that many sections have', text: 'name: a', set: ['executor.id=web'], carries: [/unknown key; expected/, 'provider'] },
  { what: 'a comment in a value', text: 'name: a', set: ['seeds=[1] # two'], carries: ['--set seeds=[1] # two', '"# two"'] },
  { what: 'a comment behind quotes', text: 'name: a', set: ['name="b" #1'], carries: ['--set name="b" #1', '"#1"'] },
  { what: 'an override of no value', text: 'name: a', set: ['name='], carries: ['--set name=', '"="'] },
  {
    what: 'an unknown key that is unset',
    text: 'name: a',
    set: ['modle.width=null'],
    carries: ['--set modle.width=null', 'modle.width: '],
  },
  { what: 'a required key that is unset', text: 'name: a', set: ['name=null'], carries: ['--set name=null'] },
  { what: 'an item that is unset', text: 'name: a\nseeds: [1, 2]', set: ['seeds.0=null'], carries: ['--set seeds.0=null', 'seeds'] },
  {
    what: 'several values of one setting',
    text: 'name: a',
    set: ['model.latents=2,4,8'],
    carries: ['--set model.latents=2,4,8', 'cadenza ablate', '"2,4,8"'],
  },
  {
    what: 'a list of values of one setting',
    text: 'name: a',
    set: ['model.latents=[2, 4]'],
    carries: ['--set model.latents=[2, 4]', 'cadenza ablate', '[2,4]'],
  },
  {
    what: 'several choices',
    text: 'name: a',
    set: ['tokenizer=packed,interleaved'],
    carries: ['--set tokenizer=packed,interleaved', 'cadenza ablate'],
  },
  {
    what: 'an override that breaks a pair',
    text: 'name: a\nmodel: {width: 64}',
    set: ['model.heads=5'],
    carries: ['--set model.heads=5', 'model.width', 'model.heads', 5],
  },
];

describe('a bad configuration', () => {
  it.each(CASES)('$what', ({ text, set, carries }) => {
    expect(() => load(text, set)).toThrow(failure('E_CONFIG', ...carries));
  });

  it('may misspell a term of a list that names its keys', () => {
    expect(() => load('name: a\nfinetune: {auxiliary: {varianc: 1}}')).toThrow(
      failure('E_CONFIG', 'finetune.auxiliary', '"finetune.auxiliary.variance"'),
    );
  });

  it('reports every problem at once', () => {
    const all = () => load('name: a\nmodel:\n  widht: 3\nseed: -1', ['bogus=1', 'split.heldOut=x']);
    expect(all).toThrow(failure('E_CONFIG', 4, 'e.yaml:3:3', 'e.yaml:4:7', '--set bogus=1', '--set split.heldOut=x'));
  });

  it('may be a file that is missing, a folder, or no text', () => {
    const read = (file: string) => () => loadConfig(experimentSchema(), { file });
    expect(read('no/such.yaml')).toThrow(failure('E_CONFIG', 'no/such.yaml'));
    expect(read('test')).toThrow(failure('E_CONFIG', 'test'));
    expect(read('x'.repeat(5000))).toThrow(failure('E_CONFIG', 'ENAMETOOLONG'));
    expect(read('a\0b')).toThrow(failure('E_CONFIG', 'NUL'));
    const file = join(mkdtempSync(join(tmpdir(), 'cadenza-config-')), 'latin1.yaml');
    writeFileSync(file, Buffer.from('name: a\nselection: { note: M\u00fcller }', 'latin1'));
    expect(read(file)).toThrow(failure('E_CONFIG', file, 'UTF-8'));
    writeFileSync(file, `name: a\n#${'x'.repeat(2 ** 19)}`);
    expect(read(file)).toThrow(failure('E_CONFIG', file));
    rmSync(dirname(file), { recursive: true });
  });

  // None of these may take long: the limits of the test run are theirs.
  it.each([
    ['many keys', Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n'), [20001, 19981]],
    ['deep lists', `a: ${'['.repeat(20_000)}`, ['e.yaml:1:']],
    ['deep maps', '? '.repeat(5000), ['e.yaml:1:']],
    [
      'aliases of aliases',
      ['a: &a0 [1]', ...Array.from({ length: 30 }, (_, i) => `b${i}: &a${i + 1} [${`*a${i},`.repeat(9)}]`)].join('\n'),
      ['e.yaml'],
    ],
  ])('%s are refused', (_, text, carries) => {
    // In few words of our own: nothing of the stack, nor of the library.
    expect(() => load(text)).toThrow(failure('E_CONFIG', ...carries, /^(?![\s\S]*(?:stack|YAML\.|attack))[\s\S]{0,9999}$/));
  });

  it.each<[string, string[]]>([
    ['m=2', ['"model.latents"']],
    ['lr=1', ['"optimizer.learningRate"', '"finetune.learningRate"']],
    ['learningRate=1', ['"optimizer.learningRate"', '"teacher.learningRate"']],
    ['learning_rate=1', ['"optimizer.learningRate"']],
    ['batch_size=1', ['"optimizer.batch"']],
    ['model.lr=1', ['"optimizer.learningRate"']],
    ['finetune.lr=1', ['"finetune.learningRate"']],
    ['hidden_size=1', ['"model.width"']],
    ['n_layers=1', ['"model.encoderLayers"', '"model.decoderLayers"']],
    ['heldOut=1', ['"split.heldOut"']],
    ['thread=1', ['"executor.threads"']],
    ['epochs=1', ['"reinforce.epochs"']],
    ['zzzz.y=1', ['zzzz.y']],
  ])('--set %s names what may have been meant, by its full path', (override, carries) => {
    expect(() => load('name: a', [override])).toThrow(failure('E_CONFIG', `--set ${override}`, ...carries));
  });
});

describe('a good configuration', () => {
  it('needs only a name', () => {
    const config = load('name: tiny');
    expect(config.model).toMatchObject({ width: 64, heads: 4, latents: 8 });
    expect(config.tables).toEqual([]);
  });

  it('needs no loss on actions where returns are predicted', () => {
    const returns = ['policy.returns={episodes: 2, bins: 21, weight: 1}'];
    expect(load('name: a\ndistill: {alpha: 0}\nfinetune: {beta: 0}', returns).policy.returns).toEqual({ episodes: 2, bins: 21, weight: 1 });
    // What is not predicted leaves no trace in the settings, and so none in the keys of stages.
    expect(Object.keys(load('name: a').policy)).not.toContain('returns');
  });

  it('takes overrides in order, with YAML values, and leaves aliases apart', () => {
    const config = load('name: a\nteacher: &a {batch: 8}\ndistill: *a', [
      'teacher.batch=3',
      'seeds=[1, 2]',
      'seeds.1=7',
      'optimizer.learningRate=3e-4',
    ]);
    expect([config.teacher.batch, config.distill.batch, config.seeds, config.optimizer.learningRate]).toEqual([3, 8, [1, 7], 3e-4]);
  });

  it.each([
    ['see issue #12'],
    ['key: value'],
    ['1e5'],
    ['0123'],
    ['yes'],
    ['~'],
    ['&x y'],
    ['*x'],
    ['- a'],
    ['[a'],
    ['a, b'],
    [' spaces '],
    ['Müller 日本 ∞'],
    ['100% {a} | > !b'],
  ])('takes the text %j as it was typed', note => {
    expect(load('name: a', [`selection.note=${note}`]).selection.note).toBe(note);
    expect(load('name: a', [`selection.note=${JSON.stringify(note)}`]).selection.note).toBe(note);
  });

  it('takes a text in quotes as YAML does, and a chosen word without spaces around it', () => {
    expect(load('name: a', ["selection.note='null'"]).selection.note).toBe('null');
    expect(load('name: a', ['selection.note=""']).selection.note).toBe('');
    expect(load('name: a', ['tokenizer= interleaved ']).tokenizer).toBe('interleaved');
  });

  it('goes back to the default of a setting that is null', () => {
    const text = 'name: a\nsource: {maxTasks: 3}\nmodel: {width: 32}\nenv: {options: {size: 5}}';
    const config = load(text, ['source.maxTasks=null', 'model.width=null', 'env.options.size=null', 'finetune.beta=null']);
    expect(Object.keys(config.source)).not.toContain('maxTasks');
    expect([config.model.width, config.env.options]).toEqual([64, {}]);
    expect(load(text, ['model=null']).model.width).toBe(64);
  });

  it('comes through standard input, and is read once', async () => {
    for (const file of ['-', '/dev/stdin']) {
      const { child, ended } = start(['config', 'print', file, '--json'], { input: 'name: piped\nmodel: {width: 16}' });
      expect(child.pid).toBeDefined();
      const { status, stdout, stderr } = await ended;
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ name: 'piped', model: { width: 16 } });
    }
  }, 30_000);

  it('prints as YAML that reads back to itself', () => {
    const config = load('name: a\nteacher: {batch: 32}\ntables: [{name: q, set: {seeds: [4], source: {id: q}}}]');
    expect(load(formatConfig(config))).toEqual(config);
  });

  it('resolves the optimizer of a stage', () => {
    const config = load('name: a\noptimizer: {batch: 16}\nteacher: {learningRate: 0.01, weightDecay: 0}');
    expect(stageOptimizer(config, 'teacher')).toEqual({ ...config.optimizer, learningRate: 0.01, weightDecay: 0 });
    expect(stageOptimizer(config, 'distill')).toEqual(config.optimizer);
  });

  it('merges a table over the experiment, and drops the options of another source', () => {
    const config = load(
      'name: a\nsource: {id: p, options: {x: 1}, histories: 5}\ntables: [{name: q, set: {source: {id: q}, distill: {steps: 3}}}]',
    );
    const table = tableConfig(config, config.tables[0]);
    expect(table).toEqual({
      ...config,
      name: 'a-q',
      tables: [],
      source: { ...config.source, id: 'q', options: {} },
      distill: { ...config.distill, steps: 3 },
    });
  });

  it('takes options of the environment, drops them for another one, and lays those of an evaluation over them', () => {
    const config = load(
      'name: a\nenv: {id: x, options: {a: 1, b: 2}}\ntables: [{name: y, set: {env: {id: y}}}, {name: z, set: {env: {options: {b: 3}}}}]',
      ['env.options.a=5'],
    );
    expect(config.env).toEqual({ id: 'x', options: { a: 5, b: 2 } });
    expect(config.tables.map(table => tableConfig(config, table).env)).toEqual([{ id: 'y' }, { id: 'x', options: { a: 5, b: 3 } }]);
    expect(evaluatedAt(config, { name: 'n', options: { b: 7, c: 8 } })).toEqual({
      ...config,
      env: { id: 'x', options: { a: 5, b: 7, c: 8 } },
      trained: config,
    });
    expect(load('name: a').env).toEqual({ id: 'dark-room' });
  });

  it('has a schema in which every key is described', () => {
    const missing: string[] = [];
    const walk = ({ properties, items }: JsonSchema, path: string): void => {
      for (const [key, child] of Object.entries(properties ?? {})) {
        if (!child.description) missing.push(path + key);
        walk(child, `${path}${key}.`);
      }
      if (items) walk(items, path);
    };
    walk(configJsonSchema(experimentSchema()), '');
    expect(missing).toEqual([]);
  });

  it('is what the experiments in the repository are', () => {
    const file = fileURLToPath(new URL('../experiments/dark-room.yaml', import.meta.url));
    const config = loadConfig(experimentSchema(), { file });
    // The file is also the reference of all settings: it names every one.
    const { tables: _, ...settings } = config;
    const text = readFileSync(file, 'utf8');
    for (const key of Object.keys(settings)) expect(text).toContain(`\n${key}:`);
  });

  it('is what the presets keep to, each named by its file', async () => {
    const folder = fileURLToPath(new URL('../experiments/', import.meta.url));
    const presets = readdirSync(folder).filter(name => name.endsWith('.yaml'));
    expect(presets).toContain('key-to-door.yaml');
    for (const name of presets) expect(`${(await openExperiment(`${folder}${name}`)).config.name}.yaml`).toBe(name);
  });
});

describe('the nearest name', () => {
  it('counts a swap of neighbors as one edit', () => {
    expect([editDistance('widht', 'width'), editDistance('', 'abc'), editDistance('kitten', 'sitting')]).toEqual([1, 3, 3]);
    expect(nearest('Lerningrate', ['warmup', 'learningRate', 'clip'])).toBe('learningRate');
    expect(nearest('x', [])).toBeUndefined();
  });
});

it('names the kinds of experiments, and what tells them apart, as they are', () => {
  expect(KIND_NAMES).toEqual(KINDS.map(({ name }) => name));
  const keysOf = (kind: string) => Object.keys(configJsonSchema(KINDS.find(({ name }) => name === kind)!.schema()).properties!);
  expect(keysOf('reinforcement')).toEqual(expect.arrayContaining(REINFORCEMENT_KEYS));
  expect(keysOf('supervised').filter(key => REINFORCEMENT_KEYS.includes(key))).toEqual([]);
});
