/** @file Sessions of the playground without a page: equal setups and edits give equal sessions, and a link restores one. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ListedModel } from '../../src/server/listed-model.ts';
import { fromLink, type Linked, toLink } from '../../web/src/play/link.ts';
import { type EditKind, type LaneView, Session, type Setup } from '../../web/src/play/session.ts';
import { worldIds, worldOf } from '../../web/src/play/worlds.ts';
import { AGENTS, openSession } from '../helpers/players.ts';

const noModel = async (name: string): Promise<never> => {
  throw new Error(name);
};
const open = (setup: Setup) => Session.open(setup, noModel);
const numbers = ({ scores, running, task, steps }: LaneView) => ({ scores, running, task, steps });

/** The upper left corner, and a cell two rows below. */
const CELLS = [
  [0, 0],
  [0, 2],
] as const;

describe.each(worldIds)('a session in %s', world => {
  const setup: Setup = { world, agents: ['source', 'random', 'you'], seed: 3 };
  const { places } = worldOf(world);

  it('is restored by its link, with what was done on the way', async () => {
    const session = await open(setup);
    await session.edit(2, { kind: 'act', action: 1 });
    for (let t = 0; t < 30; t++) await session.step();
    const [{ task }] = await session.view();
    const [role, move] = [places[0].role, places[0].moved];
    const cell = CELLS.find(each => JSON.stringify(move(task, each)) !== JSON.stringify(task))!;
    await session.edit(0, { kind: 'move', role, cell });
    await session.edit(2, { kind: 'act', action: 3 });
    for (let t = 0; t < 40; t++) await session.step();
    await session.edit(1, { kind: 'wipe' });
    const linked: Linked = { ...setup, steps: session.steps, edits: session.edits, speed: 30, shown: 1 };
    const read = fromLink(`#${toLink(linked)}`, () => []);
    expect(read).toEqual({ ...linked, options: {}, edits: [...session.edits] });

    const again = await open(read);
    await again.replay(read.steps, read.edits);
    expect(again.steps).toEqual([70, 70, 2]);
    expect((await again.view()).map(numbers)).toEqual((await session.view()).map(numbers));
    expect((await again.view())[0].task).toEqual(move(task, cell));
  });

  it('moves nothing to a place outside of it', async () => {
    const session = await open(setup);
    const [{ task, scene }] = await session.view();
    for (const { role } of places) await session.edit(0, { kind: 'move', role, cell: [99, 99] });
    // Nobody else acts for an agent, and nobody takes actions that are not there.
    await session.edit(0, { kind: 'act', action: 0 });
    await session.edit(2, { kind: 'act', action: 99 });
    expect(session.steps).toEqual([0, 0, 0]);
    expect((await session.view())[0].task).toEqual(task);
    if (scene?.kind === 'grid') expect(session.edits).toEqual([]);
  });

  it('shows what its learner finds: the source earns more than random actions', async () => {
    const session = await open({ ...setup, agents: ['source', 'random'] });
    for (let t = 0; t < 2000; t++) await session.step();
    const [source, random] = (await session.view()).map(({ scores }) => scores.reduce((sum, score) => sum + score, 0));
    expect(source).toBeGreaterThan(1.3 * random);
  });
});

/** Runs a session of agents that come with the playground, and returns what they scored. */
async function scoresOf(setup: Setup, steps: number, edits: readonly (EditKind & { at: number })[] = []): Promise<(readonly number[])[]> {
  const session = await openSession(setup);
  for (let t = 0; t < steps; t++) {
    for (const { at, ...what } of edits) if (at === t) for (const lane of setup.agents.keys()) await session.edit(lane, what);
    await session.step();
  }
  return (await session.view()).map(({ scores }) => scores);
}
const mean = (scores: readonly number[]) => scores.reduce((sum, score) => sum + score, 0) / scores.length;

it('changes no number that Z does not have, and none to one that it cannot have', async () => {
  const setup: Setup = { world: 'dark-room', agents: ['dark-room'], seed: 1 };
  const [plain, edited] = await Promise.all([openSession(setup), openSession(setup)]);
  await edited.edit(0, { kind: 'latent', index: 99_999, value: 1 });
  await edited.edit(0, { kind: 'latent', index: 0, value: 1e300 });
  for (const session of [plain, edited]) for (let t = 0; t < 50; t++) await session.step();
  expect((await edited.view()).map(numbers)).toEqual((await plain.view()).map(numbers));
});

describe('the agents that come with the playground', () => {
  const listed: readonly ListedModel[] = JSON.parse(readFileSync(join(AGENTS, 'index.json'), 'utf8'));
  const bytesOf = (name: string, without: readonly string[] = []) =>
    readdirSync(join(AGENTS, name))
      .filter(file => !without.includes(file))
      .reduce((sum, file) => sum + statSync(join(AGENTS, name, file)).size, 0);

  it('are small, and those in the list', () => {
    const folders = readdirSync(AGENTS, { withFileTypes: true }).filter(entry => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(listed.map(({ name }) => name).sort());
    // What an agent needs to act; the rest is read when somebody looks into it.
    expect(listed.filter(({ name }) => bytesOf(name, ['attention.onnx', 'probe.json']) > 400_000)).toEqual([]);
    expect(listed.reduce((sum, { name }) => sum + bytesOf(name), 0)).toBeLessThan(325_000 * listed.length);
  });

  it('are led by CAD in every world', () => {
    const worlds = [...new Set(listed.map(({ env }) => env.id))];
    expect(worlds.toSorted()).toEqual([...worldIds].sort());
    expect(worlds.map(id => listed.find(({ env }) => env.id === id)!.method)).toEqual(worlds.map(() => 'cad'));
  });

  it.each(listed.map(({ name, env }) => [name, env.id]))('act in their world: %s', async (name, world) => {
    const session = await openSession({ world, agents: [name], seed: 1 });
    for (let t = 0; t < 200; t++) await session.step();
    const [{ probabilities, steps }] = await session.view({ lane: 0, field: true });
    expect(steps).toBe(200);
    expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1);
  });
});

describe('Dark Room', () => {
  it('is learned by CAD and by the last transitions, which show the goal once it was found, and not without memory', async () => {
    const agents = ['dark-room', 'dark-room-truncated', 'dark-room-none'];
    // The goal is five steps from the start; an episode has 20.
    const [cad, truncated, none] = await scoresOf({ world: 'dark-room', agents, seed: 1 }, 400, [
      { at: 0, kind: 'move', role: 'goal', cell: [2, 7] },
    ]);
    expect(mean(cad.slice(15))).toBeGreaterThan(12);
    expect(mean(truncated.slice(15))).toBeGreaterThan(12);
    expect(mean(none.slice(15))).toBeLessThan(8);
  });
});

describe('Key-to-Door', () => {
  it('is learned by CAD, whose Z holds the key; the last transitions show the door', async () => {
    const agents = ['key-to-door', 'key-to-door-truncated', 'key-to-door-none'];
    const [cad, truncated, none] = await scoresOf({ world: 'key-to-door', agents, seed: 3 }, 900);
    const late = (scores: readonly number[]) => mean(scores.slice(10));
    expect(late(cad)).toBeGreaterThan(1.8);
    expect(late(truncated)).toBeLessThan(1.5);
    expect(late(none)).toBeLessThan(1.2);
  });
});

describe('a life of Key-to-Door', () => {
  it('is learned, and learned again after key and door have moved', async () => {
    const setup = { world: 'key-to-door-life', agents: ['key-to-door-life', 'key-to-door-life-none', 'source'], seed: 3 };
    const edits: Parameters<typeof scoresOf>[2] = [
      { at: 1000, kind: 'move', role: 'key', cell: [1, 6] },
      { at: 1000, kind: 'move', role: 'door', cell: [6, 1] },
    ];
    // Doors in every 100 calls.
    const [cad, none, source] = await scoresOf(setup, 2000, edits);
    const before = [5, 10] as const;
    const after = [15, 20] as const;
    for (const part of [before, after]) {
      expect(mean(cad.slice(...part))).toBeGreaterThan(0.8 * mean(source.slice(...part)));
      expect(mean(none.slice(...part))).toBeLessThan(0.3 * mean(source.slice(...part)));
    }
    expect(cad[10]).toBeLessThan(0.5 * mean(cad.slice(...before)));
  }, 60_000);
});

describe('the bandit', () => {
  it('is learned, and learned again after the arms changed, which its source is slow to notice', async () => {
    const setup = { world: 'delayed-bandit', agents: ['bandit', 'source', 'random'], seed: 2 };
    const [cad, source, random] = await scoresOf(setup, 20 * 150, [{ at: 1500, kind: 'move', role: 'goal', cell: [0, 0] }]);
    // One hundred pulls of an arm of mean 0.89 in an episode.
    expect(mean(cad.slice(5, 10))).toBeGreaterThan(80);
    expect(mean(source.slice(5, 10))).toBeGreaterThan(80);
    expect(mean(random)).toBeLessThan(50);
    expect(cad[10]).toBeLessThan(60);
    expect(mean(cad.slice(13))).toBeGreaterThan(75);
    expect(mean(source.slice(13))).toBeLessThan(60);
  });
});

describe('the T-maze', () => {
  it('is solved by the latents of CAD in corridors longer than in training; the last transitions do not hold the cue', async () => {
    const setup = { world: 't-maze', options: { shortest: 300, longest: 300 }, agents: ['t-maze', 't-maze-truncated'], seed: 1 };
    const [cad, truncated] = await scoresOf(setup, 10 * 301);
    expect(cad).toEqual(new Array(10).fill(1));
    expect(truncated.length).toBe(10);
    expect(mean(truncated)).toBeLessThan(0.8);
  }, 60_000);

  it('begins a new episode when a cue is chosen, and forgets the earlier one', async () => {
    const session = await openSession({ world: 't-maze', options: { shortest: 100, longest: 100 }, agents: ['t-maze'], seed: 1 });
    const cues = [];
    for (const row of [0, 2, 0]) {
      for (let t = 0; t < 70; t++) await session.step();
      await session.edit(0, { kind: 'move', role: 'goal', cell: [0, row] });
      const [{ task, step, latents }] = await session.view();
      cues.push([task.cue, step, Math.max(...latents!)]);
      for (let t = 0; t < 101; t++) await session.step();
    }
    const [{ scores }] = await session.view();
    expect(cues).toEqual([1, -1, 1].map(cue => [cue, 0, 0]));
    expect(scores).toEqual([1, 1, 1]);
  });
});

describe('links', () => {
  it('have a default for everything that is missing or unknown', () => {
    const empty = fromLink('', () => ['source']);
    expect(empty).toEqual({ world: worldIds[0], options: {}, agents: ['source'], seed: 1, steps: [], edits: [], speed: 10, shown: 0 });
    for (const options of ['{"size":100}', '{"foo":1}'])
      expect(fromLink(`#world=dark-room&options=${encodeURIComponent(options)}`, () => ['source'])).toEqual(empty);
    expect(fromLink('#seed=-1&speed=7&shown=99&steps=x,1e9&edits=0.1.fly~~0.2&options=[1]&agents=', () => ['random'])).toEqual({
      ...empty,
      agents: ['random'],
      seed: 0,
      steps: [0, 100_000],
      shown: 3,
    });
  });
});
