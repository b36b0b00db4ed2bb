import { describe, expect, it } from 'vitest';
import { BATCH, build, MODELS, rooms } from '../../test/helpers/models.ts';
import { compressors } from '../compressor/index.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { type Graph, type HostTensor, inputsOf, interpret, optimize, sizeOf, toOnnx } from '../engine/index.ts';
import { stepsSeen } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { type Asked, INFERENCE_INPUTS, type Model, withWeights } from './model.ts';
import { segmentGraphs, stepGraphs } from './steps.ts';

type Numbers = Record<string, ArrayLike<number>>;
/** Runs a graph with all its parameters among the numbers. */
type Run = (graph: Graph, feeds: Numbers) => Promise<Record<string, ArrayLike<number>>>;

const reference: Run = async (graph, feeds) => interpret(graph, feeds);

const executor = nodeExecutor({ threads: 1 });
const compiled: Run = async (graph, feeds) => {
  const inputs = inputsOf(graph);
  const weights = new Map(
    [...inputs].filter(([name]) => !INFERENCE_INPUTS.has(name)).map(([name]) => [name, Float32Array.from(feeds[name])]),
  );
  const program = await executor.compile(toOnnx(optimize(withWeights(graph, weights, INFERENCE_INPUTS))));
  const host = [...inputs]
    .filter(([name]) => INFERENCE_INPUTS.has(name))
    .map(([name, { shape, dtype }]): [string, HostTensor] => {
      const data = dtype === 'int32' ? Int32Array.from(feeds[name]) : Float32Array.from(feeds[name]);
      return [name, { data, shape, dtype }];
    });
  const found = await program.run(Object.fromEntries(host), Object.keys(graph.outputs));
  await program.dispose();
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, data]));
};

const random = Random.seeded(5);
const normals = (length: number) => Float32Array.from({ length }, () => 0.4 * random.normal());

/** Numbers for the parameters of graphs. */
function parameters(...graphs: readonly (Graph | undefined)[]): Numbers {
  const found: Record<string, Float32Array> = {};
  for (const graph of graphs)
    for (const [name, { shape }] of graph ? inputsOf(graph) : [])
      if (!INFERENCE_INPUTS.has(name)) found[name] ??= name.endsWith('deviation') ? normals(sizeOf(shape)).fill(1) : normals(sizeOf(shape));
  return found;
}

/** Rows [from, to) of the second axis of x [B, T, ..]. */
function rows(x: ArrayLike<number>, T: number, from: number, to: number): number[] {
  const [row, width] = [x.length / BATCH, x.length / (BATCH * T)];
  return Array.from({ length: BATCH }, (_, b) => Array.from(x).slice(b * row + from * width, b * row + to * width)).flat();
}

/** The answers at every step, of the plain graph and step by step, from equal numbers. */
async function both(model: Model, query: Float32Array, kind: string, asked: Asked, run: Run) {
  const { tokenizer, segment, tokensPerStep: S } = model;
  const plain = model.inference(kind, { compress: 1, act: BATCH }, asked);
  const graphs = stepGraphs(model, kind, { begin: BATCH, step: BATCH }, asked)!;
  const weights = parameters(plain.act, graphs.begin, graphs.step);
  expect(Object.keys(parameters(graphs.begin, graphs.step)).sort()).toEqual(Object.keys(parameters(plain.act)).sort());
  const { latentShape = [] } = plain;
  const P = tokenizer.prompt?.tokens ?? 0;
  const memory = {
    ...(plain.latentShape && { latents: normals(BATCH * sizeOf(latentShape)) }),
    ...(asked.retrieved && { retrieved: normals(BATCH * asked.retrieved * sizeOf(latentShape)), present: [1, 1, 0, 0, 1, 1] }),
  };
  const seen = stepsSeen(tokenizer, segment);
  const T = tokenizer.queryTokens(segment);
  const expected: Record<string, ArrayLike<number>>[] = [];
  if (seen > 1) {
    const found = await run(plain.act, { ...weights, ...memory, query });
    for (let t = 0; t < segment; t++)
      expected.push(Object.fromEntries(Object.entries(found).map(([name, values]) => [name, rows(values, segment, t, t + 1)])));
  } else
    for (let t = 0; t < segment; t++)
      expected.push(await run(plain.act, { ...weights, ...memory, query: [...rows(query, T, 0, P), ...rows(query, T, P + t, P + t + 1)] }));

  const prompt: Numbers = P > 0 ? { prompt: rows(query, T, 0, P) } : {};
  // What is in free places must not matter.
  const state: Numbers = Object.fromEntries(Object.entries(graphs.state).map(([name, shape]) => [name, normals(BATCH * sizeOf(shape))]));
  Object.assign(state, graphs.begin && (await run(graphs.begin, { ...weights, ...memory, ...prompt })));
  const found: Record<string, ArrayLike<number>>[] = [];
  for (let t = 0; t < segment; t++) {
    const last = tokenizer.predictionIndex(t);
    const first = Math.max(P, last + 1 - S);
    const absent = S - (last + 1 - first);
    const F = tokenizer.query.width;
    const news = rows(query, T, first, last + 1);
    const tokens = Array.from({ length: BATCH }, (_, b) => [
      ...normals(absent * F),
      ...news.slice((b * news.length) / BATCH, ((b + 1) * news.length) / BATCH),
    ]).flat();
    const place = Array.from({ length: BATCH * S }, (_, i) => (i % S < absent ? -1 : graphs.first + first - P + (i % S) - absent));
    const answers = await run(graphs.step, { ...weights, ...state, tokens, place });
    for (const [name, values] of Object.entries(answers)) if (name.startsWith('next.')) state[name.slice(5)] = values;
    found.push(Object.fromEntries(Object.keys(expected[t]).map(name => [name, answers[name]])));
  }
  return { expected, found };
}

function difference(a: readonly Record<string, ArrayLike<number>>[], b: typeof a): number {
  let worst = 0;
  for (const [t, answers] of a.entries())
    for (const [name, values] of Object.entries(answers)) {
      expect(b[t][name].length, name).toBe(values.length);
      for (let i = 0; i < values.length; i++) {
        const distance = Math.abs(values[i] - b[t][name][i]);
        if (!(distance <= worst)) worst = distance;
      }
    }
  return worst;
}

describe.each(Object.entries(MODELS))('step by step, the model %s', (_, [tokenizer, overrides = [], family = rooms]) => {
  const { model, batch } = build(tokenizer, ['model.decoderLayers=2', ...overrides], family);
  const { prefix, stateOnly } = model.policyOptions;
  const CASES: [string, string, Asked][] = [
    ['bottleneck', 'everything it can be asked for', { critic: true, attention: !prefix, returns: Boolean(model.returns) }],
    ['full', 'probabilities', {}],
    ['none', 'probabilities', {}],
    ...(prefix ? [] : [['bottleneck', 'probabilities by retrieved contexts', { retrieved: 2 }] as [string, string, Asked]]),
  ];

  it.each(CASES)('answers with %s as the plain graph does: %s', async (kind, _, asked) => {
    const query = stateOnly ? stateRows(model) : batch.query;
    const { expected, found } = await both(model, query, kind, asked, reference);
    expect(difference(expected, found)).toBeLessThan(1e-10);
    expect(new Set(expected.map(({ probabilities }) => probabilities[0])).size).toBeGreaterThan(1);
  });

  it('answers in float32 to 1e-5', async () => {
    const query = stateOnly ? stateRows(model) : batch.query;
    const { expected, found } = await both(model, query, 'bottleneck', {}, compiled);
    expect(difference(expected, found)).toBeLessThan(1e-5);
  });

  /** Queries of single states: those of a batch, each a token. */
  const stateRows = ({ tokenizer }: Model) => {
    const length = BATCH * tokenizer.queryTokens(model.segment) * tokenizer.query.width;
    return Float32Array.from(batch.query.subarray(0, length));
  };
});

describe('a segment of one step', () => {
  it('has no graphs for steps', () => {
    const { model } = build('packed', ['context.segment=1', 'context.segments=2']);
    expect(stepGraphs(model, 'bottleneck', { begin: 1, step: 1 })).toBeUndefined();
  });
});

describe.each(compressors.all)('$id in two parts', ({ id, compress: { bySegment }, recurrence }) => {
  it.each(['segments', 'best'])('compresses segments in slots as in one part: %s', async layout => {
    const arranged = layout === 'best' ? 'compressor=best-episodes' : 'context.layout=segments';
    const { model } = build('packed', [arranged, 'context.episodes=3', 'model.encoderSpan=horizon']);
    expect(model.contextLayout).toBe(layout);
    const graphs = segmentGraphs(model, id, BATCH);
    expect(Boolean(graphs)).toBe(Boolean(bySegment) && !recurrence);
    if (!graphs) return;
    const { compress } = model.inference(id, { compress: BATCH, act: 1 });
    const weights = parameters(compress, graphs.encode, graphs.summarize);
    const segments = Array.from({ length: 3 }, (_, r) => {
      const segment = normals(BATCH * model.options.segment! * model.tokenizer.context.width);
      return r === 0 ? segment.fill(0) : segment;
    });
    const joined = (parts: readonly ArrayLike<number>[]) =>
      Array.from({ length: BATCH }, (_, b) =>
        parts.flatMap(part => Array.from(part).slice((b * part.length) / BATCH, ((b + 1) * part.length) / BATCH)),
      ).flat();
    const expected = interpret(compress!, { ...weights, context: joined(segments) }).latents;
    const encoded = segments.map(segment => interpret(graphs.encode, { ...weights, segment }).encoded);
    const found = interpret(graphs.summarize, { ...weights, encoded: joined(encoded) }).latents;
    expect(difference([{ z: expected }], [{ z: found }])).toBeLessThan(1e-10);
  });
});
