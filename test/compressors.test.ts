/** @file What every registered compressor owes, beyond its own room: checkpoints, exports, WebAssembly, stage keys, and the cost of going on. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { costOf } from '../src/agent/cost.ts';
import { INFERENCE_INPUTS, Model, withWeights } from '../src/agent/model.ts';
import { agentGraphs } from '../src/agent/steps.ts';
import { loadWeights } from '../src/cache/checkpoint.ts';
import { compressors } from '../src/compressor/index.ts';
import { experimentSchema } from '../src/config/experiment.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { webExecutor } from '../src/engine/executors/web.ts';
import { optimize, toOnnx } from '../src/engine/index.ts';
import { environment } from '../src/envs/index.ts';
import { sealDescription } from '../src/policy/index.ts';
import { stageTitle } from '../src/util/progress.ts';
import { type Game, play } from './helpers/browser-page.ts';
import { metricsOf, progressOf, settings, TINY, withinProcess } from './helpers/command.ts';
import { expectSame, makeModel, readModel, readSteps } from './helpers/exported.ts';
import { exit } from './helpers/failure.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-compressors-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const GAME: Game = { tasks: [{ goal: [4, 3] }, { goal: [0, 8] }], episodes: 5, seed: 3 };
const PIECES = { context: { segment: 8, segments: 5 } };

const CASES = [
  ...compressors.all.map(({ id }) => ({ name: id, kind: id, tokenizer: 'packed' })),
  { name: 'recurrent-interleaved', kind: 'recurrent', tokenizer: 'interleaved' },
  { name: 'causal-interleaved', kind: 'causal', tokenizer: 'interleaved' },
  { name: 'bottleneck-segments-of-8', kind: 'bottleneck', tokenizer: 'packed', settings: PIECES },
  { name: 'causal-segments-of-8', kind: 'causal', tokenizer: 'packed', settings: PIECES },
  {
    name: 'recurrent-segments-of-8-and-3-in-sight',
    kind: 'recurrent',
    tokenizer: 'packed',
    settings: { ...PIECES, compression: { workingMemory: 3, update: 'residual' } },
  },
];

describe.each(CASES)('$name', request => {
  let made: Awaited<ReturnType<typeof makeModel>>;
  beforeAll(async () => {
    made = await makeModel(root, request);
  }, 120_000);

  it('reads back from its checkpoint what was written', () => {
    const { path, scope, weights } = made;
    expect(loadWeights(path, [...scope.table.values()])).toEqual(weights);
  });

  it('acts from its export as the evaluation does, natively and in WebAssembly', async () => {
    const { model, weights } = made;
    const files = readModel(join(root, request.name));
    const native = await play(files, nodeExecutor({ threads: 1 }), GAME);
    const { compress, act } = model.inference(request.kind, { compress: 1, act: 1 });
    const fused = (graph: typeof act) => toOnnx(optimize(withWeights(graph, weights, INFERENCE_INPUTS)));
    const others = { act: fused(act), ...(compress ? { compress: fused(compress) } : {}) };
    const graphs = Object.fromEntries(Object.entries(others).map(([name, bytes]) => [`${name}.onnx`, bytes]));
    // Without decode.onnx there are no codes either.
    const description = sealDescription(
      { ...files.description, codes: undefined, steps: undefined, encoded: undefined, attention: undefined },
      graphs,
    );
    expectSame(await play({ ...others, description }, nodeExecutor({ threads: 1 }), GAME), native);
    expectSame(await play(files, webExecutor({ threads: 1 }), GAME), native);
  });

  it('acts alike step by step, natively and in WebAssembly', async () => {
    const native = await play(readModel(join(root, request.name)), nodeExecutor({ threads: 1 }), GAME);
    const files = readSteps(join(root, request.name));
    expect(files.step).toBeDefined();
    for (const executor of [nodeExecutor({ threads: 1 }), webExecutor({ threads: 1 })])
      expectSame(await play(files, executor, GAME), native);
  });
});

describe('the cost of an action', () => {
  const cost = (kind: string, context: { episodes: number } | { segment: number; segments: number }, compression = {}) => {
    const config = experimentSchema().parse({ name: 'a', compressor: kind, context, compression, model: { encoderSpan: 'horizon' } });
    const model = new Model(config, environment('dark-room'));
    return costOf(model, kind, agentGraphs(model, kind, { compress: 1, act: 1 }));
  };
  const [width, float] = [64, 4];

  it.each(compressors.all.filter(({ recurrence }) => recurrence).map(({ id }) => id))(
    'of %s does not depend on how long its context was in training',
    kind => {
      expect(cost(kind, { episodes: 500 })).toEqual(cost(kind, { episodes: 5 }));
      // In addition to Z, only the running segment is stored.
      expect(cost(kind, { segment: 10, segments: 5 }).historyBytes).toBe(cost(kind, { segment: 20, segments: 5 }).historyBytes / 2);
    },
  );

  it('counts Z and the working memory as carried, and raw transitions as kept', () => {
    const plain = cost('recurrent', { episodes: 5 });
    expect(cost('recurrent', { episodes: 5 }, { workingMemory: 6 }).stateBytes - plain.stateBytes).toBe(6 * width * float);
    expect(plain.stateBytes).toBe(cost('bottleneck', { episodes: 5 }).stateBytes);
    expect(cost('bottleneck', { episodes: 5 }).historyBytes).toBe(5 * plain.historyBytes);
  });
});

describe('a run with a recurrent compressor, segments of 5 and a working memory', () => {
  const out = join(root, 'run');
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const run = (...args: string[]) =>
    withinProcess([
      'run',
      TINY,
      '--out',
      out,
      ...settings({
        compressor: 'recurrent',
        context: { segment: 5, segments: 6 },
        'compression.workingMemory': 2,
        'compression.gradientRounds': 3,
        'teacher.steps': 0,
        'distill.beta': 0,
        'baselines.methods': ['truncated'],
      }),
      ...args,
    ]);

  it('trains every stage, evaluates, exports, and has settings that it does not read in no key', async () => {
    const ended = await run();
    expect(ended.status, ended.stderr).toBe(0);
    for (const stage of ['pretrain-seed0', 'distill-seed0', 'finetune-seed0']) {
      const losses = metricsOf(out, stage).map(({ loss }) => loss);
      expect(mean(losses.slice(-2)), stage).toBeLessThan(mean(losses.slice(0, 2)));
    }
    expect(JSON.parse(readFileSync(join(out, 'model', 'model.json'), 'utf8'))).toMatchObject({
      segment: 5,
      contextTransitions: 5,
      contextLayout: 'segments',
      recurrent: true,
      latentShape: [4, 16],
    });
    const again = await run(...settings({ 'compression.perSegment': 3 }));
    expect(again.status, again.stderr).toBe(0);
    expect(again.stderr).not.toContain(`${stageTitle('', 0)}: `);
    // The command that it suggests keeps the settings that were given.
    expect(again.stdout).toMatch(/ --set compression\.perSegment=3 --set model\.latents=4 --set name=\S+$/m);
    const other = await run(...settings({ 'compression.gradientRounds': 2 }), '--json');
    expect(progressOf(other.stderr, 'finetune')).not.toEqual([]);
    expect(progressOf(other.stderr, 'truncated')).toEqual([]);
  }, 120_000);

  it('is refused where segments do not fit', async () => {
    expect(await run(...settings({ 'context.segment': 21 }))).toEqual(exit('E_CONFIG', 'context.segment', 20));
  });
});
