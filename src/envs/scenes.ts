/** @file What the scenes of the built-in environments share: the caption, and the marks where the agent was. */

import type { Mark, PastSteps } from '../rl/index.ts';

/** How far an episode is: `step 3, return 1`, and further lines. */
export function captionOf({ reward }: PastSteps, ...lines: string[]): string {
  let total = 0;
  for (let t = 0; t < reward.length; t++) total += reward[t];
  return [`step ${reward.length}, return ${+total.toFixed(3)}`, ...lines].join('\n');
}

/** So many of the latest steps are marked, so that a drawing stays small. */
const MOST = 1000;

/** Marks where the agent was in the last `steps` steps (all of the episode by default), each place once. */
export function visited(
  { observation, reward }: PastSteps,
  placeOf: (observation: ArrayLike<number>) => ArrayLike<number>,
  steps = reward.length,
): Mark[] {
  const width = reward.length > 0 ? observation.length / reward.length : 0;
  const row = new Float32Array(width);
  const places = new Map<string, Mark>();
  for (let t = Math.max(0, reward.length - Math.min(steps, MOST)); t < reward.length; t++) {
    for (let k = 0; k < width; k++) row[k] = observation[t * width + k];
    const at = Array.from(placeOf(row));
    places.set(at.join(), { role: 'visited', at });
  }
  return [...places.values()];
}
