/** @file The page: the session on top, its agents side by side, their scores, and the memory of one of them. */

import { sceneSVG } from '../../../src/rl/draw.ts';
import type { OTHER_AGENTS } from '../../../src/server/listed-model.ts';
import { TrainSection } from '../train/section.tsx';
import { Bars } from './bars.tsx';
import { BeliefWords } from './belief.tsx';
import { colorNamesOf } from './colors.ts';
import { Curve } from './curve.tsx';
import { Grid } from './grid.tsx';
import { MOST_AGENTS, SPEEDS } from './link.ts';
import { Memory } from './memory.tsx';
import { Save } from './save.tsx';
import type { LaneView } from './session.ts';
import * as state from './state.ts';
import { Tour, TourButton } from './tour.tsx';
import { type Place, worldIds, worldOf } from './worlds.ts';
import { You } from './you.tsx';

/** Agents that are no models. */
const OTHERS: Readonly<Record<(typeof OTHER_AGENTS)[number], string>> = {
  source: 'the source',
  random: 'random actions',
  you: 'you, by the keyboard',
};

const label = (agent: string) =>
  state.models.value.find(({ name }) => name === agent)?.label ?? OTHERS[agent as keyof typeof OTHERS] ?? agent;

/** What a click moves, on the page. */
const nameOf = ({ role, name = `the ${role}` }: Place): string => name;

/** Names of the agents, numbered where two are the same. */
const names = (agents: readonly string[]) =>
  agents.map((agent, i) => {
    const same = agents.flatMap((other, k) => (other === agent ? [k] : []));
    return same.length > 1 ? `${label(agent)} ${same.indexOf(i) + 1}` : label(agent);
  });

export function App() {
  const { setup, lanes, shown, failure, restoring, world } = state;
  const called = names(lanes.value.map(({ agent }) => agent));
  const colorNames = colorNamesOf(
    lanes.value.map(({ agent }) => agent),
    state.models.value,
  );
  const colors = colorNames.map(name => `var(--${name})`);
  const onDrop = async (event: DragEvent) => {
    event.preventDefault();
    await state.drop(await filesOf(event.dataTransfer));
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files can also be chosen by a button.
    <div class="page" onDragOver={event => event.preventDefault()} onDrop={onDrop}>
      <header>
        <div class="title">
          <h1>cadenza playground</h1>
          <TourButton />
        </div>
        <p>{world.value.about} Weights never change here: all learning happens in the memory.</p>
      </header>
      <Tour />
      {failure.value && (
        <p class="failure" role="alert">
          <strong>{failure.value.code}</strong> {failure.value.message}
        </p>
      )}
      <Toolbar />
      {restoring.value !== undefined && (restoring.value > 0 || lanes.value.length === 0) && (
        <progress value={restoring.value || undefined} aria-label="Restoring the session" />
      )}
      <section class="lanes" aria-label="Agents" aria-busy={restoring.value !== undefined}>
        {lanes.value.map((lane, i) => (
          <LaneCard lane={lane} index={i} name={called[i]} color={colors[i]} />
        ))}
      </section>
      {lanes.value.length > 0 && (
        <section aria-label="Scores">
          <h2>Learning</h2>
          <Curve
            lanes={lanes.value}
            names={called}
            colors={colors}
            window={world.value.window}
            counted={world.value.family.outcome?.name}
          />
        </section>
      )}
      {setup.value && lanes.value.length > 0 && (
        <section aria-label="Memory">
          <h2>
            Memory of{' '}
            <select
              aria-label="Agent whose memory is shown"
              value={shown.value}
              onChange={event => state.show(Number(event.currentTarget.value))}
            >
              {called.map((name, i) => (
                <option value={i}>{name}</option>
              ))}
            </select>
          </h2>
          <Memory lanes={lanes.value} names={called} index={shown.value} />
        </section>
      )}
      {lanes.value.length > 0 && (
        <section aria-label="Save">
          <h2>Save the latest steps</h2>
          <Save names={called} colors={colorNames} />
        </section>
      )}
      <TrainSection />
    </div>
  );
}

function Toolbar() {
  const { setup, lanes, playing, paused, speed, playable, fields, believed, moving, restoring, world, shown } = state;
  const at = setup.value;
  if (!at) return null;
  const reopen = (changes: Partial<typeof at>) => state.open({ ...at, ...changes });
  const { choice, places } = world.value;
  const loading = restoring.value !== undefined;
  const choices = [...playable.value.map(({ name }) => name), ...Object.keys(OTHERS)];
  return (
    <section class="toolbar" aria-label="Controls" data-state={paused.value ? 'paused' : 'playing'}>
      <div class="controls">
        <label>
          World
          <select
            value={at.world}
            onChange={event => {
              const next = event.currentTarget.value;
              state.moving.value = undefined;
              state.speed.value = worldOf(next).speed;
              state.open({ world: next, agents: state.agentsOf(next), seed: at.seed });
            }}
          >
            {worldIds.map(id => (
              <option value={id}>{worldOf(id).name}</option>
            ))}
          </select>
        </label>
        {choice && (
          <label>
            {choice.name}
            <select value={choice.value} onChange={event => reopen({ options: choice.of(Number(event.currentTarget.value)) })}>
              {[...new Set([...choice.values, choice.value])].map(value => (
                <option value={value}>{value}</option>
              ))}
            </select>
          </label>
        )}
        {at.agents.map((agent, i) => (
          <label>
            Agent {i + 1}
            <select value={agent} onChange={event => state.restart(at.agents.with(i, event.currentTarget.value))}>
              {choices.map(choice => (
                <option value={choice}>{label(choice)}</option>
              ))}
            </select>
          </label>
        ))}
        {at.agents.length < MOST_AGENTS && (
          <button type="button" onClick={() => state.restart([...at.agents, choices[0]])}>
            Add an agent
          </button>
        )}
        {at.agents.length > 1 && (
          <button type="button" onClick={() => state.restart(at.agents.slice(0, -1))}>
            Remove the last
          </button>
        )}
        <label class="file">
          Your model
          <input type="file" multiple accept=".json,.onnx" onChange={event => void state.drop([...(event.currentTarget.files ?? [])])} />
        </label>
      </div>
      <div class="controls">
        <button type="button" class="main" disabled={loading} onClick={playing.value ? state.pause : state.play}>
          {playing.value ? 'Pause' : 'Play'}
        </button>
        <button type="button" disabled={loading} onClick={state.step}>
          Step
        </button>
        <label>
          Steps a second
          <select value={speed.value} onChange={event => state.setSpeed(Number(event.currentTarget.value))}>
            {SPEEDS.map(each => (
              <option value={each}>{each}</option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => state.restart()}>
          Start again
        </button>
        <button type="button" onClick={() => reopen({ seed: at.seed + 1 })}>
          New task
        </button>
        {world.value.moved && at.agents.some(agent => playable.value.some(({ name }) => name === agent)) && (
          <label class="check">
            <input type="checkbox" checked={fields.value} onChange={event => state.show(shown.value, event.currentTarget.checked)} />
            Show one agent’s policy in every cell
          </label>
        )}
        {lanes.value.some(({ beliefs }) => beliefs) && (
          <label class="check">
            <input
              type="checkbox"
              checked={believed.value}
              onChange={event => {
                believed.value = event.currentTarget.checked;
              }}
            />
            Show what a probe reads from Z
          </label>
        )}
        <fieldset>
          <legend>Click moves</legend>
          {[undefined, ...places].map(place => (
            <label class="check">
              <input
                type="radio"
                name="moving"
                checked={moving.value === place?.role}
                onChange={() => {
                  moving.value = place?.role;
                }}
              />
              {place ? nameOf(place) : 'nothing'}
            </label>
          ))}
        </fieldset>
      </div>
    </section>
  );
}

function LaneCard({ lane, index, name, color }: { lane: LaneView; index: number; name: string; color: string }) {
  const { scene, episode, step, running, probabilities, action, frozen } = lane;
  const { moving, world, believed } = state;
  const beliefs = believed.value ? lane.beliefs : undefined;
  const { actions, places } = world.value;
  const where = world.value.window ? `call ${lane.steps}` : `episode ${episode + 1}, step ${step}`;
  const about = state.models.value.find(model => model.name === lane.agent)?.about;
  const moved = places.find(({ role }) => role === moving.value);
  const given = {
    moving: moved && nameOf(moved),
    label: `${name}: ${where}.`,
    onPlace: (cell: readonly [number, number]) => moved && state.edit(index, { kind: 'move', role: moved.role, cell }),
  };
  return (
    <article class="lane" style={{ '--own': color }} data-lane={index}>
      <h2>{name}</h2>
      {scene?.kind === 'grid' && <Grid scene={scene} field={lane.field} beliefs={beliefs} actionNames={actions} {...given} />}
      {scene?.kind === 'bars' && <Bars scene={scene} {...given} />}
      {scene?.kind === 'plane' && <div dangerouslySetInnerHTML={{ __html: sceneSVG(scene) }} />}
      <p class="where">
        {where}, score {Number(running.toFixed(2))}
        {frozen && <span class="badge">frozen</span>}
      </p>
      {/* The first line of a caption says what has just been said. */}
      <p class="caption">{scene?.caption?.split('\n').slice(1).join(', ')}</p>
      {beliefs && <BeliefWords beliefs={beliefs} />}
      {lane.agent === 'you' ? (
        <You actions={actions} onAct={each => state.edit(index, { kind: 'act', action: each })} />
      ) : (
        <Probabilities row={probabilities} names={actions} action={action} />
      )}
      {about && (
        <details class="about">
          <summary>About this agent</summary>
          <p>{about}</p>
        </details>
      )}
    </article>
  );
}

/** The distribution of the latest action. */
function Probabilities({ row, names, action }: { row: readonly number[]; names: readonly string[]; action: number }) {
  return (
    <ul class="probabilities" aria-label="Probabilities of the latest action">
      {names.map((each, i) => (
        <li class={i === action ? 'chosen' : undefined}>
          <span>{each}</span>
          <meter min={0} max={1} value={row[i] ?? 0}>
            {row[i] ?? 0}
          </meter>
        </li>
      ))}
    </ul>
  );
}

/** The files of what was dropped; of a folder, those in it. */
async function filesOf(data: DataTransfer | null): Promise<File[]> {
  const entries = [...(data?.items ?? [])].flatMap(item => item.webkitGetAsEntry() ?? []);
  const files = async (entry: FileSystemEntry): Promise<File[]> => {
    if (entry.isFile) return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    const inside = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    return (await Promise.all(inside.map(files))).flat();
  };
  return (await Promise.all(entries.map(files))).flat();
}
