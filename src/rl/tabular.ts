/** @file Numbering of observations and states, so that they can index tables. */

import { CadenzaError } from '../util/errors.ts';
import type { EnvFamily, TabularModel } from './env.ts';
import { tabularModel } from './family.ts';
import { countsOf, type Space, spaceSize } from './spaces.ts';

/** Maximum number of rows of a table. */
const LARGEST_TABLE = 2 ** 24;

/** Numbers observations or actions from 0 to count − 1. */
export interface ElementIndex {
  readonly count: number;
  /** The number of the element at `element[offset …]`. */
  of(element: ArrayLike<number>, offset?: number): number;
}

type Tabular = Pick<EnvFamily, 'id' | 'observationSpace' | 'model'>;

/**
 * Numbers the observations of a family. Elements of a discrete space are numbered in mixed radix, last factor fastest; observations of any
 * other space (images, reals) in the order of the states that they show.
 *
 * @throws {CadenzaError} `E_CONFIG` if observations cannot be listed, or are too many.
 */
export function observationIndex(family: Tabular): ElementIndex {
  const { id, observationSpace } = family;
  const index = integerIndex(observationSpace) ?? lookIndex(family);
  if (index.count <= LARGEST_TABLE) return index;
  const what = `${id} has ${index.count} observations, but a table can have at most ${LARGEST_TABLE} rows`;
  throw new CadenzaError('E_CONFIG', `${what}. Choose a source that trains networks, such as ppo.`);
}

/**
 * Numbers the actions of a family with integer actions in mixed radix, last one fastest, as its tabular model does. `who` names, in errors,
 * what needs the numbering.
 *
 * @throws {CadenzaError} `E_CONFIG` for real actions.
 */
export function actionIndex({ id, actionSpace: space }: Pick<EnvFamily, 'id' | 'actionSpace'>, who: string): ElementIndex {
  const index = integerIndex(space);
  if (index) return index;
  throw new CadenzaError(
    'E_CONFIG',
    `${who} needs integer actions, but the action space of ${id} is a ${space.kind}. Choose a source for such actions.`,
  );
}

/** The elements of a space of integers; undefined for any other space. */
function integerIndex(space: Space): ElementIndex | undefined {
  const radices = countsOf(space);
  return (
    radices && {
      count: radices.reduce((product, radix) => product * radix, 1),
      of: (element, offset = 0) => radices.reduce((index, radix, i) => index * radix + element[offset + i], 0),
    }
  );
}

const looks = new WeakMap<TabularModel, ElementIndex>();

/** The distinct observations of the states, looked up by their bytes. Computed once per model. */
function lookIndex(family: Tabular): ElementIndex {
  const { id, observationSpace } = family;
  if (!family.model) {
    const what = `${id} shows ${observationSpace.kind === 'image' ? 'images' : 'real numbers'} and has no model that lists them`;
    throw new CadenzaError('E_CONFIG', `${what}, so its observations cannot be listed. Choose a source that trains networks, such as ppo.`);
  }
  const { model } = family;
  const known = looks.get(model);
  if (known) return known;
  const seen = new Float32Array(spaceSize(observationSpace));
  const decoder = new TextDecoder('latin1');
  /** The bytes of `seen` as text, one character per byte. */
  const look = () => decoder.decode(seen);
  const numbers = new Map<string, number>();
  for (let state = 0; state < model.states; state++) {
    model.observe(state, seen, 0);
    if (!numbers.has(look())) numbers.set(look(), numbers.size);
  }
  const index: ElementIndex = {
    count: numbers.size,
    of(observation, offset = 0) {
      for (let i = 0; i < seen.length; i++) seen[i] = observation[offset + i];
      const found = numbers.get(look());
      if (found !== undefined) return found;
      throw new CadenzaError('E_DATA', `The observation does not belong to any state of ${id}. Check that it comes from this environment.`);
    },
  };
  looks.set(model, index);
  return index;
}

/**
 * Numbers the situations that a learner can distinguish, phase by phase: observation i in phase p is p · observations + i.
 *
 * @throws {CadenzaError} `E_CONFIG` if observations cannot be listed, or are too many.
 */
export function situationIndex(family: Tabular): { readonly count: number; of(observation: ArrayLike<number>, phase: number): number } {
  const index = observationIndex(family);
  return { count: index.count * phasesOf(family), of: (observation, phase) => phase * index.count + index.of(observation) };
}

/** Number of phases that an agent must distinguish; 1 if the family declares none. */
export const phasesOf = ({ model }: Pick<EnvFamily, 'model'>): number => model?.phases?.count ?? 1;

/** Tracks the phase of a running episode by its rewards. */
export interface PhaseCounter {
  /** The phase in which the next action is taken. */
  readonly now: number;
  /** Takes in a step; returns the phase that it led to. The end of an episode then resets the phase. */
  step(reward: number, ended: boolean): number;
}

/** Starts at the beginning of an episode; stays at 0 if the family declares no phases. */
export function phaseCounter(family: Pick<EnvFamily, 'model'>): PhaseCounter {
  const last = phasesOf(family) - 1;
  let now = 0;
  return {
    get now() {
      return now;
    },
    step(reward, ended) {
      const arrived = Math.min(last, now + (reward > 0 ? 1 : 0));
      now = ended ? 0 : arrived;
      return arrived;
    },
  };
}

/**
 * Returns a function that finds the model's state for an observation and a phase.
 *
 * @throws {CadenzaError} `E_CONFIG` if there is no tabular model, or two states of one phase have the same observation (the family hides
 * something that rewards do not reveal).
 */
export function stateOf(family: Tabular): (observation: ArrayLike<number>, offset?: number, phase?: number) => number {
  const model = tabularModel(family, 'State look-up');
  const index = observationIndex(family);
  const states = new Int32Array(index.count * phasesOf(family)).fill(-1);
  const seen = new Float32Array(spaceSize(family.observationSpace));
  for (let state = 0; state < model.states; state++) {
    model.observe(state, seen, 0);
    const i = (model.phases?.of(state) ?? 0) * index.count + index.of(seen);
    if (states[i] >= 0) {
      const what = `States ${states[i]} and ${state} of ${family.id} have the same observation, so it does not determine the state.`;
      throw new CadenzaError('E_CONFIG', `${what} Choose a source that does not need it.`);
    }
    states[i] = state;
  }
  return (observation, offset = 0, phase = 0) => states[phase * index.count + index.of(observation, offset)];
}
