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
import { stageOptimiser } from '../src/training/stages/index.ts';
import { configJsonSchema, formatConfig, type JsonSchema, loadConfig } from '../src/util/config.ts';
import { CadenzaError } from '../src/util/errors.ts';
import { editDistance, nearest } from '../src/util/nearest.ts';
import { start } from './helpers/command.ts';

const load = (text: string, overrides: string[] = []) => loadConfig(experimentSchema, { file: 'e.yaml', text, overrides });

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CadenzaError);
    expect((error as CadenzaError).code).toBe('E_CONFIG');
    return (error as CadenzaError).message;
  }
  throw new Error('expected an E_CONFIG, and nothing was thrown');
}

interface Case {
  what: string;
  text: string;
  set?: string[];
  /** Texts that the message must hold. */
  says: string[];
}

const CASES: Case[] = [
  { what: 'an empty file', text: '# nothing\n', says: ['e.yaml', 'empty', 'expected a map'] },
  { what: 'a list at the top', text: '- 1', says: ['e.yaml:1:1', 'expected a map of keys', 'came [1]'] },
  { what: 'broken YAML', text: 'name: a\nseeds: [1\nseed: 2', says: ['e.yaml:', 'not valid YAML'] },
  { what: 'an unknown tag', text: 'name: !foo a', says: ['e.yaml:1:7', 'tag'] },
  { what: 'a duplicate key', text: 'name: a\nname: b', says: ['e.yaml:2:1', '"name" is there twice'] },
  { what: 'a key that reaches a prototype', text: 'name: a\n__proto__: {x: 1}', says: ['e.yaml:2:1', '"__proto__" is not allowed'] },
  { what: 'a missing name', text: 'seed: 1', says: ['e.yaml:1:1', 'name: expected a text, came nothing'] },
  { what: 'an unknown key', text: 'name: a\nmodle: {}', says: ['e.yaml:2:1: modle: unknown key', '"model"'] },
  { what: 'an unknown key inside', text: 'name: a\nmodel:\n  widht: 3', says: ['e.yaml:3:3: model.widht: unknown key', '"model.width"'] },
  { what: 'an unknown key in a stage', text: 'name: a\nteacher: {learningrate: 1}', says: ['2:11', 'key is "teacher.learningRate"'] },
  { what: 'a mistyped value', text: 'name: a\nmodel:\n  width: wide', says: ['e.yaml:3:10: model.width: expected a number, came "wide"'] },
  { what: 'a fraction of a layer', text: 'name: a\nmodel: {encoderLayers: 2.5}', says: ['expected a whole number, came 2.5'] },
  { what: 'a value below its range', text: 'name: a\ncontext: {episodes: 0}', says: ['context.episodes: expected at least 1, came 0'] },
  {
    what: 'a value above its range',
    text: 'name: a\nsource: {noise: {max: 1.5}}',
    says: ['source.noise.max: expected at most 1, came 1.5'],
  },
  {
    what: 'an infinite value',
    text: 'name: a\npretrain: {lambdaCap: .inf}',
    says: ['pretrain.lambdaCap: expected a number, came Infinity'],
  },
  {
    what: 'an unknown option',
    text: 'name: a\ntokenizer: paked',
    says: ['expected one of packed, interleaved, came "paked"', 'nearest is "packed"'],
  },
  {
    what: 'an unknown kind of latents',
    text: 'name: a\nlatents: {kind: fqs}',
    says: ['e.yaml:2:17: latents.kind: expected one of continuous, variational, fsq, vq, came "fqs"', 'nearest is "fsq"'],
  },
  {
    what: 'more codes than can be told apart',
    text: 'name: a\nlatents: {levels: [1024, 1025]}',
    says: ['e.yaml:2:19: latents.levels: expected at most 1048576 codes (the product of the levels), came [1024,1025]'],
  },
  { what: 'an unknown item', text: 'name: a\nbaselines:\n  methods:\n    - nine', says: ['e.yaml:4:7: baselines.methods.0', '"none"'] },
  { what: 'no seeds', text: 'name: a\nseeds: []', says: ['e.yaml:2:8: seeds: expected at least 1 item, came []'] },
  { what: 'a seed twice', text: 'name: a\nseeds: [1, 1]', says: ['seeds: expected every training seed once, came [1,1]'] },
  { what: 'a section without content', text: 'name: a\nsplit:', says: ['split: expected a map of keys, came nothing'] },
  { what: 'a name that is no folder', text: 'name: a/b', says: ['e.yaml:1:7: name: expected letters', 'came "a/b"'] },
  {
    what: 'heads that do not divide the width',
    text: 'name: a\nmodel: {heads: 5}',
    says: ['e.yaml:2:1: model.width: expected a multiple of model.heads, which is 5, came 64'],
  },
  {
    what: 'a segment without a number of them',
    text: 'name: a\ncontext: {segment: 5}',
    says: ['e.yaml:2:1: context.segments: expected a number, because context.segment is given', 'came nothing'],
  },
  {
    what: 'a number of segments without their length',
    text: 'name: a\ncontext: {segments: 5}',
    says: ['context.segment: expected a number, because context.segments is given'],
  },
  { what: 'no distillation loss', text: 'name: a\ndistil: {alpha: 0}', says: ['expected distil.alpha or distil.beta above 0'] },
  {
    what: 'a teacher that is followed but not trained',
    text: 'name: a\nteacher: {steps: 0}\ndistil: {beta: 1}',
    says: ['e.yaml:3:16: distil.beta', 'teacher.steps is 0'],
  },
  {
    what: 'a teacher that only fine-tuning follows, not trained',
    text: 'name: a\nteacher: {steps: 0}\nfinetune: {beta: 1}',
    says: ['e.yaml:3:18: finetune.beta', 'teacher.steps is 0'],
  },
  {
    what: 'a prompt among tokens that do not see each other',
    text: 'name: a\npolicy: {query: state, prompt: {}}',
    says: ['policy.form: expected encoder-decoder', 'do not see each other'],
  },
  {
    what: 'a prompt where rollouts have none',
    text: 'name: a\npolicy: {prompt: {}}\nreinforce: {steps: 1}',
    says: ['reinforce.steps: expected 0 with policy.prompt'],
  },
  {
    what: 'a prompt where retrieval has none',
    text: 'name: a\npolicy: {prompt: {}, retrieval: {contexts: 2}}',
    says: ['policy.retrieval.contexts: expected 0 with policy.prompt'],
  },
  {
    what: 'a prompt where there is no learner to look on',
    text: 'name: a\npolicy: {prompt: {}}\nsource: {dataset: there}',
    says: ['source.dataset: expected none with policy.prompt'],
  },
  {
    what: 'fine-tuning without a loss on the policy',
    text: 'name: a\ndistil: {alpha: 0, beta: 1}\nfinetune: {beta: 0}',
    says: ['e.yaml:3:18: finetune.beta: expected distil.alpha or finetune.beta above 0'],
  },
  {
    what: 'a policy that nothing trains',
    text: 'name: a\ndistil: {steps: 0}\nfinetune: {steps: 0}',
    says: ['e.yaml:3:19: finetune.steps: expected distil.steps or finetune.steps above 0'],
  },
  {
    what: 'retrieved contexts that nothing trains on',
    text: 'name: a\npolicy: {retrieval: {contexts: 2}}\nretrieve: {steps: 0}',
    says: ['e.yaml:3:19: retrieve.steps: expected at least 1, because policy.retrieval.contexts is above 0'],
  },
  { what: 'a store twice', text: 'name: a\nretrieve: {stores: [own, own]}', says: ['retrieve.stores: expected every store once'] },
  {
    what: 'validation tasks that are not there',
    text: 'name: a\nevaluate: {tasks: validation}',
    says: ['split.validation: expected at least 1, because evaluate.tasks is validation, came 0'],
  },
  {
    what: 'a bad table',
    text: 'name: a\ntables:\n  - name: q\n    set: {model: {heads: 5}}',
    says: ['e.yaml:4:11: tables.0.set.model.width', 'which is 5'],
  },
  {
    what: 'an unknown key in a table',
    text: 'name: a\ntables:\n  - name: q\n    set: {sorce: 5}',
    says: ['e.yaml:4:11: tables.0.set.sorce', '"tables.0.set.source"'],
  },
  {
    what: 'two tables of one name',
    text: 'name: a\ntables: [{name: q, set: {}}, {name: q, set: {}}]',
    says: ['tables.1.name', 'came "q"'],
  },
  {
    what: 'two evaluations of one name',
    text: 'name: a\nevaluate: {envs: [{name: d, options: {}}, {name: d, options: {x: 1}}]}',
    says: ['e.yaml:2:18: evaluate.envs', 'every name once'],
  },
  {
    what: 'an evaluation that would write over another table',
    text: 'name: a\nevaluate: {envs: [{name: q, options: {}}]}\ntables: [{name: q, set: {}}]',
    says: ['tables.0.name', 'evaluate.envs.0 has this one'],
  },
  {
    what: 'a table that is called like the experiment',
    text: 'name: a\ntables: [{name: a, set: {}}]',
    says: ['e.yaml:2:17: tables.0.name', 'the experiment'],
  },
  {
    what: 'an evaluation that is called like the experiment',
    text: 'name: a\nevaluate: {envs: [{name: a, options: {}}]}',
    says: ['evaluate.envs.0.name', 'the experiment'],
  },
  { what: 'a table that is called like the data', text: 'name: a\ntables: [{name: main, set: {}}]', says: ['tables.0.name', 'the data'] },
  {
    what: 'a table that is called like another one elsewhere',
    text: 'name: a\nevaluate: {envs: [{name: e, options: {}}]}\ntables: [{name: q, set: {}}, {name: q-e, set: {}}]',
    says: ['tables.1.name', 'tables.0 at e'],
  },
  { what: 'a name longer than names of files', text: `name: ${'a'.repeat(101)}`, says: ['name: expected at most 100 characters'] },
  { what: 'a name that is a folder above', text: 'name: ..', says: ['name: expected letters'] },
  {
    what: 'a stride longer than a history',
    text: 'name: a\nsource: {episodes: 5, stride: 6}',
    says: ['source.stride: expected at most source.episodes, which is 5'],
  },
  {
    what: 'a rate that float32 does not hold',
    text: 'name: a\noptimiser: {learningRate: 1e-46}',
    says: ['e.yaml:2:27: optimiser.learningRate', 'float32'],
  },
  { what: 'a weight that float32 does not hold', text: 'name: a\nfinetune: {gamma: 1e39}', says: ['finetune.gamma', 'float32'] },
  { what: 'a weight that processors take for 0', text: 'name: a\nfinetune: {gamma: 1e-40}', says: ['finetune.gamma', 'float32'] },
  { what: 'a decay that is 1 in float32', text: 'name: a\noptimiser: {beta2: 0.99999999999}', says: ['optimiser.beta2', 'float32'] },
  {
    what: 'a width beyond any machine',
    text: 'name: a\nmodel: {width: 1000000000}',
    says: ['expected at most 16384, because', 'came 1000000000'],
  },
  {
    what: 'more steps than can be counted',
    text: 'name: a',
    set: ['finetune.steps=16777217'],
    says: ['--set', 'at most 16777216', 'float32'],
  },
  { what: 'more threads than any machine has cores', text: 'name: a', set: ['executor.threads=100000'], says: ['at most 1024'] },
  { what: 'an evaluation without options', text: 'name: a\nevaluate: {envs: [{name: q}]}', says: ['evaluate.envs.0.options'] },
  { what: 'no tasks to draw', text: 'name: a\nsplit: {tasks: 0}', says: ['split.tasks: expected at least 1, came 0'] },
  { what: 'an override without a value', text: 'name: a', set: ['seed'], says: ['--set seed: expected key=value'] },
  { what: 'an override of nothing', text: 'name: a', set: ['model..width=1'], says: ['--set model..width=1', 'is empty'] },
  {
    what: 'an override of a prototype',
    text: 'name: a',
    set: ['a.constructor.b=1'],
    says: ['--set a.constructor.b=1: the key "constructor" is not allowed'],
  },
  {
    what: 'an override with a prototype inside',
    text: 'name: a',
    set: ['source.options={__proto__: {x: 1}}'],
    says: ['--set', '"__proto__" is not allowed'],
  },
  { what: 'an override that is not YAML', text: 'name: a', set: ['seeds=[1'], says: ['--set seeds=[1: the value: not valid YAML'] },
  {
    what: 'an override of an unknown key',
    text: 'name: a',
    set: ['model.latent=3'],
    says: ['--set model.latent=3: model.latent: unknown key', '"model.latents"'],
  },
  {
    what: 'an override out of range',
    text: 'name: a\nmodel: {latents: 4}',
    set: ['model.latents=0'],
    says: ['--set model.latents=0: model.latents: expected at least 1, came 0'],
  },
  {
    what: 'an override below a value',
    text: 'name: a',
    set: ['name.x=1'],
    says: ['--set name.x=1: expected a map of keys at name, came "a"'],
  },
  { what: 'an override past a list', text: 'name: a\nseeds: [1]', set: ['seeds.1=2'], says: ['--set seeds.1=2: seeds is a list of 1'] },
  { what: 'a tag that changes what is read', text: 'name: a\nseeds: !!set {1, 2}', says: ['e.yaml:2:8', '!!set'] },
  { what: 'a tag of ordered maps', text: 'name: a\nenv: !!omap [id: x]', says: ['e.yaml:2:6', '!!omap'] },
  { what: 'a tag of bytes', text: 'name: !!binary aGk=', says: ['e.yaml:1:7', '!!binary'] },
  { what: 'a directive that changes how numbers are read', text: '%YAML 1.1\n---\nname: a', says: ['e.yaml:1:1', '%YAML'] },
  { what: 'a directive of tags', text: '# first\n%TAG !e! tag:x,2000:\n---\nname: a', says: ['e.yaml:2:1', '%TAG'] },
  { what: 'a tag on the command line', text: 'name: a', set: ['seeds=!!set {1}'], says: ['--set seeds=!!set {1}: the value', '!!set'] },
  { what: 'a second document', text: 'name: a\n---\nname: b', says: ['e.yaml:2:1', 'second document'] },
  { what: 'a document in a value', text: 'name: a', set: ['seeds=[1]\n---\n[2]'], says: ['second document'] },
  { what: 'a list as a key', text: 'name: a\n? [1]\n: 2', says: ['e.yaml:2:3', 'a name'] },
  { what: 'a number for a text', text: 'name: 0123', says: ['e.yaml:1:7: name: expected a text, came 123', 'quotes'] },
  { what: 'a comment in a value', text: 'name: a', set: ['seeds=[1] # two'], says: ['--set seeds=[1] # two', '"# two" would be dropped'] },
  { what: 'a comment behind quotes', text: 'name: a', set: ['name="b" #1'], says: ['would be dropped'] },
  { what: 'an override of no value', text: 'name: a', set: ['name='], says: ['--set name=: there is nothing after "="'] },
  { what: 'an unknown key that is unset', text: 'name: a', set: ['modle.width=null'], says: ['modle.width: unknown key'] },
  {
    what: 'a required key that is unset',
    text: 'name: a',
    set: ['name=null'],
    says: ['--set name=null: name: expected a text, came nothing'],
  },
  { what: 'an item that is unset', text: 'name: a\nseeds: [1, 2]', set: ['seeds.0=null'], says: ['no default', 'seeds'] },
  { what: 'several values of one setting', text: 'name: a', set: ['model.latents=2,4,8'], says: ['cadenza ablate', 'came "2,4,8"'] },
  { what: 'a list of values of one setting', text: 'name: a', set: ['model.latents=[2, 4]'], says: ['cadenza ablate', 'came [2,4]'] },
  { what: 'several choices', text: 'name: a', set: ['tokenizer=packed,interleaved'], says: ['cadenza ablate'] },
  {
    what: 'an override that breaks a pair',
    text: 'name: a\nmodel: {width: 64}',
    set: ['model.heads=5'],
    says: ['--set model.heads=5: model.width: expected a multiple'],
  },
];

describe('a bad configuration', () => {
  it.each(CASES)('$what', ({ text, set, says }) => {
    const message = failure(() => load(text, set));
    for (const part of says) expect(message).toContain(part);
  });

  it('is told whole: every problem at once', () => {
    const message = failure(() => load('name: a\nmodel:\n  widht: 3\nseed: -1', ['bogus=1', 'split.heldOut=x']));
    expect(message).toMatch(/^4 problems:\n {2}/);
    for (const part of ['e.yaml:3:3', 'e.yaml:4:7', '--set bogus=1', '--set split.heldOut=x']) expect(message).toContain(part);
  });

  it('may be a file that is missing, a folder, or no text', () => {
    expect(failure(() => loadConfig(experimentSchema, { file: 'no/such.yaml' }))).toContain('no/such.yaml: there is no such file');
    expect(failure(() => loadConfig(experimentSchema, { file: 'test' }))).toContain('test: this is a folder');
    expect(failure(() => loadConfig(experimentSchema, { file: 'x'.repeat(5000) }))).toContain('ENAMETOOLONG');
    expect(failure(() => loadConfig(experimentSchema, { file: 'a\0b' }))).toContain('NUL');
    const file = join(mkdtempSync(join(tmpdir(), 'cadenza-config-')), 'latin1.yaml');
    writeFileSync(file, Buffer.from('name: a\nselection: { note: M\u00fcller }', 'latin1'));
    expect(failure(() => loadConfig(experimentSchema, { file }))).toContain('UTF-8');
    writeFileSync(file, `name: a\n#${'x'.repeat(2 ** 19)}`);
    expect(failure(() => loadConfig(experimentSchema, { file }))).toContain('too many');
    rmSync(dirname(file), { recursive: true });
  });

  // None of these may take long: the limits of the test run are theirs.
  it.each([
    ['many keys', Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n'), ['20001 problems', 'and 19981 more']],
    ['deep lists', `a: ${'['.repeat(20_000)}`, ['e.yaml:1:', 'nested too deeply']],
    ['deep maps', '? '.repeat(5000), ['e.yaml:1:', 'nested too deeply']],
    [
      'aliases of aliases',
      ['a: &a0 [1]', ...Array.from({ length: 30 }, (_, i) => `b${i}: &a${i + 1} [${`*a${i},`.repeat(9)}]`)].join('\n'),
      ['aliases'],
    ],
  ])('%s are refused', (_, text, says) => {
    const message = failure(() => load(text));
    for (const part of says) expect(message).toContain(part);
    expect(message).not.toMatch(/call stack|YAML\.|attack/);
    expect(message.length).toBeLessThan(10_000);
  });

  it.each<[string, string[]]>([
    ['m=2', ['"model.latents"']],
    ['lr=1', ['"optimiser.learningRate"', '"finetune.learningRate"']],
    ['learningRate=1', ['"optimiser.learningRate"', '"teacher.learningRate"']],
    ['learning_rate=1', ['"optimiser.learningRate"']],
    ['batch_size=1', ['"optimiser.batch"']],
    ['model.lr=1', ['"optimiser.learningRate"']],
    ['finetune.lr=1', ['the nearest known key is "finetune.learningRate"']],
    ['hidden_size=1', ['"model.width"']],
    ['n_layers=1', ['"model.encoderLayers"', '"model.decoderLayers"']],
    ['heldOut=1', ['"split.heldOut"']],
    ['thread=1', ['"executor.threads"']],
    ['epochs=1', ['"reinforce.epochs"']],
    ['zzzz.y=1', ['unknown key']],
  ])('--set %s names what may have been meant, by its full path', (override, says) => {
    const message = failure(() => load('name: a', [override]));
    for (const part of says) expect(message).toContain(part);
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
    expect(load('name: a\ndistil: {alpha: 0}\nfinetune: {beta: 0}', returns).policy.returns).toEqual({ episodes: 2, bins: 21, weight: 1 });
    // What is not predicted leaves no trace in the settings, and so none in the keys of stages.
    expect(Object.keys(load('name: a').policy)).not.toContain('returns');
  });

  it('takes overrides in order, with YAML values, and leaves aliases apart', () => {
    const config = load('name: a\nteacher: &a {batch: 8}\ndistil: *a', [
      'teacher.batch=3',
      'seeds=[1, 2]',
      'seeds.1=7',
      'optimiser.learningRate=3e-4',
    ]);
    expect([config.teacher.batch, config.distil.batch, config.seeds, config.optimiser.learningRate]).toEqual([3, 8, [1, 7], 3e-4]);
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

  it('resolves the optimiser of a stage', () => {
    const config = load('name: a\noptimiser: {batch: 16}\nteacher: {learningRate: 0.01, weightDecay: 0}');
    expect(stageOptimiser(config, 'teacher')).toEqual({ ...config.optimiser, learningRate: 0.01, weightDecay: 0 });
    expect(stageOptimiser(config, 'distil')).toEqual(config.optimiser);
  });

  it('merges a table over the experiment, and drops the options of another source', () => {
    const config = load(
      'name: a\nsource: {options: {x: 1}, histories: 5}\ntables: [{name: q, set: {source: {id: q}, distil: {steps: 3}}}]',
    );
    const table = tableConfig(config, config.tables[0]);
    expect(table).toEqual({
      ...config,
      name: 'a-q',
      tables: [],
      source: { ...config.source, id: 'q', options: {} },
      distil: { ...config.distil, steps: 3 },
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
    walk(configJsonSchema(experimentSchema), '');
    expect(missing).toEqual([]);
  });

  it('is what the experiments in the repository are', () => {
    const file = fileURLToPath(new URL('../experiments/dark-room.yaml', import.meta.url));
    const config = loadConfig(experimentSchema, { file });
    // The file is also the reference of all settings: it names every one.
    const { tables: _, ...settings } = config;
    const text = readFileSync(file, 'utf8');
    for (const key of Object.keys(settings)) expect(text).toContain(`\n${key}:`);
  });

  it('is what the presets keep to, each named by its file', () => {
    const folder = fileURLToPath(new URL('../experiments/', import.meta.url));
    const presets = readdirSync(folder).filter(name => name.endsWith('.yaml'));
    expect(presets).toContain('key-to-door.yaml');
    for (const name of presets) expect(`${openExperiment(`${folder}${name}`).config.name}.yaml`).toBe(name);
  });
});

describe('the nearest name', () => {
  it('counts a swap of neighbours as one edit', () => {
    expect([editDistance('widht', 'width'), editDistance('', 'abc'), editDistance('kitten', 'sitting')]).toEqual([1, 3, 3]);
    expect(nearest('Lerningrate', ['warmup', 'learningRate', 'clip'])).toBe('learningRate');
    expect(nearest('x', [])).toBeUndefined();
  });
});

it('names the kinds of experiments in its help as they are', () => {
  expect(KIND_NAMES).toEqual(KINDS.map(({ name }) => name));
});
