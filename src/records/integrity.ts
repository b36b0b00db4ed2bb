/**
 * @file Whether results are comparable: same environment, same tasks by content, same protocol, same reference of scores, and test tasks that were used
 * neither for training nor for selecting settings. All reports and comparisons use these checks.
 */

import { CadenzaError } from '../util/errors.ts';
import { SELECTIONS } from './names.ts';
import { periodWords, scaleOfTask, scaleWords } from './reference.ts';
import type { MethodReference, Protocol, Results, Selection, TaskScore } from './results-format.ts';

/** What the checks need to know of one table. */
export interface ComparableTable {
  /** Name of the table in messages. */
  readonly name: string;
  /** How the methods were evaluated. */
  readonly protocol: Protocol;
  readonly tasks: readonly Pick<TaskScore, 'task' | 'oracle' | 'low' | 'high'>[];
  /** Reference of the scores; absent if it is the oracle. */
  readonly reference?: MethodReference;
  /** Description of what its reference will be measured on, before the measurement. */
  readonly measuredOn?: string;
}

/** A reason why results are not comparable. */
export interface Fault {
  /** `E_SPLIT` if tasks are the reason, `E_DATA` if the protocol is. */
  readonly code: 'E_SPLIT' | 'E_DATA';
  /** What is wrong and what to do. */
  readonly message: string;
}

/**
 * One table of results: of the experiment itself, or a further table by its name. For old results without protocols, the protocol of the experiment
 * itself is derived from its configuration.
 *
 * @throws `E_DATA` for an unknown table or one without a protocol.
 */
export function comparableTable(results: Results, table: string = results.name, name: string = table): ComparableTable {
  const methods =
    table === results.name ? results.methods : Object.hasOwn(results.tables ?? {}, table) ? results.tables![table] : undefined;
  if (!methods) {
    const known = [results.name, ...Object.keys(results.tables ?? {})];
    throw new CadenzaError('E_DATA', `${name}: there is no table "${table}"; expected one of ${known.join(', ')}.`);
  }
  const protocol = results.protocols?.[table] ?? (table === results.name ? earlierProtocol(results) : undefined);
  if (!protocol)
    throw new CadenzaError(
      'E_DATA',
      `${name}: the protocol of this table is not recorded, because an old version wrote it. Run the same command again with the same folder; finished stages are not repeated.`,
    );
  const [{ perTask, reference }] = Object.values(methods);
  return { name, protocol, tasks: perTask, reference };
}

/** The protocol of old results, from their other fields. */
function earlierProtocol({ run, episodes, sampling, split, streams, methods }: Results): Protocol | undefined {
  const config = run.config as { env?: Protocol['env']; evaluate?: { tasks?: Protocol['side'] }; base?: typeof config } | undefined;
  const { env, evaluate } = config?.base ?? config ?? {};
  if (!env) return undefined;
  const { train, test, overlap } = split as unknown as Protocol['split'];
  const [{ perTask }] = Object.values(methods);
  return {
    env,
    side: evaluate?.tasks ?? 'test',
    episodes,
    streams: streams / perTask.length,
    sampling,
    split: { train, test, overlap },
    selection: { by: 'unstated' },
  };
}

/** All reasons why these tables are not comparable; for a single table, why it may not be shown as results. */
export function comparisonFaults(all: readonly ComparableTable[]): Fault[] {
  const [first, ...others] = all;
  return [...all.flatMap(ownFaults), ...others.flatMap(other => mutualFaults(first, other))];
}

/**
 * Throws the first of these faults, together with the others.
 *
 * @throws {CadenzaError} `E_SPLIT` or `E_DATA`, the code of the first fault.
 */
export function expectComparable(all: readonly ComparableTable[]): void {
  const [fault, ...others] = comparisonFaults(all);
  if (!fault) return;
  const more = others.length > 0 ? ` (And ${others.length} more: ${others.map(({ message }) => message).join(' ')})` : '';
  const refused = all.length === 1 ? 'these results may not be shown' : 'these results are not comparable';
  throw new CadenzaError(fault.code, `${refused}: ${fault.message}${more}`);
}

/** Test tasks were used for training, or for selecting settings. */
function ownFaults({ name, protocol: { split, selection, side }, tasks }: ComparableTable): Fault[] {
  const chosenOn = new Set(selection.tasks);
  const seen = tasks.filter(({ task }) => chosenOn.has(task)).length;
  const how =
    'Select settings on validation tasks (cadenza tune, or evaluate.tasks: validation), then evaluate on test tasks that were not used for it.';
  const trained =
    split.overlap > 0 &&
    `${name} was trained on ${split.overlap} of the tasks that it is evaluated on. Create a new split and train again.`;
  const chosen =
    selection.by === 'test'
      ? `the settings of ${name} were selected by results on test tasks (selection.by is test). ${how}`
      : side === 'test' && seen > 0 && `the settings of ${name} were selected on ${seen} of its test tasks (selection.tasks). ${how}`;
  return [trained, chosen].flatMap(message => (message ? [{ code: 'E_SPLIT', message }] : []));
}

/** Different environments, tasks or protocols. */
function mutualFaults(a: ComparableTable, b: ComparableTable): Fault[] {
  const [left, right] = [a.protocol, b.protocol];
  const [here, there] = [describeEnv(left.env), describeEnv(right.env)];
  const elsewhere = `${a.name} was evaluated in ${here}, ${b.name} in ${there}. Use the same env in both and run one of them again.`;
  const settings = (['episodes', 'sampling'] as const).filter(key => left[key] !== right[key]);
  const [scoredHere, scoredThere] = [left, right].map(({ window }) => `${periodWords(window).quantity} by ${periodWords(window).place}`);
  const unlikeScores = `${a.name} has scores of ${scoredHere}, ${b.name} of ${scoredThere}. Use the same evaluate.window in both and evaluate one of them again; nothing is trained again.`;
  return [
    ...(here === there ? taskFaults(a, b) : [{ code: 'E_SPLIT', message: elsewhere } as const]),
    ...(scoredHere === scoredThere ? [] : [{ code: 'E_DATA', message: unlikeScores } as const]),
    ...settings.map(key => {
      const values = `${a.name} has evaluate.${key} ${left[key]}, ${b.name} ${right[key]}`;
      return {
        code: 'E_DATA',
        message: `${values}. Evaluate one of them again with the value of the other; nothing is trained again.`,
      } as const;
    }),
  ];
}

function taskFaults(a: ComparableTable, b: ComparableTable): Fault[] {
  const own = new Map(a.tasks.map(each => [each.task, each]));
  const shared = b.tasks.filter(({ task }) => own.has(task));
  if (shared.length < b.tasks.length || shared.length < a.tasks.length) {
    const sides = a.protocol.side === b.protocol.side ? `${a.protocol.side} tasks` : `tasks (${a.protocol.side}, ${b.protocol.side})`;
    const message =
      `${a.name} and ${b.name} were evaluated on different ${sides}: ${a.tasks.length} and ${b.tasks.length}, of which ${shared.length} are the same. ` +
      'Use the same split.heldOut, split.seed, split.validation, evaluate.tasks and evaluate.maxTasks in both and run one of them again.';
    return [{ code: 'E_SPLIT', message }];
  }
  if (a.reference || b.reference || a.measuredOn !== b.measuredOn) return referenceFaults(a, b, own);
  const unlike = shared.find(each => differ(own.get(each.task)!, each));
  if (!unlike) return [];
  const message = `the oracle's return on ${unlike.task} is ${own.get(unlike.task)!.oracle} in ${a.name} and ${unlike.oracle} in ${b.name}, so the tasks differ. Run one of them again with the version of the other.`;
  return [{ code: 'E_SPLIT', message }];
}

/** Different references of scores, of which at least one is not the oracle. */
function referenceFaults(a: ComparableTable, b: ComparableTable, own: ReadonlyMap<string, ComparableTable['tasks'][number]>): Fault[] {
  const unlike = a.measuredOn || b.measuredOn ? undefined : b.tasks.find(each => differ(own.get(each.task)!, each));
  const same = a.reference?.kind === b.reference?.kind && a.measuredOn === b.measuredOn && !unlike;
  if (same) return [];
  const [here, there] = [a, b].map(({ reference, measuredOn }) =>
    measuredOn ? `${scaleWords('measured')} (${measuredOn})` : scaleWords(reference?.kind),
  );
  const ends = (task: ComparableTable['tasks'][number]) => {
    const { low, high } = scaleOfTask(task);
    return `${+low.toPrecision(4)} and ${+high.toPrecision(4)}`;
  };
  const numbers = unlike
    ? ` (on ${unlike.task} the returns that score 0 and 1 are ${ends(own.get(unlike.task)!)}, and ${ends(unlike)})`
    : '';
  const message =
    `scores of ${a.name} are ${here}, those of ${b.name} are ${there}${numbers}, so they are not in the same units. ` +
    'Set evaluate.reference to the same two returns, low and high, in both and run the commands again in their folders; nothing is trained again.';
  return [{ code: 'E_DATA', message }];
}

/** Whether the references of a task differ. */
function differ(a: ComparableTable['tasks'][number], b: ComparableTable['tasks'][number]): boolean {
  const [from, to] = [scaleOfTask(a), scaleOfTask(b)];
  const size = Math.max(Math.abs(to.low), Math.abs(to.high));
  return Math.abs(from.low - to.low) > 1e-9 * size || Math.abs(from.high - to.high) > 1e-9 * size;
}

function describeEnv({ id, options = {} }: Protocol['env']): string {
  const sorted = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.length === 0 ? id : `${id} (${sorted.map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ')})`;
}

/** How the settings of a table were selected, as a sentence without its period. */
export function describeSelection({ by, note, study, tasks }: Selection): string {
  const of = [study && `study ${study.slice(0, 12)}`, tasks && `${tasks.length} tasks`].filter(Boolean).join(', ');
  return `${SELECTIONS[by]}${of ? ` (${of})` : ''}${note ? `: ${note}` : ''}`;
}
