/**
 * @file One life: every stream runs for a number of calls, across episodes and changes of the task, and is scored by windows of calls and by
 * the time since a change. Only sums are kept. Shape key: S streams, W windows, F bins of the first layout, B bins of later layouts.
 */

import type { EnvFamily, StepColumns, Task } from '../rl/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import type { Rollout } from './rollout.ts';
import { type PlayOptions, playSteps, regretTally } from './steps.ts';

/** How a life is scored. */
export interface LifeSettings {
  /** Calls of every stream. */
  readonly calls: number;
  /** Calls of a window, which divide those of a stream. */
  readonly window: number;
  /** Calls of a bin of recovery curves. */
  readonly bin: number;
}

type LifeFamily = Pick<EnvFamily, 'id' | 'taskKey' | 'outcome' | 'changes'>;

/** Who lives where, for how long. */
export interface LifeOptions extends PlayOptions, LifeSettings {
  /** The family whose environments are played. */
  family: PlayOptions['family'] & LifeFamily & Pick<EnvFamily, 'regret'>;
  /** Called as windows end, with the number of finished windows over all streams. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

/** Mean outcome of a call by the time since the last change. */
export interface Recovery<T = Float64Array> {
  /** [S × F] before the first change, by the time since the start. */
  readonly first: T;
  /** [S × B] after changes, by the time since the last one, over all later layouts. */
  readonly later: T;
}

/** Outcomes and regret of the streams. */
export interface Life extends Rollout {
  /** [S × W] the sum of what the family counts (its outcome, or the reward) over the calls of each window. */
  readonly returns: Float64Array;
  /** Absent if the task of some stream never changes. */
  readonly recovery?: Recovery;
}

/** What the family counts for environment i: its outcome, or the reward. */
export const outcomeOf = ({ outcome }: Pick<EnvFamily, 'outcome'>, step: StepColumns, i: number): number =>
  outcome ? outcome.of(step, i) : step.reward[i];

/** First call of every layout of a task, and the number of calls at the end. */
const layoutsOf = ({ changes }: LifeFamily, task: Task, calls: number): number[] => [
  0,
  ...(changes?.(task) ?? []).filter(call => call > 0 && call < calls),
  calls,
];

/**
 * The numbers of bins of recovery curves: as many complete ones as fit into the first layout of every task, and into its longest later one.
 * Undefined if some task does not change.
 *
 * @throws {CadenzaError} `E_CONFIG` if a bin is longer than a layout.
 */
export function recoveryBins(
  family: LifeFamily,
  tasks: readonly Task[],
  { calls, bin }: Pick<LifeSettings, 'calls' | 'bin'>,
): Recovery<number> | undefined {
  let [first, later] = [calls, calls];
  for (const task of tasks) {
    const starts = layoutsOf(family, task, calls);
    if (starts.length === 2) return undefined;
    const [own, ...others] = starts.slice(1).map((end, n) => Math.floor((end - starts[n]) / bin));
    [first, later] = [Math.min(first, own), Math.min(later, Math.max(...others))];
    if (first === 0 || later === 0)
      throw new CadenzaError(
        'E_CONFIG',
        `evaluate.recoveryBin is ${bin} calls, but ${family.taskKey(task)} of ${family.id} changes at calls ${starts.slice(1, 6).join(', ')}, so a layout has no complete bin. Lower it.`,
      );
  }
  return { first, later };
}

/**
 * Sums outcomes by windows and bins, for streams whose calls come in order.
 *
 * @throws {CadenzaError} `E_SHAPE` if windows do not divide the calls; `E_CONFIG` if a bin is longer than a layout.
 */
export function lifeTally(family: LifeFamily, tasks: readonly Task[], { calls, window, bin }: LifeSettings) {
  const windows = calls / window;
  invariant(Number.isInteger(windows), `expected windows that divide the ${calls} calls of a stream, found windows of ${window} calls.`);
  const returns = new Float64Array(tasks.length * windows);
  const bins = recoveryBins(family, tasks, { calls, bin });
  const starts = tasks.map(task => layoutsOf(family, task, calls));
  const layout = new Int32Array(tasks.length);
  const curve = (width = 0) => ({ width, sums: new Float64Array(tasks.length * width), counts: new Uint32Array(tasks.length * width) });
  const [first, later] = [curve(bins?.first), curve(bins?.later)];
  const means = ({ sums, counts }: ReturnType<typeof curve>) => sums.map((sum, j) => sum / counts[j]);
  return {
    add(i: number, call: number, value: number): void {
      returns[i * windows + Math.floor(call / window)] += value;
      while (call >= starts[i][layout[i] + 1]) layout[i]++;
      const { width, sums, counts } = layout[i] === 0 ? first : later;
      const b = Math.floor((call - starts[i][layout[i]]) / bin);
      if (b >= width) return;
      sums[i * width + b] += value;
      counts[i * width + b]++;
    },
    life: (): Pick<Life, 'returns' | 'recovery'> => ({
      returns,
      ...(bins ? { recovery: { first: means(first), later: means(later) } } : {}),
    }),
  };
}

/**
 * Runs every stream for `calls` calls without clearing the policy's memory. Episodes that end before that are followed by others.
 *
 * @throws {CadenzaError} `E_SHAPE` if the policy's actions are not the family's, there is no task, or windows do not divide the calls;
 * `E_CONFIG` if a bin is longer than a layout.
 * @example
 * const { returns } = await playLife({ family, tasks, policy, calls: 4000, window: 500, bin: 25, random: Random.seeded(0) }); // [S × 8]
 */
export async function playLife(options: LifeOptions): Promise<Life> {
  const { family, tasks, calls, window, onProgress } = options;
  invariant(tasks.length > 0 && calls > 0, `playLife: expected at least one task and one call, found ${tasks.length} and ${calls}.`);
  const tally = lifeTally(family, tasks, options);
  const { add, ...regret } = regretTally(family.regret, tasks);
  await playSteps(options, (step, call) => {
    for (let i = 0; i < tasks.length; i++) {
      tally.add(i, call, outcomeOf(family, step, i));
      add(i, step.action[i], Boolean(step.terminated[i] || step.truncated[i]));
    }
    const done = call + 1;
    if (done % window === 0) onProgress?.({ done: (tasks.length * done) / window, total: (tasks.length * calls) / window });
    return done < calls;
  });
  return { ...tally.life(), ...regret };
}
