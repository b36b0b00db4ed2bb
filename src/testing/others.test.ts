/** @file The contracts of smaller kinds find what is wrong: each of these breaks one rule, and fails the check that names it. */

import { describe, expect, it } from 'vitest';
import { failing } from '../../test/helpers/checks.ts';
import { type Baseline, baseline, type TrainedBaseline } from '../agent/baselines/index.ts';
import { lossTerms } from '../agent/terms.ts';
import { type LatentKind, latentKind } from '../compressor/index.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { add, type Executor, mul, type Program, slice, stopGradient } from '../engine/index.ts';
import { actionHead } from '../policy/index.ts';
import { type Tokenizer, tokenizers } from '../tokenizers/index.ts';
import { stages } from '../training/stages/index.ts';
import type { Check } from './check.ts';
import { baselineChecks, executorChecks, headChecks, latentChecks, lossTermChecks, stageChecks, tokenizerChecks } from './index.ts';

/** Each case fails the check of its key, and every key of the contract has a case. */
function eachFailsItsOwn<T>(checks: (subject: T) => Check[], sound: T, broken: readonly (readonly [keys: string, subject: T])[]): void {
  it('has nothing to say of what is sound', async () => {
    expect(await failing(checks(sound))).toEqual([]);
  });
  it.each(broken.map(([keys, subject], i) => ({ keys, subject, i })))('$keys ($i)', async ({ keys, subject }) => {
    expect(await failing(checks(subject))).toEqual(keys.split(' '));
  });
  it('has no check that none of these fails', () => {
    const keys = checks(sound).map(({ name }) => name.split(':')[0]);
    expect([...new Set(broken.flatMap(([each]) => each.split(' ')))].sort()).toEqual([...new Set(keys)].sort());
  });
}

describe('executors', () => {
  const cpu = nodeExecutor({ threads: 1 });
  const running = (run: (program: Program) => Program['run']): Executor => ({
    ...cpu,
    async compile(model) {
      const program = await cpu.compile(model);
      return { ...program, run: run(program), dispose: () => program.dispose() };
    },
  });
  eachFailsItsOwn<Executor>(executorChecks, cpu, [
    ['outputs', running(program => async (feeds, outputs, into) => ({ ...(await program.run(feeds, outputs, into)), extra: feeds.x }))],
    [
      'feeds',
      running(program => {
        const known = new Map<unknown, ReturnType<Program['run']>>();
        return (feeds, outputs, into) => {
          if (!known.has(feeds.x)) known.set(feeds.x, program.run(feeds, outputs, into));
          return known.get(feeds.x)!;
        };
      }),
    ],
    ['into', running(program => async (feeds, outputs, into) => ({ ...(await program.run(feeds, outputs)), ...into }))],
    [
      'numbers',
      running(program => async (feeds, outputs, into) => {
        const found = await program.run(feeds, outputs, into);
        if (found.gradient) found.gradient.data[0] += 0.01;
        return found;
      }),
    ],
    ['load', { ...cpu, compile: model => (model.length > 3 ? cpu.compile(model) : Promise.reject(new Error('three bytes'))) }],
  ]);
});

describe('kinds of latents', () => {
  const vq = latentKind('vq');
  const applied = (change: (latents: ReturnType<LatentKind['apply']>, ...args: Parameters<LatentKind['apply']>) => object): LatentKind => ({
    ...vq,
    apply(...args) {
      const latents = vq.apply(...args);
      return { ...latents, ...change(latents, ...args) };
    },
  });
  eachFailsItsOwn<LatentKind>(latentChecks, vq, [
    ['shape', applied(({ trained }) => ({ trained: slice(trained, 0, 0, 1) }))],
    [
      'noise',
      applied(({ settled }, scope) => ({
        settled: add(
          settled,
          mul(
            scope.random('noise', settled.shape, () => 0),
            0,
          ),
        ),
      })),
    ],
    ['gradients', applied(({ trained }) => ({ trained: stopGradient(trained) }))],
    ['codes', { ...vq, discrete: { ...vq.discrete!, alphabet: ({ groups }) => ({ groups, size: 1 }) } }],
    ['decode', { ...vq, discrete: { ...vq.discrete!, decode: (...args) => mul(vq.discrete!.decode(...args), 2) } }],
  ]);
});

describe('heads', () => {
  const head = actionHead({ kind: 'multi-discrete', nvec: [3, 2] });
  eachFailsItsOwn<typeof head>(headChecks, head, [
    ['gradients divergence', { ...head, kl: (_, outputs) => stopGradient(mul(head.entropy(outputs), 1)) }],
    [
      'likelihood',
      { ...head, distribution: { ...head.distribution, logProbability: (...args) => head.distribution.logProbability(...args) - 1 } },
    ],
    ['draws', { ...head, distribution: { ...head.distribution, mode: (_row, _at, out, to) => void out.fill(7, to, to + 2) } }],
  ]);
});

describe('tokenizers', () => {
  const packed = tokenizers.get('packed');
  const changed = (change: (tokenizer: Tokenizer) => Partial<Tokenizer>) => ({
    ...packed,
    make(...args: Parameters<typeof packed.make>) {
      const tokenizer = packed.make(...args);
      return { ...tokenizer, ...change(tokenizer) };
    },
  });
  const writing = (after: (out: Float32Array, row: number, tokenizer: Tokenizer, t: number) => void) =>
    changed(tokenizer => ({
      writeTransition(out, row, shown, t) {
        tokenizer.writeTransition(out, row, shown, t);
        after(out, row, tokenizer, t);
      },
    }));
  const field = ({ context }: Tokenizer, name: string) => context.fields.find(each => each.name === name)!;
  eachFailsItsOwn<typeof packed>(tokenizerChecks, packed, [
    [
      'context',
      writing((out, row, tokenizer) => {
        const { offset, size } = field(tokenizer, 'action');
        for (let i = 0; i < size; i++) out[row + offset + i] *= 2;
      }),
    ],
    [
      'transitions',
      writing((out, row, tokenizer) => {
        out[field(tokenizer, 'done').offset] += row;
      }),
    ],
    [
      'content',
      writing((out, row, tokenizer) => {
        out[row + field(tokenizer, 'reward').offset] = 0;
      }),
    ],
    [
      'query',
      changed(tokenizer => ({
        writeQuery(out, row, t, ...rest) {
          tokenizer.writeQuery(out, row, t, ...rest);
          out[row] = t + 1;
        },
      })),
    ],
    [
      'prediction',
      changed(tokenizer => ({
        writeQuery: (out, row, t, observation, from, ...rest) =>
          tokenizer.writeQuery(out, row, t, observation, t > 1 ? 0 * from : from, ...rest),
      })),
    ],
  ]);
});

describe('loss terms', () => {
  const sound = lossTerms.get('variance');
  eachFailsItsOwn<typeof sound>(lossTermChecks, sound, [
    ['words', { ...sound, symbol: '' }],
    // Nor has it a finite gradient.
    ['value gradients', { ...sound, compute: pass => pass.latents && mul(mul(1e300, 1e300), sound.compute(pass)!) }],
    ['gradients', { ...sound, compute: pass => sound.compute(pass) && stopGradient(sound.compute(pass)!) }],
  ]);
  it('of which an agent has nothing are sound', async () => {
    expect(await failing(lossTermChecks({ ...sound, compute: () => undefined }))).toEqual([]);
  });
});

describe('baselines', () => {
  const sound = baseline('best-episodes') as TrainedBaseline;
  let calls = 0;
  eachFailsItsOwn<Baseline>(baselineChecks, sound, [
    ['words', { ...sound, description: '' }],
    ['kind', { ...sound, compressor: 'nothing-such' }],
    ['kind', { id: 'player', description: 'plays', plays: 'nothing-such' }],
    ['changes', { ...sound, changes: () => ({ context: { episodes: 1 + (++calls % 3) } }) }],
    ['model', { ...sound, changes: ({ config }) => ({ model: { ...config.model, heads: 3 } }) }],
  ]);
  it('that are played are sound', async () => {
    expect(await failing(baselineChecks(baseline('oracle')))).toEqual([]);
  });
});

describe('stages', () => {
  const sound = stages.get('pretrain');
  const objectives = (change: (each: ReturnType<typeof sound.objectives>[number]) => object): typeof sound => ({
    ...sound,
    objectives: (...args) => sound.objectives(...args).map(each => ({ ...each, ...change(each) })),
  });
  eachFailsItsOwn<typeof sound>(stageChecks, sound, [
    ['words', { ...sound, help: ' ' }],
    ['steps', { ...sound, steps: () => 3 }],
    ['terms', { ...sound, terms: () => [{ term: 'unheard-of', weight: 1 }] }],
    ['terms', { ...sound, terms: () => [{ term: 'reconstruction', weight: 0.123, setting: 'pretrain.steps' }] }],
    ['parts', objectives(() => ({ name: 'another' }))],
    [
      'objectives',
      objectives(({ build }) => ({ build: (...args: Parameters<typeof build>) => ({ loss: stopGradient(build(...args).loss) }) })),
    ],
    ['objectives', objectives(() => ({ trains: ['policy'] }))],
    ['methods', { ...sound, methods: () => [{ method: 'a' }, { method: 'a' }] }],
  ]);
});
