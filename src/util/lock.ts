/**
 * @file A file that says which process is at work, so that two do not do the same work in one folder. Node only.
 *
 * A lock is held by the process that created it. Whether that process is still there is seen in two ways: where its number can be looked up,
 * by that number and the time when it started (numbers repeat, above all in containers); everywhere else by a sign of life, the file's
 * modification time, which the holder renews. Only changes of that time count, so that clocks need not agree.
 */

import { randomUUID } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, renameSync, rmSync, utimesSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { attempt, CadenzaError } from './errors.ts';
import { sha256 } from './files.ts';

/** Milliseconds that a lock may be half-written. */
const UNREADABLE = 2_000;

/** Milliseconds without a sign of life after which a lock counts as abandoned. */
const SILENCE = 60_000;

const MOST_PID = 2 ** 31 - 1;

const holderSchema = z.object({
  host: z.string(),
  pid: z.int().min(1).max(MOST_PID),
  /** Where process numbers mean the same as here: one boot of a machine, and on it one container. Elsewhere they say nothing. */
  place: z.string(),
  /** When the process started, in the units of the place. */
  started: z.string().optional(),
  /** Number of the process that handed out the work, where one did. */
  group: z.int().optional(),
  /** Of this lock alone. */
  token: z.string(),
});

type Holder = z.output<typeof holderSchema>;

/** A lock as it was found. */
interface Found {
  readonly text: string;
  readonly renewed: number;
  /** Undefined where the text names no process. */
  readonly holder?: Holder;
}

export interface ClaimOptions {
  /** Aborts the waiting, with its reason. */
  readonly signal: AbortSignal;
  /** Called when there is something to wait for, and when an abandoned lock is taken over: what happens, and what to do, as sentences. */
  readonly onWait?: (news: string) => void;
  /** Milliseconds between two looks at a lock that another process holds. */
  readonly patience?: number;
  /** Milliseconds between signs of life, and without one before a lock counts as abandoned. */
  readonly beat?: number;
  readonly silence?: number;
}

/** Takes the lock, waiting for as long as another process has it, and gives what releases it. An abandoned lock is taken over. */
export async function claim(path: string, options: ClaimOptions): Promise<() => void> {
  const { signal, onWait, patience = 200, beat = 5_000, silence = SILENCE } = options;
  const own = `${JSON.stringify({ ...self(), token: randomUUID() })}\n`;
  const watches = new Map<string, { renewed: number; since: number }>();
  let news = '';
  const tell = (text: string) => {
    if (text !== news) onWait?.(text);
    news = text;
  };
  const isAbandoned = (at: string, { text, renewed, holder }: Found) => {
    const gone = holder && isGone(holder);
    if (gone) return true;
    const watch = watches.get(text);
    if (watch?.renewed !== renewed) watches.set(text, { renewed, since: performance.now() });
    if (holder) tell(describe(at, holder, silence));
    if (!watch || watch.renewed !== renewed || gone === false) return false;
    const abandoned = performance.now() - watch.since >= (holder ? silence : Math.min(UNREADABLE, silence));
    if (!holder && !abandoned) tell(`Waiting: the lock ${at} names no process. It is taken over if it stays like that.`);
    if (abandoned) tell(`The lock ${at} is taken over: it ${holder ? 'showed no sign of life' : 'names no process'}.`);
    return abandoned;
  };

  signal.throwIfAborted();
  while (!take(path, own, isAbandoned)) {
    await setTimeout(patience, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
  const isOwn = () => look(path)?.text === own;
  const timer = setInterval(() => {
    // A sign of life that cannot be given now may be given at the next beat.
    attempt(() => isOwn() && utimesSync(path, new Date(), new Date()));
  }, beat).unref();
  return () => {
    clearInterval(timer);
    if (isOwn()) rmSync(path, { force: true });
  };
}

/** Whether a process that is at work has the lock, as far as one look says; one of another machine shows it by a recent sign of life. */
export function isHeld(path: string, silence = SILENCE): boolean {
  const found = attempt(() => look(path));
  if (!found?.holder) return false;
  const gone = isGone(found.holder);
  return gone === undefined ? Date.now() - found.renewed < silence : !gone;
}

/**
 * Takes the lock, if it is free or abandoned. An abandoned lock stays in its place until its one successor is found, the process that gets
 * the lock on that succession; only this process may put its own in that place. So a lock that was taken meanwhile is never removed.
 */
function take(path: string, own: string, isAbandoned: (path: string, found: Found) => boolean): boolean {
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

/** Creates the lock unless something is there. */
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
  // A process that is stopped between creating and writing may have lost its still empty lock.
  return look(path)?.text === own;
}

/** The lock; undefined where there is none. Throws `E_DISK` when something else is in its place. */
function look(path: string): Found | undefined {
  try {
    const about = lstatSync(path);
    const kind = about.isDirectory() ? 'a folder' : 'not a regular file';
    const what = `${path} is ${kind}, but the lock file of a stage belongs there. Move it away, then run the command again.`;
    if (!about.isFile()) throw new CadenzaError('E_DISK', what);
    const text = readFileSync(path, 'utf8');
    return { text, renewed: about.mtimeMs, holder: holderOf(text) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const holderOf = (text: string): Holder | undefined => attempt(() => holderSchema.safeParse(JSON.parse(text)).data);

function describe(path: string, holder: Holder, silence: number): string {
  const { pid, host, place: there, group } = holder;
  if (there === place() && group !== undefined && group === groupOf()) return `Waiting for process ${pid} of this command, which makes it.`;
  const after = `after ${Math.round(silence / 1000)} seconds without a sign of life that happens by itself`;
  const advice = isGone(holder) === false ? `To go on without it, stop it: kill ${pid}.` : `If it is gone, delete ${path}; ${after}.`;
  return `Waiting for process ${pid} on ${host}, which is working on the same. ${advice}`;
}

const groupOf = () => (process.connected ? process.ppid : undefined);

const self = (): Omit<Holder, 'token'> => ({
  host: hostname(),
  pid: process.pid,
  place: place(),
  started: startOf(process.pid)?.started,
  group: groupOf(),
});

/** Whether the process of a lock has ended; undefined where that cannot be seen from here. */
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

/** On Linux the boot and the namespace of process numbers, elsewhere the host's name. */
const place = (): string =>
  attempt(() => `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`) ?? hostname();

/** When a process of this place started, in ticks since the boot, and whether it has ended (a zombie has); undefined where that is not shown. */
function startOf(pid: number): { started: string; ended: boolean } | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // proc_pid_stat(5): the second field is the program's name, which may hold anything; the third is the state, the 22nd the start time.
  const fields = stat?.replace(/^.*\) /s, '').split(' ');
  return fields && { started: fields[19], ended: 'ZXx'.includes(fields[0]) };
}
