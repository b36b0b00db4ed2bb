import { describe, expect, it } from 'vitest';
import { environment } from '../../envs/index.ts';
import { recordRollout } from '../../play/index.ts';
import { Recording } from '../../rl/index.ts';
import { source, sourcePolicy } from '../../sources/index.ts';
import { mean, probe } from '../../statistics/index.ts';
import { Random } from '../../util/random.ts';
import { beliefsOf, believedAt } from './beliefs.ts';

const family = environment('key-to-door-life', { size: 3, attempt: 8, calls: 120, every: 40 });
const tasks = Array.from({ length: 12 }, (_, i) => family.drawTask!(Random.seeded(1).split(i)));
const subject = (id: string) => ({
  config: { source: { id, options: {} } },
  model: { family },
  options: { seed: 0 },
  tasks: { train: tasks, heldOut: tasks },
});

/** Recorded lives in which this source acts. */
async function lives(id: string) {
  const policy = sourcePolicy({ family, tasks, source: source(id), random: Random.seeded(2) });
  const streams = tasks.map(task => new Recording(task, family, policy.actions));
  await recordRollout(streams, { family, policy, episodes: 1, random: Random.seeded(3) });
  return streams;
}

describe('beliefs of a learner that observes', () => {
  it('are those after each number of calls, and after all of them', async () => {
    const [life] = await lives('layout-search');
    const ends = [0, 10, 60, 120];
    const beliefs = believedAt(subject('layout-search'), life, ends);
    const [start, ...later] = beliefs;
    expect(start).toEqual([
      [3, 3],
      [3, 3],
    ]);
    expect(new Set(later.map(String)).size).toBeGreaterThan(1);
    // The same whatever is asked for besides.
    expect(believedAt(subject('layout-search'), life, [60])).toEqual([beliefs[2]]);
  });

  it('are none of a source without beliefs, of one that cannot observe, or of imported histories', async () => {
    const [life] = await lives('random');
    for (const id of ['random', 'ppo']) {
      expect(beliefsOf(subject(id))).toEqual([]);
      expect(believedAt(subject(id), life, [0, 120])).toEqual([[], []]);
    }
    const imported = { ...subject('layout-search'), config: { source: { id: 'layout-search', options: {}, dataset: 'x' } } };
    expect(beliefsOf(imported)).toEqual([]);
  });

  it('are decoded above chance from latents that hold them', async () => {
    const [{ space }] = beliefsOf(subject('layout-search'));
    const ends = [40, 80, 120];
    const values = (await lives('random')).flatMap(life => believedAt(subject('layout-search'), life, ends).map(([key]) => key));
    const random = Random.seeded(4);
    const samples = (noise: number) => ({
      values,
      rows: Float32Array.from(values.flatMap(key => key.flatMap(v => [0, 1, 2, 3].map(k => Number(v === k) + noise * random.normal())))),
    });
    const fit = { ...samples(0.1), groups: values.map((_, i) => Math.floor(i / ends.length)) };
    const [{ whole, frequent }] = probe({ space, size: 8, fit, scored: [samples(0.1)] });
    expect(frequent).toBeLessThan(0.9);
    expect(mean(whole)).toBe(1);
  });
});
