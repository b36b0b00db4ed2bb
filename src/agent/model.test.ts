import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { BATCH, build, MODELS, rooms } from '../../test/helpers/models.ts';
import { compressor, compressors, latentKinds } from '../compressor/index.ts';
import { input, inputsOf, interpret, nodesOf, slice, type Tensor } from '../engine/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import { measuresOf, ReconstructionScore } from '../statistics/index.ts';
import { STATISTICS, stepsSeen } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { INFERENCE_INPUTS, type Model, PARTS, weighted, withWeights } from './model.ts';
import { lossTerms, Pass, type TeacherKind } from './terms.ts';

const KINDS = ['bottleneck', 'full', 'truncated', 'mean-pool', 'pca', 'none'];

/** Calls of the policy that a batch stands for: one an episode, or one a step where each sees one state. */
const rowsOf = (model: Model) => (model.tokenizer.stateOnly ? BATCH * model.family.horizon : BATCH);

const weightsOf = (scope: Scope, seed = 0) => initialize(scope.table.values(), Random.seeded(seed));

/** Values of scalars, in the interpreter. */
function values(scalars: Record<string, Tensor>, feeds: Record<string, ArrayLike<number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(interpret({ outputs: scalars }, feeds)).map(([name, [value]]) => [name, value]));
}

/** The terms of one pass, by their names. */
function losses(model: Model, scope: Scope, kind: string, batch: number, teacher: TeacherKind) {
  const pass = new Pass(model, scope, kind, batch, { teacher });
  const { latents, inputs } = pass;
  const term = (id: string) => lossTerms.get(id).compute(pass)!;
  return { latents, z: latents?.trained, context: inputs.context, task: term('task'), kl: () => term('kl'), returns: term('returns') };
}

describe.each(Object.entries(MODELS))('the model %s', (_, [tokenizer, overrides = [], family = rooms]) => {
  const { model, batch } = build(tokenizer, overrides, family);

  it.each(KINDS)('has finite losses with %s', kind => {
    const scope = new Scope();
    const { latents, z, context, task, kl, returns } = losses(model, scope, kind, BATCH, 'model');
    const rest: Record<string, Tensor> = z ? { capacity: latents!.capacity!, rec: model.reconstruction(scope, z, { context }).loss } : {};
    const found = values({ task, kl: kl(), ...rest, ...(returns && { returns }) }, { ...batch, ...Object.fromEntries(weightsOf(scope)) });
    for (const [name, value] of Object.entries(found)) {
      expect(Number.isFinite(value), name).toBe(true);
      expect(value, name).toBeGreaterThan(0);
    }
    const parts = Object.keys(PARTS).filter(part => kind !== 'none' || !['compressor', 'decoder'].includes(part));
    if (compressor(kind).fit) parts.push(STATISTICS);
    expect([...new Set([...scope.table.keys()].map(name => name.split('.')[0]))].sort()).toEqual(parts.sort());
  });

  it('is at a divergence of 0 from itself and above 0 from another', () => {
    const scope = new Scope();
    const kl = losses(model, scope, 'full', BATCH, 'model').kl();
    const agent = new Map([...weightsOf(scope)].filter(([name]) => !name.startsWith('teacher.')));
    const teacher = (source: Map<string, Float32Array>) => [...source].map(([name, data]) => [`teacher.${name}`, data] as const);
    const feeds = { ...batch, ...Object.fromEntries(agent) };
    expect(values({ kl }, { ...feeds, ...Object.fromEntries(teacher(agent)) }).kl).toBeCloseTo(0, 10);
    const another = new Map([...weightsOf(scope, 1)].filter(([name]) => agent.has(name)));
    expect(values({ kl }, { ...feeds, ...Object.fromEntries(teacher(another)) }).kl).toBeGreaterThan(1e-3);
  });

  it('is at a divergence of 0 from a table of its own probabilities, which needs no teacher parameters', () => {
    const scope = new Scope();
    const kl = losses(model, scope, 'none', BATCH, 'table').kl();
    const weights = Object.fromEntries(weightsOf(scope));
    const { act } = model.inference('none', { compress: 1, act: rowsOf(model) });
    const { probabilities } = interpret(act, { ...weights, query: batch.query });
    expect(Object.keys(weights).some(name => name.startsWith('teacher'))).toBe(false);
    expect(values({ kl }, { ...batch, ...weights, teacher: probabilities }).kl).toBeCloseTo(0, 10);
  });

  it.each(KINDS)('acts with %s by what was trained: the task loss is the cross-entropy of its probabilities', kind => {
    const scope = new Scope();
    const { task } = losses(model, scope, kind, BATCH, 'absent');
    const weights = weightsOf(scope);
    const { compress, act, latentShape } = model.inference(kind, { compress: BATCH, act: rowsOf(model) });
    const data = new Set(['context', 'query', 'latents']);
    const compressed = compress ? interpret(withWeights(compress, weights, data), { context: batch.context }).latents : [];
    expect(compressed.length).toBe(latentShape ? latentShape.reduce((a, b) => a * b, BATCH) : 0);
    // Each of the calls for single states gets the latents of its episode.
    const latents = Array.from({ length: rowsOf(model) }, (_, row) => {
      const b = Math.floor((row * BATCH) / rowsOf(model));
      return [...compressed.slice((b * compressed.length) / BATCH, ((b + 1) * compressed.length) / BATCH)];
    }).flat();
    const { probabilities } = interpret(withWeights(act, weights, data), { query: batch.query, latents });
    const actions = model.head.distribution.size;
    let [sum, count] = [0, 0];
    for (let row = 0; row < BATCH * family.horizon; row++) {
      if (!batch.weight[row]) continue;
      count++;
      for (let a = row * actions; a < (row + 1) * actions; a++) sum -= batch.target[a] * Math.log(probabilities[a]);
    }
    expect(values({ task }, { ...batch, ...Object.fromEntries(weights) }).task).toBeCloseTo(sum / count, 5);
  });

  it('says how it attends to what it reads when it is asked, with weights that sum to 1, and does the same', () => {
    const sizes = { compress: 1, act: rowsOf(model) };
    if (model.policyOptions.prefix) {
      expect(() => model.inference('bottleneck', sizes, { attention: true })).toThrow(failure('E_SHAPE'));
      return;
    }
    const [plain, asked] = [false, true].map(attention => model.inference('bottleneck', sizes, { attention }).act);
    expect([Object.keys(plain.outputs), Object.keys(asked.outputs)]).toEqual([['probabilities'], ['probabilities', 'attention']]);
    expect(nodesOf(plain).length).toBeLessThan(nodesOf(asked).length);
    const scope = new Scope();
    losses(model, scope, 'bottleneck', BATCH, 'absent');
    const latents = Float32Array.from({ length: rowsOf(model) * 16 }, (_, i) => Math.sin(i));
    const feeds = { ...Object.fromEntries(weightsOf(scope)), query: batch.query, latents };
    const [before, { probabilities, attention }] = [plain, asked].map(graph => interpret(graph, feeds));
    expect(probabilities).toEqual(before.probabilities);
    const { layers, crossLayers = [...Array(layers).keys()], heads } = model.policyOptions;
    const { shape } = asked.outputs.attention;
    expect(shape.slice(0, -1)).toEqual([rowsOf(model), stepsSeen(model.tokenizer, model.segment), crossLayers.length, heads]);
    const width = shape[shape.length - 1];
    expect(width).toBeGreaterThanOrEqual(2);
    for (let row = 0; row < attention.length; row += width) {
      const weights = attention.slice(row, row + width);
      expect(weights.every(weight => weight >= 0)).toBe(true);
      expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 10);
    }
    // Not every query looks alike.
    expect(new Set(attention).size).toBeGreaterThan(width);
  });

  it('gives contexts back as the loss sees them: accuracies and recall are those of a score kept aside', () => {
    const scope = new Scope();
    const { context } = model.inputs(BATCH);
    const z = model.latents(scope, 'bottleneck', { context })!.settled;
    const { metrics, fields } = model.reconstruction(scope, z, { context });
    const weights = weightsOf(scope);
    const feeds = { ...batch, ...Object.fromEntries(weights) };
    const found = values({ ...metrics, ...fields }, feeds);
    const latents = interpret({ outputs: { z } }, feeds).z;
    const given = interpret(withWeights(model.decoder('bottleneck', BATCH), weights, new Set(['latents'])), { latents });
    const layout = model.tokenizer.context;
    const score = new ReconstructionScore(layout, model.contextTokens);
    score.add(given.context, batch.context);
    const means = score.means(1, () => 0);
    for (const [m, { name, measure }] of measuresOf(layout.fields).entries()) {
      const key = { accuracy: `accuracy.${name}`, recall: `recall.${name.replace(' events', '')}`, 'squared error': name }[measure];
      expect(means[m].all ?? 0, key).toBeCloseTo(found[key], 5);
    }
  });
});

describe.each(latentKinds.all)('the graphs of $id latents', ({ id, discrete }) => {
  const { model, batch } = build('packed', [`latents.kind=${id}`, 'latents.groups=2', 'latents.codes=16', 'latents.codeWidth=3']);
  const scope = new Scope();
  const { latents } = losses(model, scope, 'bottleneck', BATCH, 'absent');
  const weights = initialize([...scope.table.values(), ...scope.buffers.values()], Random.seeded(0));
  const graphs = model.inference('bottleneck', { compress: BATCH, act: BATCH });
  const data = new Set(['context', 'query', 'latents', 'codes']);
  const compressed = () => interpret(withWeights(graphs.compress!, weights, data), { context: batch.context });

  it('need nothing but the context, and give what the training graph calls settled', () => {
    const expected = interpret({ outputs: { z: latents!.settled } }, { ...batch, ...Object.fromEntries(weights) }).z;
    expect([...compressed().latents]).toEqual([...expected]);
    expect(Object.keys(graphs.compress!.outputs)).toEqual(discrete ? ['latents', 'codes'] : ['latents']);
  });

  it('give the codes, and the latents of codes, where there are any', () => {
    expect(Boolean(graphs.decode)).toBe(Boolean(discrete));
    expect(graphs.codes).toEqual(discrete && { shape: [2, 2], size: id === 'vq' ? 16 : 1000 });
    if (!graphs.decode) return;
    const { codes, latents: z } = compressed();
    const { latents: back } = interpret(withWeights(graphs.decode, weights, data), { codes });
    back.forEach((value, i) => {
      expect(value).toBeCloseTo(z[i], 10);
    });
  });

  it('leave a teacher that sees everything as it is', () => {
    expect(model.latentKind('full').id).toBe('continuous');
    expect(model.inference('full', { compress: 1, act: 1 }).codes).toBeUndefined();
  });
});

describe('the form of the policy', () => {
  const blocks = (...overrides: string[]) => {
    const scope = new Scope();
    losses(build('packed', ['model.decoderLayers=3', ...overrides]).model, scope, 'bottleneck', BATCH, 'absent');
    const names = [...scope.table.keys()].filter(name => name.startsWith('policy.'));
    return [...new Set(names.map(name => name.split('.').slice(1, 3).join('.')))].filter(name => /^(block|encoder)/.test(name));
  };
  const all = ['block0', 'block1', 'block2'];

  it('attends to Z in every layer by default', () => {
    expect(blocks().filter(name => name.endsWith('cross'))).toEqual(all.map(block => `${block}.cross`));
    expect(blocks('policy.crossLayers=[0, 2]').filter(name => name.endsWith('cross'))).toEqual(['block0.cross', 'block2.cross']);
  });

  it('has blocks over Z in the encoder-decoder form alone', () => {
    const encoders = (...overrides: string[]) => blocks(...overrides).filter(name => name.startsWith('encoder'));
    expect(encoders('policy.encoderLayers=2')).toEqual([]);
    expect(encoders('policy.architecture=encoder-decoder', 'policy.encoderLayers=2')).toEqual([
      'encoder0.self',
      'encoder0.ffn',
      'encoder1.self',
      'encoder1.ffn',
    ]);
  });

  it('has no self-attention and no place where it sees one state', () => {
    expect(blocks('policy.query=state').filter(name => name.endsWith('self'))).toEqual([]);
    const { act } = build('packed', ['policy.query=state']).model.inference('bottleneck', { compress: 1, act: 2 });
    const inputs = inputsOf(act);
    expect([...inputs.keys()].filter(name => name.includes('embed'))).toEqual(['policy.embed.weight', 'policy.embed.bias']);
    expect(inputs.get('query')!.shape.slice(0, 2)).toEqual([2, 1]);
    expect(act.outputs.probabilities.shape).toEqual([2, 1, 5]);
  });

  it.each([
    ['policy.crossLayers=[0, 3]', 'policy.crossLayers', 'model.decoderLayers', 3],
    ['policy={architecture: prefix, crossLayers: [0]}', 'policy.crossLayers'],
    ['policy={architecture: prefix, query: state}', 'policy.query'],
    ['policy={architecture: prefix, retrieval: {contexts: 1}}', 'policy.retrieval.contexts'],
    ['policy.crossLayers=[1, 0]', 'policy.crossLayers'],
    ['policy.prompt.styles=[]', 'policy.prompt.styles'],
    ['policy.prompt.length=5', 'policy.prompt.length', 4],
    ['model.rewards=[1, 1]', 'model.rewards'],
  ])('refuses %s', (override, ...needles) => {
    expect(() => blocks(override)).toThrow(failure('E_CONFIG', ...needles));
  });

  it('refuses rotary positions on heads of odd width', () => {
    const odd = () => blocks('model.width=12', 'model.heads=4', 'model.positions=rotary');
    expect(odd).toThrow(failure('E_CONFIG', 'model.positions', 'model.width', 'model.heads'));
  });
});

describe.each([
  ['policy.architecture=decoder'],
  ['policy.architecture=encoder-decoder'],
  ['model.positions=rotary'],
  ['policy.query=state'],
])('retrieved contexts, with %s', override => {
  const K = 3;
  const { model, batch } = build('packed', [override]);
  const rows = rowsOf(model);
  const M = model.latentShape('bottleneck')!;
  const random = Random.seeded(7);
  const normals = (length: number) => Array.from({ length }, () => random.normal());
  const width = M[0] * M[1];
  const latents = normals(rows * width);
  const retrieved = normals(rows * K * width);
  const { act } = model.inference('bottleneck', { compress: 1, act: rows }, { retrieved: K });
  const plain = model.inference('bottleneck', { compress: 1, act: rows });
  const scope = new Scope();
  model.logits(scope, model.inputs(BATCH).query, input('latents', [BATCH, ...M]), model.retrievedInputs(BATCH, K, M));
  const fresh = weightsOf(scope);
  // After training, the own embedding is not 0 any more.
  const weights = new Map(fresh).set('policy.retrieved.own', Float32Array.from(normals(M[1])));
  const run = (
    feeds: { query?: ArrayLike<number>; latents?: ArrayLike<number>; retrieved?: ArrayLike<number>; present: ArrayLike<number> },
    by = weights,
  ) => [...interpret(withWeights(act, by, INFERENCE_INPUTS), { query: batch.query, latents, retrieved, ...feeds }).probabilities];
  const every = new Array(rows * K).fill(1);
  const two = every.map((_, i) => (i % K < 2 ? 1 : 0));

  it('reach the policy, each of them by its rank', () => {
    const all = run({ present: every });
    expect(run({ present: two })).not.toEqual(all);
    // The first two ranks exchange their contexts.
    const swapped = retrieved.map((_, i) => {
      const [row, k, j] = [Math.floor(i / (K * width)), Math.floor(i / width) % K, i % width];
      return retrieved[(row * K + (k < 2 ? 1 - k : k)) * width + j];
    });
    expect(run({ retrieved: swapped, present: every })).not.toEqual(all);
  });

  it('leave no trace in slots that are empty', () => {
    const other = retrieved.map((value, i) => (Math.floor(i / width) % K < 2 ? value : 1e3 * value));
    expect(run({ retrieved: other, present: two })).toEqual(run({ present: two }));
  });

  it('leave a fresh policy without any as the plain one, which has no parameters for them', () => {
    const nothing = new Array(rows * K).fill(0);
    const alone = [...interpret(withWeights(plain.act, fresh, INFERENCE_INPUTS), { query: batch.query, latents }).probabilities];
    expect(run({ present: nothing }, fresh)).toEqual(alone.map(value => expect.closeTo(value, 12)));
    expect([...inputsOf(plain.act).keys()].filter(name => /retrieved|present/.test(name))).toEqual([]);
  });

  it('go with their row: a permuted batch permutes the output', () => {
    const turned = <T>(values: ArrayLike<T>) => {
      const all = Array.from(values);
      const one = all.length / rows;
      return [...all.slice(one), ...all.slice(0, one)];
    };
    const permuted = { query: turned(batch.query), latents: turned(latents), retrieved: turned(retrieved), present: turned(two) };
    expect(run(permuted)).toEqual(turned(run({ present: two })).map(value => expect.closeTo(value, 12)));
  });
});

describe('withWeights', () => {
  const { model } = build('packed');
  const { act } = model.inference('none', { compress: 1, act: 1 });
  const scope = new Scope();
  losses(model, scope, 'none', 1, 'absent');

  it.each([
    ['is missing', undefined, []],
    ['has another size', new Float32Array(3), [3]],
  ])('says which parameter %s', (_, data, found) => {
    const weights = weightsOf(scope);
    if (data) weights.set('policy.head.weight', data);
    else weights.delete('policy.head.weight');
    expect(() => withWeights(act, weights, new Set(['query']))).toThrow(
      failure('E_CHECKPOINT', '"policy.head.weight"', '[8, 5]', ...found),
    );
  });
});

describe('weighted', () => {
  it('never builds the loss of a weight of 0', () => {
    const absent = () => {
      throw new Error('built');
    };
    const { model, batch } = build('packed');
    const scope = new Scope();
    const { task } = losses(model, scope, 'none', BATCH, 'absent');
    const loss = weighted([
      [2, () => task],
      [0, absent],
    ]);
    const found = values({ loss, task }, { ...batch, ...Object.fromEntries(weightsOf(scope)) });
    expect(found.loss).toBeCloseTo(2 * found.task, 10);
  });
});

it('names the compressor whose output has another shape', () => {
  const own = compressor('mean-pool');
  compressors.register({ ...own, id: 'flat', compress: (scope, x, options) => slice(own.compress(scope, x, options), 1, 0, 1) });
  const { model } = build('packed', ['compressor=flat']);
  expect(() => model.inference('flat', { compress: 1, act: 1 })).toThrow(
    failure('E_SHAPE', '"flat"', 'compress', '[1, 1, 8]', '[1, 2, 8]'),
  );
});
