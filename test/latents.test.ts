/** @file Discrete latents down the whole pipeline by the real command line: what the results say of them, and the exported way back from codes. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Model } from '../src/agent/model.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { webExecutor } from '../src/engine/executors/web.ts';
import { zeros } from '../src/engine/index.ts';
import { environment } from '../src/envs/index.ts';
import { loadDecoder, type ModelDescription } from '../src/policy/index.ts';
import type { MethodTable } from '../src/records/index.ts';
import { Random } from '../src/util/random.ts';
import { settings, TINY, withinProcess } from './helpers/command.ts';
import { failure } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-latents-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const executor = nodeExecutor({ threads: 1 });
const stages = ['teacher', 'pretrain', 'distill', 'finetune', 'baselines'];
const SHORT = {
  ...Object.fromEntries(stages.map(stage => [`${stage}.steps`, 12])),
  'latents.codes': 32,
  'latents.levels': [4, 4, 3],
  'latents.groups': 3,
};
/** Two latents of width 16, or of three codes each. */
const BITS: Record<string, number> = { variational: 32 * 2 * 16, fsq: 2 * 3 * Math.log2(48), vq: 2 * 3 * 5 };

describe.each(Object.keys(BITS))('a tiny run with %s latents', kind => {
  const out = join(folder, kind);
  const discrete = kind !== 'variational';
  const read = (file: string) => new Uint8Array(readFileSync(join(out, 'model', file)));
  const description = () => JSON.parse(readFileSync(join(out, 'model', 'model.json'), 'utf8')) as ModelDescription;

  it('ends, and says what its latents take', async () => {
    const ended = await withinProcess(['run', TINY, '--out', out, ...settings({ ...SHORT, 'latents.kind': kind })]);
    expect(ended.status, ended.stderr).toBe(0);
    const { methods } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as { methods: MethodTable };
    expect(methods.cad.bitsPerContext).toBeCloseTo(BITS[kind], 10);
    expect(methods['mean-pool'].bitsPerContext).toBe(methods.cad.bitsPerContext);
    // Raw context stays in float32.
    expect(methods.truncated.bitsPerContext).toBe(32 * 2 * 16);
    for (const method of ['none', 'source', 'random']) expect(methods[method].bitsPerContext).toBeUndefined();
    expect(Boolean(methods.cad.codes)).toBe(discrete);
    if (!discrete) return;
    const { used, perplexity } = methods.cad.codes!;
    expect([used > 0, used <= 1, perplexity >= 1]).toEqual([true, true, true]);
    expect(methods.truncated.codes).toBeUndefined();
  });

  it('exports graphs whose codes give the latents back, natively and in WebAssembly', async () => {
    expect(readdirSync(join(out, 'model')).sort()).toEqual([
      'act.onnx',
      'attention.onnx',
      'begin.onnx',
      'compress.onnx',
      ...(discrete ? ['decode.onnx'] : []),
      'model.json',
      'step.onnx',
    ]);
    if (!discrete) {
      const load = loadDecoder({ description: description(), decode: read('act.onnx'), executor });
      await expect(load).rejects.toThrow(failure('E_CHECKPOINT'));
      return;
    }
    const { codes: described } = description();
    expect(described).toEqual({ shape: [2, 3], size: kind === 'fsq' ? 48 : 32 });
    const model = new Model(loadExperiment(TINY), environment('dark-room'));
    const { context } = model.inputs(1);
    const feed = zeros(context.shape);
    const random = Random.seeded(1);
    for (let i = 0; i < feed.data.length; i++) feed.data[i] = random.integer(2);
    const compress = await executor.compile(read('compress.onnx'));
    const { latents, codes } = await compress.run({ context: feed }, ['latents', 'codes']);
    await compress.dispose();
    for (const each of [executor, webExecutor({ threads: 1 })]) {
      const decoder = await loadDecoder({ description: description(), decode: read('decode.onnx'), executor: each });
      const back = await decoder.decode(codes.data);
      expect(back).toHaveLength(2 * 16);
      back.forEach((value, i) => {
        expect(value).toBeCloseTo(latents.data[i], 5);
      });
      await expect(decoder.decode([1, 2, 3])).rejects.toThrow(failure('E_SHAPE', 6, 3));
      const outside = Array.from(codes.data).with(4, described!.size);
      await expect(decoder.decode(outside)).rejects.toThrow(failure('E_SHAPE', described!.size));
      await decoder.dispose();
    }
  });
});
