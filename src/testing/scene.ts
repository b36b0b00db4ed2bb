/** @file The contract of scenes: everything is inside, and both drawings come out. Part of the contract of environments. */

import { type EnvFamily, episodeScenes, type PlayedEpisodes, type Scene, sceneSVG, sceneText } from '../rl/index.ts';
import { expectEqual, expectThat } from './check.ts';

/** Throws unless all scenes of the first of these episodes can be drawn, and are the same when asked again. */
export function expectScenes(family: EnvFamily, played: PlayedEpisodes, where: string): void {
  const scenes = episodeScenes(family, played, 0);
  for (const [t, scene] of scenes.entries()) expectScene(scene, `${where}, after ${t} steps`);
  expectEqual(episodeScenes(family, played, 0), scenes, `${where}, scenes when asked again`);
}

/** Throws unless a scene can be drawn: every mark, bar and wall within its bounds, as text and as well-formed SVG. */
function expectScene(scene: Scene, where: string): void {
  const within = (value: number, low: number, high: number, what: string) =>
    expectThat(value >= low && value <= high, `${where}: ${what}`, `a number in [${low}, ${high}]`, value);
  if (scene.kind === 'bars') {
    expectThat(scene.bars.length > 0, `${where}: bars`, 'at least one', scene.bars);
    for (const { name, value } of scene.bars) within(value, 0, scene.max, `bar ${name}`);
  } else {
    const grid = scene.kind === 'grid';
    const [low, high] = grid
      ? [
          [0, 0],
          [scene.columns - 1, scene.rows - 1],
        ]
      : [scene.low, scene.high];
    for (const { role, at } of scene.marks)
      for (const d of [0, 1]) {
        within(at[d], low[d], high[d], `${role}, number ${d} of its place`);
        expectThat(!grid || Number.isInteger(at[d]), `${where}: ${role}, number ${d} of its place`, 'an integer', at[d]);
      }
    if (grid && scene.walls) {
      const cells = scene.columns * scene.rows;
      expectThat(scene.walls.length === cells, `${where}: walls`, `${cells} numbers`, scene.walls.length);
    }
  }
  const text = sceneText(scene);
  expectThat(text.length > 0 && !text.includes('undefined') && !text.includes('NaN'), `${where}: text`, 'a drawing without gaps', text);
  expectWellFormed(sceneSVG(scene), `${where}: SVG`);
}

/** An XML tag: the slash of one that closes, its name, its attributes, and the slash of an empty one. */
const TAG = /<(\/?)(\w+)((?:\s[\w-]+="[^"<]*")*)\s*(\/?)>/g;

/** Throws unless the text is one XML element, whose numbers are finite. */
export function expectWellFormed(svg: string, where: string): void {
  const open: string[] = [];
  let roots = 0;
  for (const [tag, closes, name, , empty] of svg.matchAll(TAG)) {
    if (closes) expectThat(open.pop() === name, where, `${tag} to close what is open`, svg);
    else {
      if (open.length === 0) roots++;
      if (!empty) open.push(name);
    }
  }
  expectThat(roots === 1 && open.length === 0, where, 'one element, with all tags closed', svg);
  expectThat(!/[<>]|&(?!(amp|lt|gt|quot);)/.test(svg.replace(TAG, '')), where, 'text with <, > and & escaped', svg);
  expectThat(!/NaN|Infinity|undefined/.test(svg), where, 'finite numbers', svg);
}
