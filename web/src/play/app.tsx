/** @file The page: the session on top, its agents side by side, their scores, and the memory of one of them. */

import { sceneSVG } from '../../../src/rl/draw.ts';
import { TrainSection } from '../train/section.tsx';
import { Curve, colorsOf } from './curve.tsx';
import { Grid } from './grid.tsx';
import { MOST_AGENTS, SPEEDS } from './link.ts';
import { Memory } from './memory.tsx';
import type { LaneView } from './session.ts';
import * as state from './state.ts';
import { worldIds, worldOf } from './worlds.ts';

/** Agents that are no models. */
const OTHERS: Readonly<Record<string, string>> = { source: 'the source', random: 'random actions', you: 'you, by the keyboard' };

const label = (agent: string) => state.models.value.find(({ name }) => name === agent)?.label ?? OTHERS[agent] ?? agent;

/** Names of the agents, numbered where two are the same. */
const names = (agents: readonly string[]) =>
  agents.map((agent, i) => {
    const same = agents.flatMap((other, k) => (other === agent ? [k] : []));
    return same.length > 1 ? `${label(agent)} ${same.indexOf(i) + 1}` : label(agent);
  });

export function App() {
  const { setup, lanes, shown, failure, restoring, world } = state;
  const called = names(lanes.value.map(({ agent }) => agent));
  const colors = colorsOf(lanes.value.map(({ agent }) => agent));
  const onDrop = async (event: DragEvent) => {
    event.preventDefault();
    await state.drop(await filesOf(event.dataTransfer));
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files can also be chosen by a button.
    <div class="page" onDragOver={event => event.preventDefault()} onDrop={onDrop}>
      <header>
        <h1>cadenza playground</h1>
        <p>{world.value.about} Weights never change here: all learning happens in the memory.</p>
      </header>
      {failure.value && (
        <p class="failure" role="alert">
          <strong>{failure.value.code}</strong> {failure.value.message}
        </p>
      )}
      <Toolbar />
      {restoring.value !== undefined && restoring.value > 0 && <progress value={restoring.value} aria-label="Restoring the session" />}
      <section class="lanes" aria-label="Agents">
        {lanes.value.map((lane, i) => (
          <LaneCard lane={lane} index={i} name={called[i]} color={colors[i]} />
        ))}
      </section>
      {lanes.value.length > 0 && (
        <section aria-label="Scores">
          <h2>Learning</h2>
          <Curve lanes={lanes.value} names={called} window={world.value.window} counted={world.value.family.outcome?.name} />
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
      <TrainSection />
    </div>
  );
}

function Toolbar() {
  const { setup, playing, paused, speed, playable, fields, moving, world, shown } = state;
  const at = setup.value;
  if (!at) return null;
  const reopen = (changes: Partial<typeof at>) => state.open({ ...at, ...changes });
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
              const model = state.models.value.find(({ env }) => env.id === next)?.name ?? 'random';
              state.moving.value = undefined;
              state.open({ world: next, agents: [model, 'source'], seed: at.seed });
            }}
          >
            {worldIds.map(id => (
              <option value={id}>{worldOf(id).name}</option>
            ))}
          </select>
        </label>
        {at.agents.map((agent, i) => (
          <label>
            Agent {i + 1}
            <select value={agent} onChange={event => reopen({ agents: at.agents.with(i, event.currentTarget.value) })}>
              {choices.map(choice => (
                <option value={choice}>{label(choice)}</option>
              ))}
            </select>
          </label>
        ))}
        {at.agents.length < MOST_AGENTS && (
          <button type="button" onClick={() => reopen({ agents: [...at.agents, choices[0]] })}>
            Add an agent
          </button>
        )}
        {at.agents.length > 1 && (
          <button type="button" onClick={() => reopen({ agents: at.agents.slice(0, -1) })}>
            Remove the last
          </button>
        )}
        <label class="file">
          Your model
          <input type="file" multiple accept=".json,.onnx" onChange={event => void state.drop([...(event.currentTarget.files ?? [])])} />
        </label>
      </div>
      <div class="controls">
        <button type="button" class="main" onClick={playing.value ? state.pause : state.play}>
          {playing.value ? 'Pause' : 'Play'}
        </button>
        <button type="button" onClick={state.step}>
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
        <button type="button" onClick={() => reopen({})}>
          Start again
        </button>
        <button type="button" onClick={() => reopen({ seed: at.seed + 1 })}>
          New task
        </button>
        <label class="check">
          <input type="checkbox" checked={fields.value} onChange={event => state.show(shown.value, event.currentTarget.checked)} />
          Show what Z says in every cell
        </label>
        <fieldset>
          <legend>Click moves</legend>
          {[undefined, ...world.value.places.map(({ role }) => role)].map(role => (
            <label class="check">
              <input
                type="radio"
                name="moving"
                checked={moving.value === role}
                onChange={() => {
                  moving.value = role;
                }}
              />
              {role ? `the ${role}` : 'nothing'}
            </label>
          ))}
        </fieldset>
      </div>
    </section>
  );
}

function LaneCard({ lane, index, name, color }: { lane: LaneView; index: number; name: string; color: string }) {
  const { scene, episode, step, running, probabilities, action, frozen } = lane;
  const { moving, world } = state;
  const { actionNames } = world.value.family;
  const where = world.value.window ? `call ${lane.steps}` : `episode ${episode + 1}, step ${step}`;
  return (
    <article class="lane" style={{ '--own': color }} data-lane={index}>
      <h2 title={state.models.value.find(model => model.name === lane.agent)?.about}>{name}</h2>
      {scene?.kind === 'grid' ? (
        <Grid
          scene={scene}
          field={lane.field}
          actionNames={actionNames}
          moving={moving.value}
          label={`${name}: ${where}.`}
          onPlace={cell => moving.value && state.edit(index, { kind: 'move', role: moving.value, cell })}
        />
      ) : (
        scene && <div dangerouslySetInnerHTML={{ __html: sceneSVG(scene) }} />
      )}
      <p class="where">
        {where}, score {Number(running.toFixed(2))}
        {frozen && <span class="badge">frozen</span>}
      </p>
      {lane.agent === 'you' && actionNames ? (
        <div class="controls you">
          {actionNames.map((each, k) => (
            <button type="button" onClick={() => state.edit(index, { kind: 'act', action: k })}>
              {each}
            </button>
          ))}
        </div>
      ) : (
        <Probabilities row={probabilities} names={actionNames} action={action} />
      )}
    </article>
  );
}

/** The distribution of the latest action. */
function Probabilities({ row, names, action }: { row: readonly number[]; names?: readonly string[]; action: number }) {
  return (
    <ul class="probabilities" aria-label="Probabilities of the latest action">
      {(names ?? row.map((_, i) => String(i))).map((each, i) => (
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
