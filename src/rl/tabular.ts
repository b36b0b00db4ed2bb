/** @file Numbers for observations and states, so that tables can be indexed by them. */

import { CadenzaError } from '../util/errors.ts';
import type { EnvFamily, TabularModel } from './env.ts';
import { tabularModel } from './family.ts';
import { countsOf, type Space, spaceSize } from './spaces.ts';

/** Rows that a table may have. */
const LARGEST_TABLE = 2 ** 24;

/** Numbers observations or actions from 0 to count − 1. */
export interface ElementIndex {
  readonly count: number;
  of(element: ArrayLike<number>, offset?: number): number;
}

type Tabular = Pick<EnvFamily, 'id' | 'observationSpace' | 'model'>;

/**
 * Numbers what can be seen in a family: the elements of a discrete space in mixed radix, last factor fastest; of any other space (images,
 * reals) what its states look like, in the order of the states. Throws `E_CONFIG` where there is no such list, or one that is too long.
 */
export function observationIndex(family: Tabular): ElementIndex {
  const { id, observationSpace } = family;
  const index = integerIndex(observationSpace) ?? lookIndex(family);
  if (index.count <= LARGEST_TABLE) return index;
  const what = `${id} has ${index.count} observations, more than the ${LARGEST_TABLE} that a table may have`;
  throw new CadenzaError('E_CONFIG', `${what}. Choose a source that learns networks, such as ppo.`);
}

/**
 * Numbers the actions of a family whose actions are integers, in mixed radix, last one fastest: as its tabular model does. Throws `E_CONFIG`,
 * naming `who` numbers them, where they are reals.
 */
export function actionIndex({ id, actionSpace: space }: Pick<EnvFamily, 'id' | 'actionSpace'>, who: string): ElementIndex {
  const index = integerIndex(space);
  if (index) return index;
  throw new CadenzaError('E_CONFIG', `${who} numbers actions, but those of ${id} are a ${space.kind}. Choose what takes such actions.`);
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

/** What the states look like, found again by the bytes of the numbers seen. Computed once a model. */
function lookIndex(family: Tabular): ElementIndex {
  const { id, observationSpace } = family;
  if (!family.model) {
    const what = `${id} shows ${observationSpace.kind === 'image' ? 'pictures' : 'real numbers'} and has no model that lists them`;
    throw new CadenzaError(
      'E_CONFIG',
      `${what}, so there is no table of what may be seen. Choose a source that learns networks, such as ppo.`,
    );
  }
  const { model } = family;
  const known = looks.get(model);
  if (known) return known;
  const seen = new Float32Array(spaceSize(observationSpace));
  const decoder = new TextDecoder('latin1');
  /** What stands in `seen`, a character a byte. */
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
      throw new CadenzaError('E_DATA', `No state of ${id} looks like what was seen; was it made by another environment?`);
    },
  };
  looks.set(model, index);
  return index;
}

/** Numbers what a learner can tell apart, phase by phase: observation i in phase p is p · observations + i. Throws as `observationIndex` does. */
export function situationIndex(family: Tabular): { readonly count: number; of(observation: ArrayLike<number>, phase: number): number } {
  const index = observationIndex(family);
  return { count: index.count * phasesOf(family), of: (observation, phase) => phase * index.count + index.of(observation) };
}

/** How many phases an agent has to tell apart; 1 where the family declares none. */
export const phasesOf = ({ model }: Pick<EnvFamily, 'model'>): number => model?.phases?.count ?? 1;

/** Follows the phase of a running episode by its rewards. */
export interface PhaseCounter {
  /** The phase that the next action is taken in. */
  readonly now: number;
  /** Takes in a step; gives the phase that it led to, which an episode's end then resets. */
  step(reward: number, ended: boolean): number;
}

/** Begins at an episode's start; stays at 0 where the family declares no phases. */
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
 * Gives the model's state for what is seen in which phase. Throws `E_CONFIG` where two states of one phase look the same (the family hides
 * something that rewards do not tell), or where there is no tabular model.
 */
export function stateOf(family: Tabular): (observation: ArrayLike<number>, offset?: number, phase?: number) => number {
  const model = tabularModel(family, 'What looks states up');
  const index = observationIndex(family);
  const states = new Int32Array(index.count * phasesOf(family)).fill(-1);
  const seen = new Float32Array(spaceSize(family.observationSpace));
  for (let state = 0; state < model.states; state++) {
    model.observe(state, seen, 0);
    const i = (model.phases?.of(state) ?? 0) * index.count + index.of(seen);
    if (states[i] >= 0) {
      const what = `States ${states[i]} and ${state} of ${family.id} look the same, so what is seen does not name the state.`;
      throw new CadenzaError('E_CONFIG', `${what} Choose a source that does not need it.`);
    }
    states[i] = state;
  }
  return (observation, offset = 0, phase = 0) => states[phase * index.count + index.of(observation, offset)];
}
