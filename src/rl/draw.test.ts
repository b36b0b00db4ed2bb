import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { expectWellFormed } from '../testing/scene.ts';
import { episodeScenes, type GridScene, ROLES, type Role, type Scene, sceneSVG, sceneText } from './index.ts';

const roles = Object.keys(ROLES) as Role[];
const grid: GridScene = {
  kind: 'grid',
  columns: 3,
  rows: 2,
  walls: [0, 0, 1, 0, 0, 0],
  marks: [
    { role: 'start', at: [0, 0] },
    { role: 'goal', at: [1, 1], hidden: true },
    { role: 'goal', at: [2, 1], letter: '<' },
    { role: 'agent', at: [0, 0] },
  ],
  caption: 'a < b & "c"\n\u0007',
};
const bars: Scene = { kind: 'bars', max: 4, bars: [{ name: 'arm', value: 1, text: 'one', roles: ['agent', 'goal'] }] };
const plane: Scene = {
  kind: 'plane',
  low: [0, 0],
  high: [4, 2],
  marks: [
    { role: 'goal', at: [4, 2], radius: 0.3 },
    { role: 'agent', at: [0, 0] },
  ],
};

it('no two roles have the same letter, and none but where the agent was its color', () => {
  expect(new Set(roles.map(role => ROLES[role].letter)).size).toBe(roles.length);
  expect(new Set(roles.map(role => ROLES[role].color)).size).toBe(roles.length - 1);
});

describe('text', () => {
  it('has a character for each cell, and lines of its caption without control characters', () => {
    expect(sceneText(grid).split('\n')).toEqual(['@.#', '.g<', 'a < b & "c"', '\\u0007']);
  });

  it('has bars of at most 20 characters', () => {
    expect(sceneText(bars)).toBe('@G arm ##### one');
  });

  it('has the corners of a plane in its corners', () => {
    const lines = sceneText(plane).split('\n');
    expect([lines[0].at(-1), lines.at(-1)![0], lines.length]).toEqual(['G', '@', 13]);
  });
});

describe('SVG', () => {
  const svg = sceneSVG(grid);
  const sizeOf = (text: string) => ['width', 'height'].map(name => Number(new RegExp(`<svg [^>]* ${name}="([\\d.]+)"`).exec(text)![1]));

  it('is well-formed, with text escaped', () => {
    for (const scene of [grid, bars, plane, [grid, bars, plane]]) expectWellFormed(sceneSVG(scene), 'svg');
    expect(svg).toContain('a &lt; b &amp; &quot;c&quot;');
    expect(svg).toContain('>&lt;<');
    expect(svg).not.toContain('\u0007');
  });

  it('has the color of each role, the text color elsewhere, and dashes around what is hidden', () => {
    expect(new Set(svg.match(/#[\da-f]{6}/g))).toEqual(new Set([ROLES.start.color, ROLES.goal.color, ROLES.agent.color]));
    expect(svg).toContain('currentColor');
    expect(svg.match(/stroke-dasharray/g)).toHaveLength(1);
    expect(svg.match(/<title>/g)).toHaveLength(4);
  });

  it('has no dot under a letter', () => {
    const dots = (at: [number, number]) =>
      sceneSVG({ ...grid, marks: [{ role: 'visited', at }, ...grid.marks] }).match(/<circle/g)!.length - 1;
    expect([dots([1, 0]), dots([1, 1])]).toEqual([1, 0]);
  });

  it('refuses to draw no scenes', () => {
    expect(() => sceneSVG([])).toThrow(failure('E_SHAPE', 'sceneSVG'));
  });

  it('puts several scenes in rows', () => {
    const [width, height] = sizeOf(svg);
    expect(sizeOf(sceneSVG([grid, grid]))).toEqual([2 * width + 20, height]);
    const [wide, high] = sizeOf(sceneSVG(new Array(30).fill(grid)));
    expect(wide).toBeLessThanOrEqual(880);
    expect(high).toBeGreaterThan(2 * height);
  });

  it('grows with captions', () => {
    const { caption: _, ...plain } = grid;
    expect(sizeOf(sceneSVG(plain))[1]).toBeLessThan(sizeOf(svg)[1]);
    expect(sizeOf(sceneSVG({ ...grid, caption: 'x'.repeat(100) }))[0]).toBeGreaterThan(700);
  });
});

describe('the scenes of an episode', () => {
  // Two episodes, of two steps and one.
  const played = {
    task: { goal: 7 },
    observation: [0, 1, 5],
    nextObservation: [1, 2, 6],
    action: [10, 20, 11, 21, 12, 22],
    reward: [1, 2, 3],
    terminated: [0, 1, 0],
    truncated: [0, 0, 0],
  };
  const family = {
    id: 'plain',
    render: (task: object, observation: ArrayLike<number>, past: object): Scene => ({
      ...bars,
      caption: JSON.stringify({ task, observation, past }),
    }),
  };
  const told = (episode: number) => episodeScenes(family, played, episode).map(({ caption }) => JSON.parse(caption!));
  const column = (...values: number[]) => ({ ...values });

  it('are one more than its steps, each with what came before', () => {
    const { task } = played;
    expect(told(0)).toEqual([
      { task, observation: column(0), past: { observation: {}, action: {}, reward: {} } },
      { task, observation: column(1), past: { observation: column(0), action: column(10, 20), reward: column(1) } },
      { task, observation: column(2), past: { observation: column(0, 1), action: column(10, 20, 11, 21), reward: column(1, 2) } },
    ]);
    expect(told(1).at(-1)).toEqual({
      task,
      observation: column(6),
      past: { observation: column(5), action: column(12, 22), reward: column(3) },
    });
  });

  it('need a drawing and an episode', () => {
    expect(() => episodeScenes({ id: 'plain' }, played, 0)).toThrow(failure('E_CONFIG', 'plain', 'render'));
    for (const episode of [2, -1, 0.5]) expect(() => episodeScenes(family, played, episode)).toThrow(failure('E_SHAPE', episode));
  });
});
