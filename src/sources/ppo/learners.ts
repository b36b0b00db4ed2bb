/**
 * @file Proximal policy optimization (Schulman et al. 2017) of many independent learners at once: their networks are stacked in one graph,
 * so that one call acts for all of them and one call updates all of them. Shape key: L learners, E environments of each, T steps of a
 * rollout, P numbers of a distribution over actions, M width of the memory.
 */

import { type HostTensor, optimize, sizeOf, toOnnx, zeros } from '../../engine/index.ts';
import type { ParameterSpec } from '../../nn/index.ts';
import { PARAMETERS, type Packing, packing, readPacked } from '../../optim/index.ts';
import { actionDistribution, type EnvFamily, type Feedback, generalizedAdvantages, spaceSize, standardized } from '../../rl/index.ts';
import { invariant } from '../../util/errors.ts';
import type { Random } from '../../util/random.ts';
import type { Cohort, CohortRequest } from '../source.ts';
import { clippedLogProbability } from './clipped.ts';
import { actionFeatures, type Features, features, RunningMoments } from './features.ts';
import { actGraph, INPUT, type NetworkSizes } from './network.ts';
import { copyRow, newRollout, openUpdates, type UpdateSettings } from './updates.ts';

export interface CohortSettings extends UpdateSettings {
  readonly rollout: number;
  readonly discount: number;
  readonly lambda: number;
  readonly hidden: number;
  readonly memory: number;
  readonly scaleRewards: number;
  readonly episodes: number;
}

export function sizesOf(
  { observationSpace, actionSpace }: EnvFamily,
  learners: number,
  { hidden, memory }: Pick<CohortSettings, 'hidden' | 'memory'>,
): NetworkSizes {
  // The memory also reads the last action and its reward.
  const echo = memory > 0 ? actionFeatures(actionSpace).size + 1 : 0;
  return { learners, observation: features(observationSpace).size, echo, hidden, memory, actionSpace };
}

/** State of a learner other than its weights. */
interface Learner {
  readonly observations: Features;
  readonly actions: Features;
  /** [E] discounted sums of the rewards of the running episodes, and statistics of such sums. */
  readonly discounted: Float64Array;
  readonly returns: RunningMoments;
  /** Number of finished episodes. */
  ended: number;
}

/** Inputs of the networks, by name. */
type Situation = Readonly<Record<string, HostTensor>>;

export async function openCohort(request: CohortRequest, settings: CohortSettings): Promise<Cohort> {
  const { family, randoms, environments: E, executor } = request;
  const { rollout: T, memory: M, discount, scaleRewards, episodes } = settings;
  const L = randoms.length;
  const size = L * E;
  const sizes = sizesOf(family, L, settings);
  const actions = actionDistribution(family.actionSpace);
  // Environments and learning both get the clipped action.
  const logProbability = family.actionSpace.kind === 'box' ? clippedLogProbability(family.actionSpace) : actions.logProbability;
  const [F, P, W] = [spaceSize(family.observationSpace), actions.size, actions.width];
  const graph = actGraph(sizes, E);
  const specs = [...graph.scope.table.values()];
  const layout = packing(specs);
  const program = await executor.compile(toOnnx(optimize(readPacked({ outputs: graph.outputs }, layout, PARAMETERS))));
  const rolloutSizes = { environments: E, steps: T, actions: P };
  const updates = await openUpdates({ sizes, rollout: rolloutSizes, settings, layout, executor });
  const firstWeights = initialWeights(specs, randoms, layout);

  const situation = (): Situation => ({
    [INPUT.observation]: zeros([L, E, sizes.observation]),
    ...(M > 0 ? { [INPUT.echo]: zeros([L, E, sizes.echo]), [INPUT.memory]: zeros([L, E, M]) } : {}),
  });
  // The observations for the next actions, and those that the last actions led to, as if no episode had ended.
  const [now, after] = [situation(), situation()];
  const into = Object.fromEntries(Object.entries(graph.outputs).map(([name, { shape }]) => [name, zeros(shape)]));
  let said: Situation = into;
  const rollout = newRollout(sizes, rolloutSizes);
  const { columns } = rollout;
  const steps = newSteps(L * T * E);
  /** [L, E] 0 if the next step begins an episode, otherwise 1. */
  const continues = new Float32Array(size);
  let learners: Learner[] = [];
  let [t, iteration] = [0, 0];
  let frozen = false;

  const learnerOf = (i: number) => learners[Math.floor(i / E)];
  const writeObservations = (from: Float32Array, to: Situation) => {
    const out = to[INPUT.observation].data as Float32Array;
    for (let i = 0; i < size; i++) learnerOf(i).observations.write(from, i * F, out, i * sizes.observation);
  };
  const scaleOf = ({ returns }: Learner) => (scaleRewards ? 1 / returns.deviation : 1);

  /** Records step t of environment i in row `at`. */
  const note = (step: Feedback, i: number, at: number) => {
    const { observation, action, reward, terminated, truncated } = step;
    const learner = learnerOf(i);
    const ended = terminated[i] === 1 || truncated[i] === 1;
    copyRow(now[INPUT.observation], i, columns[INPUT.observation], at);
    actions.certain(action, i * W, columns[INPUT.action].data as Float32Array, at * P);
    columns[INPUT.logProbability].data[at] = logProbability(said.row.data, i * P, action, i * W);
    steps.value[at] = said.value.data[i];
    steps.reward[at] = reward[i];
    steps.discount[at] = ended ? 0 : discount;
    steps.beyond[at] = 0;
    learner.discounted[i % E] = discount * learner.discounted[i % E] + reward[i];
    learner.returns.add(learner.discounted[i % E]);
    // What it sees beyond its history depends on how long its neighbors play.
    if (learner.ended < episodes) learner.observations.see(observation, i * F);
    if (ended) {
      learner.discounted[i % E] = 0;
      learner.ended++;
    }
    if (M === 0) return;
    copyRow(now[INPUT.echo], i, columns[INPUT.echo], at);
    columns[INPUT.continues].data[at] = continues[i];
    continues[i] = Number(!ended);
    remember(step, i);
  };
  /** Moves the memory of environment i past a step. */
  const remember = ({ action, reward, terminated, truncated }: Feedback, i: number) => {
    const learner = learnerOf(i);
    const ended = terminated[i] === 1 || truncated[i] === 1;
    const echo = after[INPUT.echo].data as Float32Array;
    learner.actions.write(action, i * W, echo, i * sizes.echo);
    echo[(i + 1) * sizes.echo - 1] = reward[i] * scaleOf(learner);
    copyRow(said.next, i, after[INPUT.memory], i);
    for (const name of [INPUT.echo, INPUT.memory]) {
      if (ended) clearRow(now[name], i);
      else copyRow(after[name], i, now[name], i);
    }
  };
  /** Computes the advantages and value targets of the rollout. */
  const judge = () => {
    for (const [l, learner] of learners.entries()) {
      const rows = (e: number) => Array.from({ length: T }, (_, k) => (l * T + k) * E + e);
      const each = Array.from({ length: E }, (_, e) => advantagesOf(steps, rows(e), { ...settings, scale: scaleOf(learner) }));
      const usual = standardized(each.flatMap(advantage => Array.from(advantage)));
      for (const [e, advantage] of each.entries())
        for (const [k, at] of rows(e).entries()) {
          columns[INPUT.advantage].data[at] = usual[e * T + k];
          columns[INPUT.expected].data[at] = advantage[k] + steps.value[at];
        }
    }
  };

  return {
    actions,
    reset(environments) {
      invariant(environments === size, `source ppo: expected ${size} environments, ${E} of each of ${L} learners, got ${environments}.`);
      updates.begin(firstWeights);
      learners = randoms.map(() => ({
        observations: features(family.observationSpace),
        actions: actionFeatures(family.actionSpace),
        discounted: new Float64Array(E),
        returns: new RunningMoments(),
        ended: 0,
      }));
      for (const { data } of [...Object.values(now), ...(rollout.memory ? [rollout.memory] : [])]) data.fill(0);
      continues.fill(0);
      [t, iteration] = [0, 0];
      frozen = false;
    },
    async act(observation) {
      writeObservations(observation, now);
      said = await program.run({ ...now, [PARAMETERS]: updates.weights }, Object.keys(into), into);
      return said.row.data as Float32Array;
    },
    freeze() {
      frozen = true;
      for (const { data } of Object.values(now)) data.fill(0);
    },
    async observe(step) {
      if (frozen) {
        for (let i = 0; M > 0 && i < size; i++) remember(step, i);
        return;
      }
      const rowOf = (i: number) => (Math.floor(i / E) * T + t) * E + (i % E);
      const last = t === T - 1;
      for (let i = 0; i < size; i++) note(step, i, rowOf(i));
      // A truncated episode would have continued, and so would the steps after the rollout: what follows has a value.
      const goesOn = Array.from({ length: size }, (_, i) => step.terminated[i] === 0 && (last || step.truncated[i] === 1));
      if (goesOn.some(Boolean)) {
        writeObservations(step.nextObservation, after);
        const { value } = await program.run({ ...after, [PARAMETERS]: updates.weights }, ['value']);
        for (const [i, on] of goesOn.entries()) if (on) steps.beyond[rowOf(i)] = value.data[i];
      }
      t++;
      if (!last) return;
      judge();
      const left = Float32Array.from(learners, ({ ended }) => Math.max(0, 1 - ended / episodes));
      await updates.learn(rollout, left, (l, epoch) => randoms[l].split('order', iteration, epoch));
      rollout.memory?.data.set(now[INPUT.memory].data);
      t = 0;
      iteration++;
    },
    async dispose() {
      await program.dispose();
      await updates.dispose();
    },
  };
}

/** Initial values of every learner's parameters, from its own stream. */
function initialWeights(specs: readonly ParameterSpec[], randoms: readonly Random[], layout: Packing): Float32Array {
  const weights = new Float32Array(layout.size);
  for (const [p, { name, shape, initializer }] of specs.entries()) {
    const own = shape.slice(1);
    for (const [l, random] of randoms.entries())
      weights.set(initializer(random.split('weights', name), own), layout.entries[p].offset + l * sizeOf(own));
  }
  return weights;
}

/** The data of a rollout's steps, by row. */
const newSteps = (rows: number) => ({
  reward: new Float32Array(rows),
  /** V(s) when the action was sampled. */
  value: new Float32Array(rows),
  /** V(s′) where an episode was truncated or the rollout ends, otherwise 0. */
  beyond: new Float32Array(rows),
  /** γ, or 0 where an episode ended. */
  discount: new Float32Array(rows),
});

/** Generalized advantages of one environment, whose steps are these rows. */
export function advantagesOf(
  { reward, value, beyond, discount }: Readonly<Record<'reward' | 'value' | 'beyond' | 'discount', ArrayLike<number>>>,
  rows: readonly number[],
  { discount: gamma, lambda, scale }: { readonly discount: number; readonly lambda: number; readonly scale: number },
): Float64Array {
  const last = rows.at(-1)!;
  // After the end of an episode the next value belongs to another episode; the value beyond the end is part of the reward.
  const paid = rows.map(at => reward[at] * scale + (discount[at] === 0 ? gamma * beyond[at] : 0));
  const values = [...rows.map(at => value[at]), discount[last] === 0 ? 0 : beyond[last]];
  return generalizedAdvantages(
    paid,
    rows.map(at => discount[at]),
    values,
    lambda,
  );
}

function clearRow({ data, shape }: HostTensor, row: number): void {
  const width = sizeOf(shape.slice(2));
  data.fill(0, row * width, (row + 1) * width);
}
