/** @file How Z is read: attention of an exported agent is that of its policy, and a discrete Z has the codes that it is decoded from. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openPolicy } from '../src/agent/inference.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { environment } from '../src/envs/index.ts';
import { type LoadedPolicy, loadDecoder, loadPolicy } from '../src/policy/index.ts';
import { type EnvFamily, newActions, type Policy } from '../src/rl/index.ts';
import { Random } from '../src/util/random.ts';
import { bitsOfLatents } from '../web/src/play/bits.ts';
import { type ExportRequest, makeModel, readModel, readSteps } from './helpers/exported.ts';
import { failure } from './helpers/failure.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-reading-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const executor = nodeExecutor({ threads: 1 });

async function load(request: ExportRequest) {
  const made = await makeModel(root, request);
  const folder = join(root, request.name);
  const attention = () => new Uint8Array(readFileSync(join(folder, 'attention.onnx')));
  const files = readSteps(folder);
  const policy = await loadPolicy({ ...files, attention: files.description.attention && attention(), executor });
  return { ...made, ...files, decode: readModel(folder).decode, policy };
}

/** Takes the same steps with each policy, and calls `after` once all have acted. */
async function walk(family: EnvFamily, steps: number, policies: readonly Policy[], after: () => Promise<void>): Promise<void> {
  const env = family.make([family.tasks!()[5]], Random.seeded(1));
  const random = Random.seeded(2);
  for (const policy of policies) policy.reset(1);
  let observation = env.reset().slice();
  for (let t = 0; t < steps; t++) {
    for (const policy of policies) await policy.act(observation);
    await after();
    const action = newActions(family.actionSpace, 1);
    action[0] = random.integer(5);
    const { reward, terminated, truncated, finalObservation, observation: next } = env.step(action);
    for (const policy of policies)
      await policy.observe({ observation, action, reward, nextObservation: finalObservation, terminated, truncated });
    observation = next.slice();
  }
}

describe('attention', () => {
  it.each([
    { name: 'whole', tokenizer: 'packed', kind: 'bottleneck' },
    { name: 'recurrent', tokenizer: 'interleaved', kind: 'recurrent', settings: { policy: { crossLayers: [1] } } },
  ] satisfies ExportRequest[])('of an export is that of the policy: $name', async request => {
    const { policy, description, model } = await load(request);
    const { layers, heads, tokens } = description.attention!;
    expect([layers, heads, tokens]).toEqual([request.name === 'recurrent' ? [1] : [0, 1], 2, 4]);
    let expected = new Float32Array();
    const onAttention = (weights: Float32Array) => {
      expected = weights.slice();
    };
    const trained = { folder: join(root, 'trained', request.name), key: request.name, report: {}, seconds: 0 };
    const own = await openPolicy({ model, executor, size: 1, onAttention }, { compressorId: request.kind, trained });
    let furthest = 0;
    let varied = 0;
    await walk(model.family, 50, [policy, own], async () => {
      const found = await policy.attention();
      expect(found.length).toBe(layers.length * heads * tokens);
      for (let row = 0; row < layers.length * heads; row++)
        expect(found.slice(row * tokens, (row + 1) * tokens).reduce((a, b) => a + b)).toBeCloseTo(1, 4);
      furthest = Math.max(furthest, ...found.map((value, i) => Math.abs(value - expected[i])));
      varied = Math.max(varied, ...found.map(value => Math.abs(value - 1 / tokens)));
    });
    expect(furthest).toBeLessThan(1e-4);
    expect(varied).toBeGreaterThan(1e-3);
  });

  it('is not asked of a model without latents, or loaded without its graph', async () => {
    const { description, policy } = await load({ name: 'none', tokenizer: 'packed', kind: 'none' });
    expect(description.attention).toBeUndefined();
    policy.reset(1);
    await policy.act(Float32Array.of(4, 4));
    await expect(policy.attention()).rejects.toThrow(failure('E_CONFIG'));
  });
});

describe('codes of a discrete Z', () => {
  const codesOf = async (policy: LoadedPolicy) => (await policy.memory(0)).codes;

  it.each(['bottleneck', 'recurrent'])('are those that it is decoded from: %s', async kind => {
    const request = { name: `fsq-${kind}`, tokenizer: 'packed', kind, settings: { latents: { kind: 'fsq' } } } as const;
    const { policy, description, decode } = await load(request);
    const { shape, size } = description.codes!;
    const decoder = await loadDecoder({ description, decode: decode!, executor });
    const family = environment('dark-room');
    await walk(family, 45, [policy], async () => {});
    const { latents, codes, past } = await policy.memory(0);
    expect(codes!.length).toBe(shape[0] * shape[1]);
    expect(Math.max(...codes!)).toBeLessThan(size);
    const decoded = await decoder.decode([...codes!]);
    for (const [i, value] of decoded.entries()) expect(value).toBeCloseTo(latents![i], 4);
    // They go where the memory goes, and not where Z was changed by hand.
    policy.forget(0);
    policy.setMemory(0, { latents, codes, past });
    expect(await codesOf(policy)).toEqual(codes);
    policy.setMemory(0, { latents, past });
    expect(await codesOf(policy)).toBeUndefined();
    const wrong = codes!.map(() => size);
    expect(() => policy.setMemory(0, { latents, codes: wrong, past })).toThrow(failure('E_SHAPE', 'setMemory.codes'));
  });

  it('say how many bits Z has', () => {
    expect(bitsOfLatents({ latentShape: [8, 32] })).toBe(8192);
    expect(bitsOfLatents({ latentShape: [4, 32], alphabet: { shape: [4, 3], size: 16 } })).toBe(48);
    expect(bitsOfLatents({})).toBe(0);
  });
});
