/** @file Saves the latest steps of the session as a GIF or as an SVG that moves. What draws them is loaded when it is asked for. */

import { useState } from 'preact/hooks';
import type { FrameOptions } from './frames.ts';
import * as state from './state.ts';

/** Numbers of steps to choose from. */
const COUNTS = [50, 100, 200] as const;
/** Milliseconds of a frame: not faster than viewers show, and not slower than one waits for. */
const [LEAST, MOST] = [40, 400];

type Kind = 'gif' | 'svg';

function download(content: BlobPart, type: string, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

export function Save({ names, colors }: Pick<FrameOptions, 'names' | 'colors'>) {
  const [count, setCount] = useState<number>(COUNTS[1]);
  const [memory, setMemory] = useState(true);
  const [share, setShare] = useState<number | undefined>(undefined);
  const empty = state.lanes.value.every(({ steps }) => steps === 0);
  const save = async (kind: Kind) => {
    setShare(0);
    const goesOn = state.playing.value;
    // The session may be another one by the time that its steps are there.
    const { window, family, id } = state.world.value;
    const beliefs = state.believed.value;
    try {
      const recording = await state.record(count);
      if (recording.length === 0) return;
      if (goesOn) state.play();
      const unit = window ? `${family.outcome?.name} in ${window} calls` : 'return of an episode';
      const { animatedOf, drawFrames } = await import('./frames.ts');
      const drawn = drawFrames(recording, { names, colors, memory, beliefs, unit });
      const delay = Math.round(Math.max(LEAST, Math.min(MOST, 1000 / state.speed.value)));
      const name = `cadenza-${id}.${kind}`;
      if (kind === 'svg') return download(animatedOf(drawn, delay), 'image/svg+xml', name);
      const { gifOf } = await import('./gif.ts');
      download(await gifOf(drawn, delay, setShare), 'image/gif', name);
    } catch (error) {
      state.failure.value = { code: 'E_INTERNAL', message: error instanceof Error ? error.message : String(error) };
    } finally {
      setShare(undefined);
    }
  };
  const idle = share === undefined && !empty;
  return (
    <div class="controls">
      <label>
        Latest steps
        <select value={count} onChange={event => setCount(Number(event.currentTarget.value))}>
          {COUNTS.map(each => (
            <option value={each}>{each}</option>
          ))}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" checked={memory} onChange={event => setMemory(event.currentTarget.checked)} />
        With Z
      </label>
      <button type="button" disabled={!idle} onClick={() => void save('gif')}>
        Save a GIF
      </button>
      <button type="button" disabled={!idle} onClick={() => void save('svg')}>
        Save an SVG
      </button>
      {share !== undefined && <progress value={share} aria-label="Saving" />}
      {empty && <p class="note">There is something to save once an agent has taken a step.</p>}
    </div>
  );
}
