import { beforeEach, describe, expect, it } from 'vitest';
import type { Feeds, HostTensor, Program } from '../engine/index.ts';
import type { Feedback } from '../rl/index.ts';
import { tokenizer, writeContext } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { inContextPolicy } from './in-context.ts';

const family = {
  observationSpace: { kind: 'multi-discrete', nvec: [3, 4] },
  actionSpace: { kind: 'discrete', n: 3 },
  horizon: 4,
} as const;
/** Environments, transitions of the context, environments that are compressed at once. */
const [SIZE, WINDOW, CHUNK] = [3, 6, 2];
const LATENT = [2, 2];

interface Step {
  observation: number[];
  action: number;
  reward: number;
  nextObservation: number[];
  ended: boolean;
}

/** One environment by the side: what happened, and what has to reach the model because of it. */
class Witness {
  readonly finished: Step[] = [];
  running: Step[] = [];
}

describe.each(['packed', 'interleaved'])('an in-context policy of %s tokens', id => {
  const layout = tokenizer(id, family);
  const tokens = layout.queryTokens(family.horizon);
  const contextTokens = WINDOW * layout.tokensPerTransition;
  const queryRow = tokens * layout.query.width;
  const contextRow = contextTokens * layout.context.width;
  let acted: Record<string, HostTensor>[];
  let compressions: number;

  const copy = (feeds: Feeds) =>
    Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]));
  /** Four numbers that tell contexts apart. */
  const digest = (context: ArrayLike<number>) =>
    Float32Array.from({ length: 4 }, (_, k) => Array.from(context).reduce((sum, value, i) => sum + value * Math.cos(i * (k + 1)), 0));

  const stub = (run: (feeds: Feeds, into: Feeds) => Record<string, HostTensor>): Program => ({
    run: async (feeds, _outputs, into) => run(feeds, into!),
    dispose: async () => {},
  });
  const actProgram = stub((feeds, into) => {
    acted.push(copy(feeds));
    const { data, shape } = into.probabilities;
    expect(shape).toEqual([SIZE, family.horizon, 3]);
    for (let i = 0; i < data.length; i++) data[i] = i;
    return { probabilities: into.probabilities };
  });
  const compressProgram = stub(({ context }, into) => {
    compressions++;
    expect(context.shape).toEqual([CHUNK, contextTokens, layout.context.width]);
    for (let c = 0; c < CHUNK; c++) into.latents.data.set(digest(context.data.subarray(c * contextRow, (c + 1) * contextRow)), c * 4);
    return { latents: into.latents };
  });
  const model = { family, tokenizer: layout, contextTransitions: WINDOW, act: { program: actProgram, size: SIZE } };
  const compress = { program: compressProgram, batch: CHUNK, latentShape: LATENT };

  beforeEach(() => {
    acted = [];
    compressions = 0;
  });

  /** The columns of steps, as a history has them. */
  const columns = (steps: readonly Step[]) => ({
    observation: steps.flatMap(step => step.observation),
    action: steps.map(step => step.action),
    reward: steps.map(step => step.reward),
    nextObservation: steps.flatMap(step => step.nextObservation),
    terminated: steps.map(step => Number(step.ended)),
    truncated: steps.map(() => 0),
  });

  const expectedLatents = ({ finished }: Witness) => {
    const row = new Float32Array(contextRow);
    writeContext(layout, row, 0, WINDOW, columns(finished), 0, finished.length);
    return digest(row);
  };

  const expectedQuery = ({ running }: Witness, now: readonly number[]) => {
    const row = new Float32Array(queryRow);
    const seen = [...running.map(step => step.observation), now].flat();
    for (let t = 0; t <= running.length; t++)
      layout.writeQuery(row, 0, t, seen, 2 * t, running[t - 1]?.action ?? 0, running[t - 1]?.reward ?? 0);
    return row;
  };

  /** Plays random steps and checks every call of the model against the witnesses. */
  async function play(policy: ReturnType<typeof inContextPolicy>, steps: number, seed: number, carries = true) {
    const random = Random.seeded(seed);
    const look = () => [random.integer(3), random.integer(4)];
    const witnesses = Array.from({ length: SIZE }, () => new Witness());
    let seen = witnesses.map(look);
    let expectedCompressions = compressions + Math.ceil(SIZE / CHUNK);
    for (let n = 0; n < steps; n++) {
      const probabilities = await policy.act(Float32Array.from(seen.flat()));
      const fed = acted.at(-1)!;
      expect(Object.keys(fed)).toEqual(carries ? ['query', 'latents'] : ['query']);
      if (carries) expect(compressions).toBe(expectedCompressions);
      const feedback: Record<string, number[]> = {
        observation: [],
        action: [],
        reward: [],
        nextObservation: [],
        terminated: [],
        truncated: [],
      };
      const ends: number[] = [];
      witnesses.forEach((witness, i) => {
        expect(fed.query.data.subarray(i * queryRow, (i + 1) * queryRow)).toEqual(expectedQuery(witness, seen[i]));
        if (carries) expect(fed.latents.data.subarray(i * 4, (i + 1) * 4)).toEqual(expectedLatents(witness));
        const from = (i * family.horizon + witness.running.length) * 3;
        expect(Array.from(probabilities.subarray(i * 3, (i + 1) * 3))).toEqual([from, from + 1, from + 2]);

        const truncated = witness.running.length === family.horizon - 1;
        const terminated = random.uniform() < 0.2;
        const step: Step = {
          observation: seen[i],
          action: random.integer(3),
          reward: Math.fround(random.normal()),
          nextObservation: look(),
          ended: terminated || truncated,
        };
        witness.running.push(step);
        for (const [name, value] of Object.entries({ ...step, terminated: Number(terminated), truncated: Number(truncated) }))
          feedback[name]?.push(...[value].flat().map(Number));
        if (!step.ended) return;
        witness.finished.push(...witness.running);
        witness.running = [];
        ends.push(i);
      });
      seen = witnesses.map(({ running }) => running.at(-1)?.nextObservation ?? look());
      expectedCompressions += Math.ceil(ends.length / CHUNK);
      const floats = (name: string) => Float32Array.from(feedback[name]);
      await policy.observe({
        observation: floats('observation'),
        nextObservation: floats('nextObservation'),
        reward: floats('reward'),
        action: Int32Array.from(feedback.action),
        terminated: Uint8Array.from(feedback.terminated),
        truncated: Uint8Array.from(feedback.truncated),
      } satisfies Feedback);
    }
    return witnesses;
  }

  it('feeds the latents of the last transitions of finished episodes, and the running episode, and compresses only when one ends', async () => {
    const policy = inContextPolicy({ ...model, compress });
    expect(policy.actions).toBe(3);
    policy.reset(SIZE);
    const witnesses = await play(policy, 40, 1);
    // Far more happened than the context holds.
    for (const { finished } of witnesses) expect(finished.length).toBeGreaterThan(2 * WINDOW);
    expect(compressions).toBeLessThan(40);
  });

  it('forgets everything on reset, even in the middle of an episode', async () => {
    const policy = inContextPolicy({ ...model, compress });
    policy.reset(SIZE);
    await play(policy, 10, 2);
    policy.reset(SIZE);
    await play(policy, 10, 3);
  });

  it('without a compressor feeds the running episode alone', async () => {
    const policy = inContextPolicy(model);
    policy.reset(SIZE);
    await play(policy, 20, 4, false);
    expect(compressions).toBe(0);
  });

  it('refuses another number of environments', () => {
    expect(() => inContextPolicy(model).reset(SIZE + 1)).toThrow('acts in 3 environments at once, not 4');
  });
});
