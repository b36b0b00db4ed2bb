/** @file Looking into tiny runs by the command line: what is written, that it is made once and alike, and what is said where something is missing. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeBeliefProbe } from '../src/analysis/inspect/belief-probe.ts';
import { checkProbe } from '../src/policy/index.ts';
import { type Inspection, isMissing, PROBED, SIDES } from '../src/records/index.ts';
import type { ErrorCode } from '../src/util/errors.ts';
import { silentProgress } from '../src/util/progress.ts';
import { metricsOf, ROOT, settings, start, TINY, withinProcess } from './helpers/command.ts';
import { carrying, exit, failure } from './helpers/failure.ts';
import { expectWholePage } from './helpers/html.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-inspect-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = join(folder, 'run');
const FEW = ['--tasks', '6', '--streams', '3', '--exchanged', '3'];
const inspect = (...args: string[]) => withinProcess(['inspect', ...args]);
const look = async (...args: string[]): Promise<Inspection> => {
  const { status, stdout, stderr } = await inspect(...args, '--json');
  expect(status, stderr + stdout).toBe(0);
  return JSON.parse(stdout);
};
/** Trains an agent of this name in a moment, end to end: the folder of its run. */
async function trained(name: string, settings: string): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `
name: ${name}
${settings}
optimizer: { batch: 4 }
teacher: { steps: 0 }
pretrain: { steps: 0 }
distill: { steps: 0 }
baselines: { steps: 0 }
evaluate: { episodes: 1, streams: 1, resamples: 10 }
executor: { threads: 1 }
`,
  );
  const out = join(folder, name);
  const { status, stderr } = await withinProcess(['run', file, '--out', out]);
  expect(status, stderr).toBe(0);
  return out;
}
/** What was found, without what tells runs apart that are equal. */
const found = ({ reconstruction, probes, transplants, attention }: Inspection) => ({ reconstruction, probes, transplants, attention });
const there = <T extends object>(part: T): Exclude<T, { missing: string }> => {
  expect(isMissing(part)).toBe(false);
  return part as Exclude<T, { missing: string }>;
};

const SHORT = settings({ 'teacher.steps': 0, 'distill.beta': 0, 'pretrain.steps': 20, 'distill.steps': 20, 'baselines.steps': 0 });
const train = async (out: string, ...args: string[]) => {
  const { status, stderr } = await withinProcess(['run', TINY, '--out', out, ...SHORT, ...args]);
  expect(status, stderr).toBe(0);
};

// Others start from a copy of its finished stages.
let first: Inspection;
beforeAll(async () => {
  await train(run, ...settings({ 'finetune.steps': 60, 'model.decoderLayers': 2 }));
  first = await look(run, ...FEW);
}, 60_000);

describe('the probe of places', () => {
  const model = join(run, 'model');
  const read = (name: string) => JSON.parse(readFileSync(join(model, name), 'utf8'));
  const silent = { progress: silentProgress, signal: new AbortController().signal };

  it('is next to the model, fitted on training tasks and scored on others', () => {
    const probe = checkProbe(read('probe.json'), read('model.json'));
    expect(probe.places.map(({ name, counts, unknown }) => [name, counts, unknown])).toEqual([['goal', [9, 9], true]]);
    // One sample before the first of three episodes, and one after each.
    const split = read('model.json').experiment.tasks;
    expect(probe.fitted).toEqual({ to: { source: 'r-max' }, split, tasks: 6, samples: 6 * 3 * 4, heldOut: 4, scored: 4 * 4 });
    for (const { accuracy, frequent } of probe.places) for (const share of [accuracy, frequent]) expect(share).toBeGreaterThan(0);
  });

  it('is fitted without the run, and refused for another experiment', async () => {
    const copy = join(folder, 'exported');
    cpSync(model, copy, { recursive: true });
    rmSync(join(copy, 'probe.json'));
    const probe = await writeBeliefProbe(copy, join(run, 'config.yaml'), silent);
    expect(checkProbe(JSON.parse(readFileSync(join(copy, 'probe.json'), 'utf8')), read('model.json'))).toEqual(probe);
    expect(probe!.fitted.tasks).toBe(64);
    await expect(writeBeliefProbe(copy, join(ROOT, 'experiments/playground/dark-room.yaml'), silent)).rejects.toThrow(
      failure('E_CHECKPOINT'),
    );
  }, 60_000);
});

describe('looking into a run', () => {
  it('names what it looked into, on both sides', () => {
    expect(first).toMatchObject({
      format: 'cadenza-inspection-2',
      name: 'tiny',
      model: { stage: 'finetune-seed0', compressor: 'bottleneck', latentShape: [2, 16] },
      sides: { train: { side: 'train', tasks: 6, streams: 18 }, heldOut: { side: 'test', tasks: 4, streams: 12 } },
      episodes: 3,
      run: { command: expect.stringMatching(/^cadenza/), config: { name: 'tiny' } },
    });
    expect(first.intervalNote).toContain('95%');
  });

  it('measures every field of a token, by age', () => {
    const { decoder, after, contexts, fields, horizon, binSteps } = there(first.reconstruction);
    expect(decoder).toContain('finetune-seed0');
    // The context holds two episodes of twenty steps.
    expect([after, contexts, horizon, binSteps]).toEqual([2, { train: 18, heldOut: 12 }, 20, 1]);
    const names = ['observation.0', 'observation.1', 'action', 'reward', 'reward events', 'nextObservation.0', 'nextObservation.1', 'done'];
    for (const side of SIDES) {
      expect(fields[side].map(({ name }) => name)).toEqual(names);
      for (const { name, measure, decoder, reference } of fields[side])
        for (const { all, byEpisode, bySteps } of [decoder, reference]) {
          expect([byEpisode.length, bySteps.length]).toEqual([2, 40]);
          const numbers = [all, ...byEpisode, ...bySteps].filter(value => value !== null);
          expect(
            numbers.every(value => value >= 0 && (measure === 'squared error' || value <= 1)),
            name,
          ).toBe(true);
        }
      // Every transition is one of twenty of its episode: the mean context knows where episodes end.
      expect(fields[side][7].reference.all).toBe(0);
    }
  });

  it('probes the goal after each episode, next to its controls', () => {
    const { episodes, numbers, transitions, fittedStreams, rewarded, factors } = there(first.probes);
    expect([episodes, fittedStreams, transitions]).toEqual([[0, 1, 2, 3], 2, 1]);
    expect(numbers).toEqual({ Z: 32, raw: 44 });
    expect(factors.map(({ name, source, measure }) => [name, source, measure])).toEqual([
      ['goal', undefined, 'accuracy'],
      ['rewarded cell', 'r-max', 'accuracy'],
    ]);
    const [{ curves, chance, parts }] = factors;
    expect(Object.keys(curves).sort()).toEqual([...PROBED].sort());
    for (const side of SIDES) {
      expect(rewarded[side][0]).toBe(0);
      expect(rewarded[side]).toEqual([...rewarded[side]].sort((a, b) => a - b));
      for (const { [side]: curve } of Object.values(curves))
        for (const [e, mean] of curve.mean.entries()) {
          expect(curve.low[e] <= mean && mean <= curve.high[e]).toBe(true);
          expect(mean >= 0 && mean <= 1).toBe(true);
        }
      expect(chance[side].every(value => value >= 0 && value < 0.2)).toBe(true);
    }
    expect(parts!.map(({ name }) => name)).toEqual(['x', 'y']);
    // Before anything happened all memories are equal.
    expect(new Set(curves.Z.heldOut.mean.slice(0, 1)).size).toBe(1);
  });

  it('exchanges memories between tasks of each side', () => {
    const tables = there(first.transplants);
    for (const side of SIDES) {
      const { tasks, byOther, byOwn, pursues, own, transplanted, empty } = tables[side];
      expect(tasks).toHaveLength(3);
      for (const matrix of [byOther, byOwn, pursues]) expect(matrix.map(row => row.length)).toEqual([3, 3, 3]);
      for (const [t] of tasks.entries()) expect(byOther[t][t]).toBe(byOwn[t][t]);
      const diagonal = tasks.reduce((sum, _, t) => sum + byOwn[t][t] / 3, 0);
      expect(own.return.mean).toBeCloseTo(diagonal, 12);
      for (const { mean, low, high } of [own.return, transplanted.byOther, transplanted.byOwn, transplanted.pursues, empty.return])
        expect(low <= mean && mean <= high && low >= 0 && high <= 1).toBe(true);
    }
  });

  it('looks at the latents with weights that sum to 1', () => {
    const { layers, latents, ...sides } = there(first.attention);
    expect([layers, latents]).toEqual([[0, 1], 2]);
    for (const side of SIDES) {
      expect(sides[side].map(({ episode }) => episode)).toEqual([1, 2, 3]);
      for (const { weights, entropy } of sides[side]) {
        expect([weights.length, ...weights.map(({ length }) => length)]).toEqual([2, 2, 2]);
        for (const row of weights.flat()) {
          expect(row).toHaveLength(2);
          expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
        }
        expect(entropy.flat().every(value => value >= 0 && value <= 1)).toBe(true);
      }
    }
  });

  it('writes a page and figures that load nothing and hold no broken number', () => {
    const names = ['attention', 'probes-goal', 'probes-r-max-rewarded-cell', 'reconstruction', 'transplants'];
    const written = readdirSync(join(run, 'inspect')).sort();
    expect(written).toEqual([...names.flatMap(name => [`${name}.png`, `${name}.svg`]), 'inspect.html', 'inspect.json'].sort());
    const textOf = (name: string) => readFileSync(join(run, 'inspect', name), 'utf8');
    expectWholePage(textOf('inspect.html'));
    for (const name of written.filter(name => /\.(svg|json)$/.test(name)))
      expect(textOf(name).replace(/"config": \{[\s\S]*/, ''), name).not.toMatch(/NaN|undefined|Infinity|<script|<link|src=/);
    expect(JSON.parse(readFileSync(join(run, 'inspect', 'inspect.json'), 'utf8'))).toEqual(first);
  });

  it('does nothing twice, and the same elsewhere', async () => {
    const stages = () => readdirSync(join(run, 'stages'));
    const before = stages();
    const again = await inspect(run, ...FEW, '--out', join(folder, 'again'));
    expect([again.status, stages()]).toEqual([0, before]);
    // Nothing was played, probed or given back.
    expect(again.stderr).toBe('');
    // The last line names the page.
    const page = again.stdout.split('\n').findIndex(line => line.includes('inspect.html'));
    const lines = again.stdout.split('\n').slice(0, page);
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(80);
    const copy = join(folder, 'copy');
    cpSync(run, copy, { recursive: true });
    for (const name of readdirSync(join(copy, 'stages')).filter(name => name.startsWith('inspect')))
      rmSync(join(copy, 'stages', name), { recursive: true });
    expect(found(await look(copy, ...FEW))).toEqual(found(first));
    const other = await look(copy, ...FEW, '--seed', '1');
    expect(found(other)).not.toEqual(found(first));
  });

  it('goes on by the same command once it was interrupted', async () => {
    const copy = join(folder, 'stopped');
    cpSync(run, copy, { recursive: true });
    // Long enough to be stopped in the middle.
    const longer = [...FEW, '--episodes', '12'];
    const { child, ended } = start(['inspect', copy, ...longer]);
    const streams = (side: string) => readdirSync(join(copy, 'stages')).filter(name => name.startsWith(`inspect-streams-${side}`));
    const others = streams('heldOut').length;
    while (streams('heldOut').length === others && child.exitCode === null) await sleep(2);
    child.kill('SIGINT');
    const { status, stderr } = await ended;
    expect(status, stderr).toBe(130);
    expect(stderr).toEqual(carrying('[E_INTERRUPTED]', 'SIGINT'));
    const finished = () => {
      const records = readdirSync(join(copy, 'stages')).map(name => join(copy, 'stages', name, 'stage.json'));
      return new Map(records.filter(existsSync).map(path => [path, statSync(path).mtimeMs]));
    };
    const before = finished();
    const { status: done, stdout } = await inspect(copy, ...longer, '--json');
    expect(done).toBe(0);
    // The training side had been watched by then, which is not done again.
    expect([before.size < finished().size, new Map([...finished()].filter(([path]) => before.has(path)))]).toEqual([true, before]);
    expect(found(JSON.parse(stdout))).toEqual(found(await look(run, ...longer, '--out', join(folder, 'longer'))));
  });

  it('leaves out what it cannot measure, and says so', async () => {
    const { probes, transplants } = await look(run, ...FEW, '--streams', '1', '--out', join(folder, 'one'));
    expect(probes).toEqual({ missing: carrying(2) });
    expect(isMissing(transplants)).toBe(false);
  });
});

describe('the decoder', () => {
  it('is the pretrained one while the compressor is what it was then', async () => {
    const frozen = join(folder, 'frozen');
    cpSync(run, frozen, { recursive: true });
    await train(frozen, ...settings({ 'finetune.steps': 0, 'model.decoderLayers': 2 }));
    expect(there((await look(frozen, ...FEW)).reconstruction).decoder).toContain('pretrain-seed0');
  });

  it('is a fresh one where the compressor has moved on without it, or none at all', async () => {
    const moved = join(folder, 'moved');
    cpSync(run, moved, { recursive: true });
    await train(moved, ...settings({ 'finetune.steps': 20, 'finetune.gamma': 0, 'model.decoderLayers': 2 }));
    const without = await look(moved, ...FEW, '--decoder-steps', '0', '--out', join(folder, 'without'));
    expect(isMissing(without.reconstruction)).toBe(true);
    expect(existsSync(join(folder, 'without', 'reconstruction.svg'))).toBe(false);
    const { missing } = without.reconstruction as { missing: string };
    expect(parseHTML(readFileSync(join(folder, 'without', 'inspect.html'), 'utf8')).document.body.textContent).toContain(missing);
    const fitted = await look(moved, ...FEW, '--decoder-steps', '30');
    expect(there(fitted.reconstruction).decoder).toEqual(carrying(30));
    const losses = metricsOf(moved, 'inspect-decoder-seed0');
    expect(losses).toHaveLength(3);
    expect(losses[2].loss).toBeLessThan(losses[0].loss);
  });
});

describe('a model that goes on from its latents, on tasks that are drawn', () => {
  it('is looked into all the same', async () => {
    const lifelong = await trained(
      'lifelong',
      `
env: { id: delayed-bandit, options: { arms: 3, pulls: 6, delay: 3 } }
split: { tasks: 5, heldOut: 4 }
source: { id: ucb, histories: 1, episodes: 3, noise: { fraction: 0 } }
context: { segment: 4, segments: 3 }
compressor: recurrent
model: { width: 16, heads: 2, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 }
finetune: { steps: 3, gamma: 0.1 }
`,
    );
    const inside = await look(lifelong, '--streams', '2', '--episodes', '2');
    const { factors, episodes } = there(inside.probes);
    expect(episodes).toEqual([0, 1, 2]);
    expect(factors.map(({ name, measure, parts }) => [name, measure, parts?.length])).toEqual([
      ['best arm', 'accuracy', undefined],
      ['means', 'R²', 3],
      ['best arm', 'accuracy', undefined],
    ]);
    const { heldOut } = there(inside.transplants);
    expect(heldOut.pursues.flat().every(share => share >= 0 && share <= 1)).toBe(true);
    expect(there(inside.reconstruction).after).toBe(1);
  });
});

describe('streams of one episode', () => {
  it('are probed within it, for what is hidden and for what a learner knows by then', async () => {
    const maze = await trained(
      'maze',
      `
env: { id: t-maze, options: { shortest: 4, longest: 15, every: 1 } }
split: { heldOut: 8 }
source: { id: recall, histories: 1, episodes: 1, noise: { fraction: 0 } }
context: { segment: 2, segments: 1 }
queries: { perHistory: 2, consecutive: true }
compressor: recurrent
model: { width: 16, heads: 2, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 1 }
finetune: { steps: 3, gamma: 0 }
`,
    );
    const inside = await look(maze, '--streams', '2', '--decoder-steps', '0');
    const { episodes, calls, factors } = there(inside.probes);
    // Ends of segments, but for those that fewer than a quarter of the streams reach, which take 5 to 16 calls.
    expect([episodes, calls]).toEqual([undefined, [0, 2, 4, 6, 8, 10, 12]]);
    expect(factors.map(({ name, source }) => [name, source])).toEqual([
      ['cue', undefined],
      ['length', undefined],
      ['cue', 'recall'],
    ]);
    const [hidden, , belief] = factors;
    // Before the first step nobody knows the cue, which is known to the probe.
    expect([belief.curves.Z.heldOut.mean[0], belief.chance.heldOut[0]]).toEqual([1, 1]);
    // From then on the belief is the cue.
    expect(belief.curves.Z.heldOut.mean.slice(1)).toEqual(hidden.curves.Z.heldOut.mean.slice(1));
    for (const { curves } of factors) expect(curves.raw.train.mean).toHaveLength(calls!.length);
    expect(inside.attention).not.toHaveProperty('missing');
    expect(existsSync(join(maze, 'inspect', 'probes-recall-cue.svg'))).toBe(true);
  });
});

describe('looking into nothing', () => {
  it.each<[string, string[], ErrorCode, string]>([
    ['a folder without a run', [folder], 'E_CHECKPOINT', '"cadenza run"'],
    ['an experiment of another kind', ['experiments/regression.yaml'], 'E_USAGE', 'experiments/regression.yaml'],
    ['half a stream', [run, '--streams', '0.5'], 'E_USAGE', '--streams 0.5'],
  ])('refuses %s', async (_, args, code, needle) => {
    const ended = await inspect(...args);
    expect(ended).toEqual(exit(code, needle));
    expect(ended.stdout).toBe('');
  });

  it('looks for the run of an experiment where that goes', async () => {
    const file = join(folder, 'never-run.yaml');
    writeFileSync(file, readFileSync(TINY, 'utf8').replace('name: tiny', 'name: never-run'));
    expect(await inspect(file)).toEqual(exit('E_CHECKPOINT', join('runs', 'never-run')));
  });
});
