/** @file The form of a training, what it shows while it runs, and what can be done with the agent. */

import './train.css';
import { add, setup, world } from '../play/state.ts';
import { worldOf } from '../play/worlds.ts';
import { Chart, thinned } from './chart.tsx';
import type { TrainedWorld } from './experiment.ts';
import { settings } from './link.ts';
import { EPISODES, LAST, scoreOf } from './score.ts';
import { COMPRESSORS, inRange, RANGES, SOURCES, type TrainSettings } from './settings.ts';
import * as state from './state.ts';

/** Whether the browser has WebGPU. Asking it for an adapter would warn in the console where there is none. */
const HAS_WEBGPU = 'gpu' in navigator;

/**
 * The world of the session, if an agent can be trained in it: with a model for sources to plan with, episodes of one task to learn from, and an
 * oracle to compare their returns with.
 */
function trainedWorld(): TrainedWorld | undefined {
  const { family, window, next } = world.value;
  if (!family.model || !family.oracleReturn || next || window !== undefined) return undefined;
  const options = setup.value?.options;
  return { env: { id: family.id, ...(options && Object.keys(options).length > 0 ? { options } : {}) }, tasks: family.tasks?.().length };
}

const change = (changes: Partial<TrainSettings>) => {
  if (settings.value) settings.value = { ...settings.value, ...changes };
};

export default function Panel() {
  const at = settings.value;
  const { phase, run, failure, active } = state;
  const trains = trainedWorld();
  if (!at) return null;
  if (!trains && !run.value)
    return <p class="note">In this world, agents cannot be trained in the page. Choose Dark Room or Key-to-Door.</p>;
  return (
    <div class="train" data-phase={phase.value ?? 'idle'}>
      <p class="note">
        {trains || active.value
          ? `A new agent distills the source in ${active.value ? worldOf(run.value!.world.env.id).name : world.value.name}, on this machine and in this page. It is tested on 8 tasks that it never sees in training. The settings are for Dark Room; other worlds may need more steps.`
          : 'In this world, agents cannot be trained in the page. What was trained before is below.'}
      </p>
      <Form at={at} disabled={active.value} />
      <div class="controls">
        {!active.value && trains && (
          <button type="button" class={state.files.value ? undefined : 'main'} onClick={() => state.start(trains)}>
            {phase.value ? 'Train again' : 'Train'}
          </button>
        )}
        {(phase.value === 'running' || phase.value === 'histories') && (
          <button type="button" onClick={state.pause} disabled={phase.value === 'histories'}>
            Pause training
          </button>
        )}
        {phase.value === 'paused' && (
          <button type="button" class="main" onClick={state.resume}>
            Continue training
          </button>
        )}
        {active.value && (
          <button type="button" onClick={state.stop}>
            Stop training
          </button>
        )}
        {state.files.value && <Trained files={state.files.value} />}
      </div>
      {failure.value && (
        <p class="failure" role="alert">
          <strong>{failure.value.code}</strong> {failure.value.message}
        </p>
      )}
      {run.value && <Progress run={run.value} />}
    </div>
  );
}

function Form({ at, disabled }: { at: TrainSettings; disabled: boolean }) {
  const number = (name: keyof typeof RANGES, label: string) => {
    const [min, max, step] = RANGES[name];
    return (
      <label>
        {label}
        <input
          type="number"
          min={min}
          max={max}
          step={step}
          value={at[name]}
          onChange={event => {
            const value = inRange(name, event.currentTarget.valueAsNumber);
            event.currentTarget.value = String(value);
            change({ [name]: value });
          }}
        />
      </label>
    );
  };
  const choice = <K extends 'compressor' | 'source' | 'executor'>(name: K, label: string, options: Readonly<Record<string, string>>) => (
    <label>
      {label}
      <select value={at[name]} onChange={event => change({ [name]: event.currentTarget.value })}>
        {Object.entries(options).map(([value, text]) => (
          <option value={value}>{text}</option>
        ))}
      </select>
    </label>
  );
  const same = (names: readonly string[]) => Object.fromEntries(names.map(name => [name, name]));
  return (
    <fieldset class="controls plain" disabled={disabled} aria-label="Settings of the training">
      {choice('compressor', 'Compressor', same(COMPRESSORS))}
      {/* A causal compressor has a latent for each segment. */}
      {at.compressor !== 'causal' && number('latents', 'Latents m')}
      {number('width', 'Width')}
      {number('steps', 'Training steps')}
      {choice('source', 'Source', same(SOURCES))}
      {number('learningRate', 'Learning rate')}
      {number('seed', 'Seed of training')}
      {HAS_WEBGPU && choice('executor', 'Compute with', { wasm: 'WebAssembly', webgpu: 'WebGPU' })}
    </fieldset>
  );
}

/** What can be done with a trained agent. */
function Trained({ files }: { files: Readonly<Record<string, Uint8Array>> }) {
  const { number } = state.run.value!;
  return (
    <>
      <button type="button" class="main" onClick={() => add(`trained-${number}`, 'Trained in this page.', files)}>
        Play it
      </button>
      <button
        type="button"
        onClick={() => {
          for (const [name, content] of Object.entries(files)) state.download(name, content);
        }}
      >
        Download the model
      </button>
      <button type="button" onClick={() => state.download('experiment.yaml', state.experiment()!)}>
        Download the experiment
      </button>
    </>
  );
}

function Progress({ run }: { run: state.Run }) {
  const { losses, evaluations, about, share, phase, rate, remaining, evaluating } = state;
  const { steps } = run.settings;
  const done = losses.value.length;
  const preparing = phase.value === 'histories';
  const latest = evaluations.value.at(-1);
  const [x, y] = thinned(
    losses.value.map((_, i) => i + 1),
    losses.value,
  );
  const episodes = Array.from({ length: EPISODES }, (_, e) => e + 1);
  return (
    <>
      <progress value={preparing ? share.value : done / steps} aria-label={preparing ? 'Histories of the source' : 'Training'} />
      <p class="where" data-testid="progress">
        {preparing && (share.value < 1 ? 'The source learns on the training tasks.' : 'The training step is being compiled.')}
        {!preparing && `Step ${done} of ${steps}`}
        {done > 0 && `, loss ${losses.value[done - 1].toFixed(3)}`}
        {phase.value === 'running' && rate.value > 0 && `, ${rate.value.toFixed(1)} steps a second, ${timeOf(remaining.value ?? 0)} left`}
        {evaluating.value !== undefined && ', it plays held-out tasks'}
        {phase.value === 'paused' && ', paused'}
      </p>
      {about.value && (
        <p class="note" data-testid="computed">
          {about.value.parameters.toLocaleString('en')} parameters; {about.value.train} training tasks, {about.value.heldOut} held out;
          computed by{' '}
          {run.settings.executor === 'webgpu'
            ? 'WebGPU'
            : `WebAssembly, ${about.value.threads === 1 ? '1 thread' : `${about.value.threads} threads`}`}
        </p>
      )}
      {done > 0 && (
        <div class="charts">
          <figure>
            <Chart
              label={`Loss by step; the latest is ${losses.value[done - 1].toFixed(3)}`}
              x={x}
              lines={[{ label: 'loss', y }]}
              xLabel="step"
              xRange={[0, steps]}
              logarithmic
            />
            <figcaption>Loss: cross-entropy with the source’s actions</figcaption>
          </figure>
          {latest && (
            <figure>
              <Chart
                label={`Return by episode on held-out tasks, as a share of the oracle's: ${latest.curve.map(each => each.toFixed(2)).join(', ')}`}
                x={episodes}
                lines={evaluations.value.map(({ step, curve }) => ({ label: `step ${step}`, y: curve }))}
                xLabel="episode in context"
                range={[0, 1]}
              />
              <figcaption>Return on held-out tasks, as a share of the oracle’s, after each evaluation; the latest in full color</figcaption>
            </figure>
          )}
        </div>
      )}
      {latest && (
        <p data-testid="score" data-score={scoreOf(latest.curve)}>
          After {latest.step} steps: <strong>{scoreOf(latest.curve).toFixed(2)}</strong> of the oracle’s return in the last {LAST} of{' '}
          {EPISODES} episodes on held-out tasks.
        </p>
      )}
      {done > 0 && (
        <details>
          <summary>The latest losses as numbers</summary>
          <ol start={Math.max(1, done - 9)} data-testid="losses">
            {losses.value.slice(-10).map(loss => (
              <li>{loss}</li>
            ))}
          </ol>
        </details>
      )}
    </>
  );
}

const timeOf = (seconds: number): string =>
  seconds < 60 ? `${Math.ceil(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
