/** @file An exported agent: altered and exchanged files are refused, and whatever a caller hands in is checked at the edge. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { type LoadedPolicy, type LoadRequest, loadDecoder, loadPolicy, sealDescription } from '../src/policy/index.ts';
import { chooseActions, type Feedback } from '../src/rl/index.ts';
import { Random } from '../src/util/random.ts';
import { makeModel, readModel } from './helpers/exported.ts';
import { failure, type Needle } from './helpers/failure.ts';
import { damagedBytes, damagedJson, fuzz } from './helpers/fuzz.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-model-format-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const executor = nodeExecutor({ threads: 1 });
type Files = Omit<LoadRequest, 'executor'> & { decode?: Uint8Array };
let files: Files;
beforeAll(async () => {
  await makeModel(root, {
    name: 'codes',
    tokenizer: 'packed',
    kind: 'bottleneck',
    settings: { latents: { kind: 'fsq' }, policy: { prompt: { episodes: 1 } } },
  });
  files = readModel(join(root, 'codes'));
}, 60_000);

const feedback = (change: object = {}): Feedback => ({
  observation: Float32Array.of(4, 4),
  action: Int32Array.of(3),
  reward: Float32Array.of(0.5),
  nextObservation: Float32Array.of(3, 4),
  terminated: Uint8Array.of(0),
  truncated: Uint8Array.of(0),
  ...change,
});

/** Loads it, lets it act through the end of an episode, and decodes. */
async function use({ decode, ...given }: Files): Promise<void> {
  const policy = await loadPolicy({ ...given, executor });
  policy.reset(1);
  for (const truncated of [0, 1, 0]) {
    chooseActions(await policy.act(Float32Array.of(4, 4)), policy.actions, Random.seeded(1));
    await policy.observe(feedback({ truncated: Uint8Array.of(truncated) }));
  }
  await policy.dispose();
  const decoder = await loadDecoder({ description: given.description, decode: decode!, executor });
  await decoder.dispose();
}

describe('files of an export', () => {
  it('names actions and columns', () => {
    const { actionNames, tokens } = files.description;
    expect(actionNames).toEqual(['stay', 'up', 'down', 'left', 'right']);
    expect(tokens.query).toEqual({
      width: 2 + 9 + 9 + 5 + 1,
      fields: [
        { name: 'observation.0', kind: 'categorical', offset: 2, size: 9, presence: 0 },
        { name: 'observation.1', kind: 'categorical', offset: 11, size: 9, presence: 0 },
        { name: 'previousAction', kind: 'categorical', offset: 20, size: 5, presence: 1 },
        { name: 'previousReward', kind: 'scalar', offset: 25, size: 1, presence: 1 },
      ],
    });
  });

  it('are all read where nothing was changed', () => use(files));

  it('are refused with any change in model.json', async () => {
    const { accepted } = await fuzz(damagedJson(files.description, { seed: 1, count: 150 }), text =>
      use({ ...files, description: parsed(text) }),
    );
    expect(accepted).toEqual([]);
  });

  it('are refused, or can be used, where model.json has another content with its right hash', async () => {
    const graphs = { 'act.onnx': files.act, 'compress.onnx': files.compress, 'decode.onnx': files.decode };
    const sealed = (value: unknown) => {
      try {
        return sealDescription(value as LoadRequest['description'], graphs);
      } catch {
        return value as LoadRequest['description'];
      }
    };
    const { refused } = await fuzz(damagedJson(files.description, { seed: 2, count: 100 }), text =>
      use({ ...files, description: sealed(parsed(text)) }),
    );
    expect(refused.length).toBeGreaterThan(50);
  }, 120_000);

  it.each(['act', 'compress', 'decode'] as const)('are refused with any change in the bytes of %s.onnx', async name => {
    const damages = damagedBytes(files[name]!, { seed: 3, count: 8 });
    const { accepted } = await fuzz([...damages, { what: 'another file', content: files[name === 'act' ? 'decode' : 'act']! }], bytes =>
      use({ ...files, [name]: bytes }),
    );
    expect(accepted).toEqual([]);
  });

  const parsed = (text: string) => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
});

describe('the edge of an agent', () => {
  let policy: LoadedPolicy;
  const start = Float32Array.of(4, 4);
  beforeAll(async () => {
    const { decode: _, ...given } = files;
    policy = await loadPolicy({ ...given, executor });
  });
  afterAll(() => policy.dispose());

  it('refuses calls before a task has begun', async () => {
    const order = failure('E_USAGE', 'reset(1)');
    await expect(policy.act(start)).rejects.toThrow(order);
    await expect(policy.observe(feedback())).rejects.toThrow(order);
    expect(() => policy.prompt([])).toThrow(order);
    expect(() => policy.reset(2)).toThrow(failure('E_SHAPE', 1, 2));
    await expect(policy.act(start)).rejects.toThrow(order);
  });

  it.each<[string, unknown, ...Needle[]]>([
    ['reward', Float32Array.of(Number.NaN), 'reward[0]', 'NaN'],
    ['reward', [Number.POSITIVE_INFINITY], 'reward[0]', 'Infinity'],
    ['reward', [1e300], 'reward[0]', '1e18', '1e+300'],
    ['reward', 1, 'reward', 1],
    ['reward', [3e38], 'reward[0]', '1e18', '3e+38'],
    ['reward', [], 'reward', 1, 0],
    ['reward', [0, 0], 'reward', 1, 2],
    ['reward', undefined, 'reward', 'undefined'],
    ['reward', ['1'], 'reward[0]', '"1"'],
    ['action', Int32Array.of(9), 'action[0]', 0, 4, 9],
    ['action', [-1], 'action[0]', -1],
    ['action', [0.5], 'action[0]', 0.5],
    ['action', 3, 'action', 3],
    ['observation', [4, 4, 4], 'observation', 2, 3],
    ['observation', [4], 'observation', 2, 1],
    ['observation', [4, 4.5], 'observation[1]', 4.5],
    ['nextObservation', [4, 9], 'nextObservation[1]', '9, 9', 9],
    ['nextObservation', undefined, 'nextObservation', 'undefined'],
    ['terminated', [2], 'terminated[0]', 0, 1, 2],
    ['truncated', undefined, 'truncated', 'undefined'],
  ])('refuses %s = %j, naming it', async (field, value, ...says) => {
    policy.reset(1);
    await policy.act(start);
    await expect(policy.observe(feedback({ [field]: value }))).rejects.toThrow(failure('E_SHAPE', 'observe', ...says));
    if (field === 'observation') await expect(policy.act(value as never)).rejects.toThrow(failure('E_SHAPE', ...says));
    const shown = { ...feedback({ truncated: [1] }), [field]: value };
    expect(() => policy.prompt([shown as never])).toThrow(failure('E_SHAPE', 'prompt[0]'));
  });

  it('refuses no feedback at all, and prompts that are no list', async () => {
    policy.reset(1);
    await expect(policy.observe(undefined as never)).rejects.toThrow(failure('E_SHAPE', 'observe', 'reward', 'undefined'));
    await expect(policy.observe(null as never)).rejects.toThrow(failure('E_SHAPE', 'null'));
    expect(() => policy.prompt(undefined as never)).toThrow(failure('E_SHAPE', 'prompt'));
    expect(() => policy.prompt([null as never])).toThrow(failure('E_SHAPE', 'prompt[0]'));
  });

  it('keeps nothing of what it refused', async () => {
    policy.reset(1);
    const before = Float32Array.from(await policy.act(start));
    await expect(policy.observe(feedback({ reward: [Number.NaN], truncated: [1] }))).rejects.toThrow();
    expect(Float32Array.from(await policy.act(start))).toEqual(before);
  });

  it('refuses to act twice at once, so that no two calls share an answer', async () => {
    policy.reset(1);
    const first = policy.act(start);
    const busy = failure('E_USAGE', 'act()');
    await expect(policy.act(Float32Array.of(0, 0))).rejects.toThrow(busy);
    await expect(policy.observe(feedback())).rejects.toThrow(busy);
    expect(() => policy.reset(1)).toThrow(busy);
    const answer = Float32Array.from(await first);
    policy.reset(1);
    expect(Float32Array.from(await policy.act(start))).toEqual(answer);
  });

  it('lets a second act replace the first, at every step of an episode', async () => {
    const answers = [];
    for (const twice of [false, true]) {
      policy.reset(1);
      for (let step = 0; step < 3; step++) {
        if (twice) await policy.act(Float32Array.of(step, 8));
        answers.push(Float32Array.from(await policy.act(start)));
        await policy.observe(feedback());
      }
    }
    expect(answers.slice(3)).toEqual(answers.slice(0, 3));
  });

  it('refuses feedback on what was not acted on', async () => {
    policy.reset(1);
    const unasked = failure('E_USAGE', 'observe', 'act(observation)');
    await expect(policy.observe(feedback())).rejects.toThrow(unasked);
    await policy.act(start);
    const other = feedback({ observation: Float32Array.of(4, 3) });
    await expect(policy.observe(other)).rejects.toThrow(failure('E_SHAPE', 'observe.observation[1]', 4, 'act', 3));
    await policy.observe(feedback());
    await expect(policy.observe(feedback())).rejects.toThrow(unasked);
  });

  it('refuses a step beyond the end of an episode', async () => {
    policy.reset(1);
    for (let step = 0; step < files.description.horizon; step++) {
      await policy.act(start);
      await policy.observe(feedback());
    }
    await expect(policy.act(start)).rejects.toThrow(failure('E_SHAPE', 20, 'truncated'));
  });

  it('takes plain lists and booleans, and gives the same', async () => {
    const answers = [];
    for (const plain of [false, true]) {
      policy.reset(1);
      const given = feedback({ truncated: Uint8Array.of(1) });
      const lists = Object.fromEntries(Object.entries(given).map(([name, values]) => [name, Array.from(values)]));
      await policy.act(start);
      await policy.observe(plain ? ({ ...lists, truncated: [true], terminated: [false] } as never) : given);
      answers.push(Float32Array.from(await policy.act(plain ? ([4, 4] as never) : start)));
    }
    expect(answers[0]).toEqual(answers[1]);
  });

  it('refuses to draw from what is no distribution', () => {
    expect(() => chooseActions(Float32Array.of(0, 0, Number.NaN, 0, 1), policy.actions, Random.seeded(1))).toThrow(
      failure('E_NUMERICS', 'NaN'),
    );
  });

  it.each<[string, unknown, ...Needle[]]>([
    ['nothing', undefined, 'undefined'],
    ['no executor', {}, '"executor"', 'undefined'],
    ['null', { executor: null }, '"executor"', 'null'],
    ['an executor that was not called', { executor: nodeExecutor }, 'nodeExecutor()'],
    ['a name', { executor: 'node' }, '"executor"', '"node"'],
  ])('refuses to load with %s', async (_, given, ...says) => {
    const request = given && { ...files, executor: undefined, ...given };
    for (const load of [loadPolicy, loadDecoder])
      await expect(load(request as never)).rejects.toThrow(failure('E_USAGE', load.name, ...says));
  });

  it('refuses everything after dispose but another dispose', async () => {
    const { decode: _, ...given } = files;
    const own = await loadPolicy({ ...given, executor });
    own.reset(1);
    await own.act(start);
    await own.dispose();
    await own.dispose();
    // Not that it is too early, nor that it is busy.
    const gone = failure('E_USAGE', /^(?![\s\S]*(?:reset|act)\()/);
    await expect(own.act(start)).rejects.toThrow(gone);
    await expect(own.observe(feedback())).rejects.toThrow(gone);
    expect(() => own.reset(1)).toThrow(gone);
    expect(() => own.prompt([])).toThrow(gone);
  });

  it('decodes codes of its own only, several at once', async () => {
    const decoder = await loadDecoder({ description: files.description, decode: files.decode!, executor });
    const { shape, size } = files.description.codes!;
    const length = shape[0] * shape[1];
    for (const codes of [undefined, 1, [], new Array(length).fill(size), new Array(length).fill(0.5), new Array(length).fill(Number.NaN)])
      await expect(decoder.decode(codes as never)).rejects.toThrow(failure('E_SHAPE', length));
    const [zeros, ones] = [new Array(length).fill(0), new Array(length).fill(1)];
    const together = await Promise.all([decoder.decode(zeros), decoder.decode(ones)]);
    expect(together[0]).toEqual(await decoder.decode(zeros));
    expect(together[1]).not.toEqual(together[0]);
    await decoder.dispose();
  });
});
