/**
 * @file Lock files, so that two processes do not do the same work in one folder. Node only.
 *
 * A lock belongs to the process that created it. A lock is abandoned if its process has ended, which is detected in two ways. On the same
 * machine and container: by process number and start time (numbers are reused). Elsewhere: by a heartbeat, the file's modification time,
 * which the owner renews. Only changes of that time matter, so clocks need not agree.
 */

import { randomUUID } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, renameSync, rmSync, utimesSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { attempt, CadenzaError } from './errors.ts';
import { sha256 } from './files.ts';

/** Milliseconds for which a lock may be half written. */
const UNREADABLE = 2_000;

/** Milliseconds without a heartbeat after which a lock counts as abandoned. */
const SILENCE = 60_000;

const MOST_PID = 2 ** 31 - 1;

/** A process, so that another one can tell whether it is running. */
export const holderSchema = z.object({
  host: z.string(),
  pid: z.int().min(1).max(MOST_PID),
  /** Where process numbers are comparable: one boot of a machine, and one container on it. */
  place: z.string(),
  /** When the process started, in units of the place. */
  started: z.string().optional(),
  /** Number of the process that started this one as a job, if any. */
  group: z.int().optional(),
});

export type Holder = z.output<typeof holderSchema>;

/** An existing lock. */
interface FoundLock {
  readonly text: string;
  readonly renewed: number;
  /** Undefined if the text names no process. */
  readonly holder?: Holder;
}

export interface ClaimOptions {
  /** Aborts the wait, with its reason. */
  readonly signal: AbortSignal;
  /** Called when the wait begins and when an abandoned lock is claimed, with sentences that say what happens and what to do. */
  readonly onWait?: (news: string) => void;
  /** Milliseconds between two checks of a lock that another process holds. */
  readonly patience?: number;
  /** Milliseconds between heartbeats, and without one before a lock counts as abandoned. */
  readonly beat?: number;
  readonly silence?: number;
}

/** Acquires the lock, waiting while another process holds it, and returns a function that releases it. Claims an abandoned lock. */
export async function claim(path: string, options: ClaimOptions): Promise<() => void> {
  const { signal, onWait, patience = 200, beat = 5_000, silence = SILENCE } = options;
  const own = `${JSON.stringify({ ...self(), token: randomUUID() })}\n`;
  const watches = new Map<string, { renewed: number; since: number }>();
  let news = '';
  const tell = (text: string) => {
    if (text !== news) onWait?.(text);
    news = text;
  };
  const isAbandoned = (at: string, { text, renewed, holder }: FoundLock) => {
    const gone = holder && isGone(holder);
    if (gone) return true;
    const watch = watches.get(text);
    if (watch?.renewed !== renewed) watches.set(text, { renewed, since: performance.now() });
    if (holder) tell(waitingFor(at, holder, silence));
    if (!watch || watch.renewed !== renewed || gone === false) return false;
    const abandoned = performance.now() - watch.since >= (holder ? silence : Math.min(UNREADABLE, silence));
    if (!holder && !abandoned) tell(`Waiting: the lock ${at} names no process. It will be claimed if that does not change.`);
    if (abandoned) tell(`The lock ${at} was abandoned (it ${holder ? 'had no heartbeat' : 'names no process'}) and has been claimed.`);
    return abandoned;
  };

  signal.throwIfAborted();
  while (!take(path, own, isAbandoned)) {
    await setTimeout(patience, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
  const isOwn = () => look(path)?.text === own;
  const timer = setInterval(() => {
    // If a heartbeat cannot be written now, the next one may succeed.
    attempt(() => isOwn() && utimesSync(path, new Date(), new Date()));
  }, beat).unref();
  return () => {
    clearInterval(timer);
    if (isOwn()) rmSync(path, { force: true });
  };
}

/** Whether a running process holds the lock, from a single check; a process on another machine shows it by a recent heartbeat. */
export function isHeld(path: string, silence = SILENCE): boolean {
  const found = attempt(() => look(path));
  return found?.holder !== undefined && isRunning(found.holder, found.renewed, silence);
}

/**
 * Whether a process is running. If that cannot be determined from here, whether its latest heartbeat is recent.
 *
 * @param renewed time of the heartbeat, in milliseconds.
 */
export function isRunning(holder: Holder, renewed: number, silence = SILENCE): boolean {
  const gone = isGone(holder);
  return gone === undefined ? Date.now() - renewed < silence : !gone;
}

/**
 * Acquires the lock if it is free or abandoned. An abandoned lock stays in place until exactly one process wins a second lock on its
 * succession; only that process replaces it, so a newly acquired lock is never removed.
 */
function take(path: string, own: string, isAbandoned: (path: string, found: FoundLock) => boolean): boolean {
  if (create(path, own)) return true;
  const found = look(path);
  if (!found || !isAbandoned(path, found)) return false;
  const succession = `${path}.${sha256(found.text).slice(0, 12)}`;
  if (!take(succession, own, isAbandoned)) return false;
  const abandoned = look(path)?.text === found.text;
  if (abandoned) renameSync(succession, path);
  else rmSync(succession);
  return abandoned;
}

/** Creates the lock unless the path exists. */
function create(path: string, own: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(file, own);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  // A process suspended between creating and writing may have lost its still empty lock.
  return look(path)?.text === own;
}

/** The lock, or undefined if there is none. Throws `E_DISK` if something other than a file is at its path. */
function look(path: string): FoundLock | undefined {
  try {
    const about = lstatSync(path);
    const kind = about.isDirectory() ? 'a folder' : 'not a regular file';
    const what = `${path} is ${kind}, but the lock file of a stage belongs there. Move it, and run the command again.`;
    if (!about.isFile()) throw new CadenzaError('E_DISK', what);
    const text = readFileSync(path, 'utf8');
    return { text, renewed: about.mtimeMs, holder: holderOf(text) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const holderOf = (text: string): Holder | undefined => attempt(() => holderSchema.safeParse(JSON.parse(text)).data);

function waitingFor(path: string, holder: Holder, silence: number): string {
  const { pid, host, place: there, group } = holder;
  if (there === place() && group !== undefined && group === groupOf())
    return `Waiting for process ${pid} of this command, which is computing it.`;
  const after = `after ${Math.round(silence / 1000)} seconds without a heartbeat that happens automatically`;
  // A job that is stopped alone makes its command fail.
  const whole = group === undefined ? `stop it (kill ${pid})` : `stop its command (kill ${group})`;
  const advice =
    isGone(holder) === false
      ? `This command continues with the result; to compute it here instead, ${whole}.`
      : `If it is gone, delete ${path}; ${after}.`;
  return `Waiting for process ${pid} on ${host}, which is doing the same work. ${advice}`;
}

const groupOf = () => (process.connected ? process.ppid : undefined);

/** This process. */
export const self = (): Holder => ({
  host: hostname(),
  pid: process.pid,
  place: place(),
  started: startOf(process.pid)?.started,
  group: groupOf(),
});

/** Whether the process of a lock has ended; undefined if that cannot be determined from here. */
function isGone({ pid, place: there, started }: Holder): boolean | undefined {
  if (there !== place()) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
  }
  const found = startOf(pid);
  return found && started !== undefined ? found.ended || found.started !== started : undefined;
}

/** The boot and process namespace on Linux, otherwise the host's name. */
const place = (): string =>
  attempt(() => `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`) ?? hostname();

/** When a process on this machine started, in ticks since boot, and whether it has ended (as a zombie has); undefined if unknown. */
function startOf(pid: number): { started: string; ended: boolean } | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // proc_pid_stat(5): the second field is the program's name, which may hold anything; the third is the state, the 22nd the start time.
  const fields = stat?.replace(/^.*\) /s, '').split(' ');
  return fields && { started: fields[19], ended: 'ZXx'.includes(fields[0]) };
}
