/** @file The memory of an agent: Z now, one latent through time, and what a person can do to it. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { bitsOfLatents } from './bits.ts';
import { AttentionBars, Codes } from './reading.tsx';
import type { LaneView } from './session.ts';
import { heatOf } from './shades.ts';
import { edit, edits, restoring, world } from './state.ts';

/** Colors of numbers from −1 to 1, so many on each side of 0, as pixels of a picture: a page draws thousands for every step. */
const LEVELS = 256;
const COLORS = Uint32Array.from({ length: 2 * LEVELS + 1 }, (_, i) => {
  const [red, green, blue] = heatOf(i / LEVELS - 1);
  return (255 << 24) | (blue << 16) | (green << 8) | red;
});

/** A picture of rows × columns numbers, each divided by the largest. */
function HeatMap({ rows, columns, at, label, onPick, picked }: HeatMapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || rows * columns === 0) return;
    let most = 1e-6;
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) most = Math.max(most, Math.abs(at(r, c)));
    const picture = context.createImageData(columns, rows);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) {
        pixels[r * columns + c] = COLORS[Math.round(LEVELS * (1 + at(r, c) / most))];
      }
    context.putImageData(picture, 0, 0);
  });
  const pick = (event: MouseEvent) => {
    const { left, top, width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    onPick?.(Math.floor(((event.clientY - top) / height) * rows), Math.floor(((event.clientX - left) / width) * columns));
  };
  return (
    <span class="heat-map">
      <canvas ref={canvas} width={Math.max(1, columns)} height={Math.max(1, rows)} role="img" aria-label={label} onClick={onPick && pick} />
      {picked && (
        <i
          class="picked"
          style={{
            left: `${(100 * picked[1]) / columns}%`,
            top: `${(100 * picked[0]) / rows}%`,
            width: `${100 / columns}%`,
            height: `${100 / rows}%`,
          }}
        />
      )}
    </span>
  );
}

interface HeatMapProps {
  readonly rows: number;
  readonly columns: number;
  readonly at: (row: number, column: number) => number;
  readonly label: string;
  readonly onPick?: (row: number, column: number) => void;
  readonly picked?: readonly [number, number];
}

export function Memory({ lanes, names, index }: { lanes: readonly LaneView[]; names: readonly string[]; index: number }) {
  const [[m, d], pick] = useState<readonly [number, number]>([0, 0]);
  const lane = lanes[index];
  if (!lane?.latents || !lane.latentShape)
    return <p>{restoring.value === undefined ? `Nothing to show: ${names[index]} has no latents.` : 'The agent is being loaded …'}</p>;
  const { latents, latentShape, trail, dropped, frozen } = lane;
  const [M, D] = latentShape;
  const [latent, dimension] = [Math.min(m, M - 1), Math.min(d, D - 1)];
  const at = latent * D + dimension;
  const value = latents[at];
  const others = lanes.flatMap((other, i) => (i !== index && other.agent === lane.agent ? [i] : []));
  return (
    <div class="memory">
      <div>
        <h3>Z now</h3>
        <p class="note">
          {M} latents of {D} numbers, {bitsOfLatents(lane).toLocaleString('en')} bits. Choose a number to change it, and to see its latent
          through time.
        </p>
        <Readable beliefs={lane.beliefs} />
        <HeatMap
          rows={M}
          columns={D}
          at={(row, column) => latents[row * D + column]}
          label={`Z: ${M} latents of ${D} numbers`}
          onPick={(row, column) => pick([row, column])}
          picked={[latent, dimension]}
        />
        <div class="controls">
          <label>
            latent
            <input type="number" min="1" max={M} value={latent + 1} onInput={event => pick([numberOf(event, M) - 1, dimension])} />
          </label>
          <label>
            number
            <input type="number" min="1" max={D} value={dimension + 1} onInput={event => pick([latent, numberOf(event, D) - 1])} />
          </label>
          <Slider value={value} onSet={next => edit(index, { kind: 'latent', index: at, value: next })} />
        </div>
      </div>
      <div>
        <h3>Latent {latent + 1} through time</h3>
        <p class="note">
          One column for each segment, after its end
          {trail.length > 1 ? `: segments ${dropped + 1} to ${dropped + trail.length}` : ''}.
        </p>
        {trail.length > 0 ? (
          <HeatMap
            rows={D}
            columns={trail.length}
            at={(row, column) => trail[column][latent * D + row]}
            label={`Latent ${latent + 1} after each of ${trail.length} segments`}
          />
        ) : (
          <p class="empty">Nothing yet: Z changes when a segment ends.</p>
        )}
        <div class="controls">
          <button type="button" data-tour="wipe" onClick={() => edit(index, { kind: 'wipe' })}>
            Wipe
          </button>
          <button type="button" aria-pressed={frozen} onClick={() => edit(index, { kind: 'freeze', on: !frozen })}>
            {frozen ? 'Thaw' : 'Freeze'}
          </button>
          {others.map(other => (
            <button type="button" onClick={() => edit(index, { kind: 'exchange', other })}>
              Exchange with {names[other]}
            </button>
          ))}
        </div>
      </div>
      {lane.attention && <AttentionBars attention={lane.attention} />}
      {lane.alphabet && <Codes codes={lane.codes} alphabet={lane.alphabet} />}
    </div>
  );
}

/** Sets one number of Z. It shows what was set last until Z has it: keys are pressed faster than Z is drawn. */
function Slider({ value, onSet }: { value: number; onSet: (value: number) => void }) {
  const [set, setSet] = useState<number | undefined>(undefined);
  const latest = edits.value.at(-1);
  const arrived = latest?.kind === 'latent' && latest.value === set;
  useEffect(() => {
    if (arrived) setSet(undefined);
  }, [arrived]);
  const shown = arrived ? value : (set ?? value);
  return (
    <label class="wide">
      value {shown.toFixed(2)}
      <input
        type="range"
        min="-3"
        max="3"
        step="0.05"
        value={shown}
        data-testid="latent"
        onChange={event => {
          const next = Number(event.currentTarget.value);
          setSet(next);
          onSet(next);
        }}
      />
    </label>
  );
}

/** How far to trust the probe, or how to make one. */
function Readable({ beliefs }: Pick<LaneView, 'beliefs'>) {
  const { places, family } = world.value;
  const hidden = places.filter(({ role }) => family.hidden?.some(({ name }) => name === role));
  if (hidden.length === 0) return null;
  if (!beliefs)
    return (
      <p class="note">
        This model has no probe, so the page cannot say where Z has the {hidden.map(({ role }) => role).join(' or the ')}. For a model of
        yours, <code>cadenza inspect</code> with the folder of its run makes one.
      </p>
    );
  const right = beliefs.map(({ name, accuracy }) => `the ${name} ${Math.round(100 * accuracy)}% of the time`).join(', ');
  return <p class="note">A linear probe reads Z. On tasks that it was not fitted on, it locates {right}.</p>;
}

const numberOf = (event: Event, most: number) =>
  Math.max(1, Math.min(most, Math.round(Number((event.currentTarget as HTMLInputElement).value)) || 1));
