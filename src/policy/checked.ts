/**
 * @file The boundary of an exported agent: everything that a page or a program passes in is checked here, once, before any of it is stored.
 * The policy inside, which evaluations drive directly, does not check again.
 */

import { type Feedback, type Space, spaceSize, type Transitions } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { ModelDescription } from './description.ts';
import type { AgentMemory, InContextPolicy } from './in-context.ts';
import { TransitionLog } from './memory.ts';

type PolicySpaces = Pick<
  ModelDescription,
  'observationSpace' | 'actionSpace' | 'horizon' | 'segment' | 'streams' | 'latentShape' | 'codes'
>;

/** A policy that holds compiled programs. */
export interface DisposablePolicy extends InContextPolicy {
  /** Releases the programs. Only `dispose` may be called afterwards. */
  dispose(): Promise<void>;
}

/**
 * Wraps a policy so that every argument is checked. Overlapping calls are refused, because a result is valid only until the next call. Each
 * step is one `observe` of the observation that was last passed to `act`.
 *
 * @throws {CadenzaError} from each method: `E_SHAPE`, naming the field, what was expected and what was found; `E_USAGE` for a call out of
 * order; `E_NUMERICS` for probabilities that are not finite. A refused call changes nothing.
 */
export function checkedPolicy(
  policy: DisposablePolicy,
  { observationSpace, actionSpace, horizon, segment, streams, latentShape, codes }: PolicySpaces,
): DisposablePolicy {
  const seen = elementsOf(observationSpace);
  const rules: Rules = {
    observation: seen,
    action: elementsOf(actionSpace),
    reward: REWARD,
    nextObservation: seen,
    terminated: FLAG,
    truncated: FLAG,
  };
  /** Steps of the running episode in every environment; undefined before the first `reset`. */
  let steps: Int32Array | undefined;
  let acting = false;
  /** The observation passed to `act` at this step; undefined before `act`. */
  let acted: Float32Array | undefined;
  let disposed = false;
  const expectFree = (call: string): void => {
    if (disposed) throw new CadenzaError('E_USAGE', `${call}: the policy was disposed. Load it again.`);
    if (acting) throw new CadenzaError('E_USAGE', `${call}: act() is still running. Await its result, then call again.`);
  };
  const began = (call: string): Int32Array => {
    expectFree(call);
    if (!steps) throw new CadenzaError('E_USAGE', `${call}: no task has started. Call reset(${streams}) first.`);
    return steps;
  };
  return {
    actions: policy.actions,
    reset(environments) {
      expectFree('reset');
      policy.reset(environments);
      acted = undefined;
      steps = new Int32Array(streams);
    },
    prompt(shown) {
      began('prompt');
      if (!Array.isArray(shown)) refuse('prompt', 'a list with an entry for each environment', shown);
      for (const [i, episodes] of shown.entries())
        if (episodes !== undefined) checkTransitions(`prompt[${i}]`, episodes, rules, lengthOf(`prompt[${i}].reward`, episodes?.reward));
      policy.prompt(shown);
    },
    async attention() {
      began('attention');
      acting = true;
      try {
        return await policy.attention();
      } finally {
        acting = false;
      }
    },
    forget(i) {
      began('forget');
      checkIndex('forget', i, streams);
      policy.forget(i);
    },
    async memory(i) {
      began('memory');
      checkIndex('memory', i, streams);
      acting = true;
      try {
        return await policy.memory(i);
      } finally {
        acting = false;
      }
    },
    setMemory(i, memory) {
      began('setMemory');
      checkIndex('setMemory', i, streams);
      checkMemory(memory, { latents: latentShape ? latentShape[0] * latentShape[1] : 0, codes }, rules);
      policy.setMemory(i, memory);
    },
    async act(observation) {
      const elapsed = began('act');
      checkNumbers('observation', observation, seen, streams);
      for (let i = 0; i < streams; i++)
        // Where segments end within episodes, these may be longer than those of training.
        if (segment === undefined && elapsed[i] >= horizon)
          throw new CadenzaError(
            'E_SHAPE',
            `act: environment ${i} already had ${horizon} steps, the maximum of an episode, and neither terminated nor truncated was set. Set truncated at the last step.`,
          );
      acting = true;
      acted = undefined;
      const seenNow = Float32Array.from(observation);
      try {
        const probabilities = await policy.act(observation);
        for (let i = 0; i < probabilities.length; i++)
          if (!Number.isFinite(probabilities[i]))
            throw new CadenzaError(
              'E_NUMERICS',
              `act: the model returned ${probabilities[i]} instead of a probability. Train it again, or use another checkpoint.`,
            );
        acted = seenNow;
        return probabilities;
      } finally {
        acting = false;
      }
    },
    async observe(feedback) {
      const elapsed = began('observe');
      checkTransitions('observe', feedback, rules, streams);
      if (!acted) throw new CadenzaError('E_USAGE', 'observe: act() was not called at this step. Call act(observation) first.');
      for (const [i, x] of acted.entries())
        if (Math.fround(feedback.observation[i]) !== x)
          refuse(`observe.observation[${i}]`, `${x}, as in the observation that act() was given at this step`, feedback.observation[i]);
      await policy.observe(feedback);
      acted = undefined;
      for (let i = 0; i < streams; i++) elapsed[i] = feedback.terminated[i] || feedback.truncated[i] ? 0 : elapsed[i] + 1;
    },
    async dispose() {
      if (disposed) return;
      expectFree('dispose');
      disposed = true;
      await policy.dispose();
    },
  };
}

/** What a list must hold for every transition. */
interface Rule {
  /** Numbers per transition. */
  readonly size: number;
  fits(x: unknown, i: number): boolean;
  /** In words. */
  readonly expected: string;
}

type Rules = { readonly [K in keyof Transitions & keyof Feedback]: Rule };

const isNumber = (x: unknown): x is number => typeof x === 'number' && Number.isFinite(Math.fround(x));
/** The square of a reward must fit into 32 bits, with room for sums. */
const MOST_REWARD = 1e18;
const REWARD: Rule = { size: 1, fits: x => isNumber(x) && Math.abs(x) <= MOST_REWARD, expected: 'finite numbers from -1e18 to 1e18' };
const FLAG: Rule = { size: 1, fits: x => x === 0 || x === 1 || typeof x === 'boolean', expected: '0 or 1' };

const isBelow = (x: unknown, n: number) => isNumber(x) && Number.isInteger(x) && x >= 0 && x < n;

/** Rounding to float32 may move a bound by this relative amount. */
const ROUNDING = 2 ** -23;
const isWithin = (x: unknown, low: number, high: number) =>
  isNumber(x) && x >= low - ROUNDING * Math.abs(low) && x <= high + ROUNDING * Math.abs(high);

/** Elements of a space. */
function elementsOf(space: Space): Rule {
  const size = spaceSize(space);
  switch (space.kind) {
    case 'discrete':
      return { size, fits: x => isBelow(x, space.n), expected: `integers from 0 to ${space.n - 1}` };
    case 'multi-discrete':
      return { size, fits: (x, i) => isBelow(x, space.nvec[i % size]), expected: `integers below ${space.nvec.join(', ')}` };
    case 'box':
      return {
        size,
        fits: (x, i) => isWithin(x, space.low[i % size], space.high[i % size]),
        expected: `numbers from ${space.low.join(', ')} to ${space.high.join(', ')}`,
      };
    case 'image':
      return { size, fits: x => isWithin(x, 0, 1), expected: 'brightness values from 0 to 1' };
  }
}

const NUMBER: Rule = { size: 1, fits: isNumber, expected: 'finite numbers' };

function checkIndex(call: string, i: unknown, streams: number): void {
  if (!isBelow(i, streams)) refuse(call, `the index of an environment, from 0 to ${streams - 1}`, i);
}

/** Checks what `memory` gave, perhaps of another environment or with other numbers. */
function checkMemory(memory: unknown, { latents, codes }: { latents: number; codes: PolicySpaces['codes'] }, rules: Rules): void {
  const { past, codes: given, ...carried } = (memory ?? {}) as Partial<AgentMemory>;
  if (!(past instanceof TransitionLog)) refuse('setMemory', 'what memory() returned, or a copy with other latents', memory);
  checkTransitions('setMemory.past', past, rules, past.length);
  for (const [name, values] of Object.entries(carried))
    if (values !== undefined) checkNumbers(`setMemory.${name}`, values, NUMBER, latents);
  if (given === undefined) return;
  const [count, size] = codes ? [codes.shape[0] * codes.shape[1], codes.size] : [0, 0];
  checkNumbers('setMemory.codes', given, { size: 1, fits: x => isBelow(x, size), expected: `integers below ${size}` }, count);
}

function checkTransitions(name: string, value: unknown, rules: Rules, count: number): void {
  if (value === null || typeof value !== 'object') refuse(name, `an object with ${Object.keys(rules).join(', ')}`, value);
  for (const field of Object.keys(rules) as (keyof Rules)[])
    checkNumbers(`${name}.${field}`, (value as Partial<Transitions>)[field], rules[field], count);
}

function checkNumbers(name: string, value: unknown, { size, fits, expected }: Rule, count: number): void {
  const found = lengthOf(name, value);
  if (found !== count * size) refuse(name, `${count * size} numbers (${expected})`, found);
  for (let i = 0; i < found; i++) {
    const x = (value as ArrayLike<unknown>)[i];
    if (!fits(x, i)) refuse(`${name}[${i}]`, expected, x);
  }
}

function lengthOf(name: string, value: unknown): number {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView)))
    return (value as unknown as ArrayLike<unknown>).length;
  return refuse(name, 'a list or a typed array of numbers', value);
}

/** Maximum number of characters of a value that a message quotes. */
const QUOTED = 80;

function refuse(name: string, expected: string, found: unknown): never {
  throw new CadenzaError('E_SHAPE', `${name}: expected ${expected.slice(0, 400)}, found ${quoted(found)}.`);
}

/** A value as messages quote it: texts in quotation marks, so that '1' differs from 1. */
export function quoted(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, QUOTED));
  return typeof value === 'bigint' ? `${value}n` : String(value).slice(0, QUOTED);
}
