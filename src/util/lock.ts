/** @file A file that says which process is at work, so that two do not do the same work in one folder. Node only. */

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';

/** Milliseconds between two looks at a lock that another process holds. */
const PATIENCE = 200;
/** Looks after which a lock that names nobody was left half-written by a process that died. */
const NAMELESS = 25;

interface Holder {
  readonly pid: number;
  readonly host: string;
}

export interface ClaimOptions {
  /** Aborts the waiting, with its reason. */
  readonly signal: AbortSignal;
  /** Told once, where there is something to wait for: who has it, and what to do if that is not so. */
  readonly onWait?: (whose: string) => void;
}

/**
 * Takes the lock, waiting for as long as another process has it, and gives what releases it. A lock whose process on this machine is gone
 * is taken over; whether one on another machine lives cannot be seen from here.
 */
export async function claim(path: string, { signal, onWait }: ClaimOptions): Promise<() => void> {
  const own: Holder = { pid: process.pid, host: hostname() };
  for (let waits = 0; ; waits++) {
    signal.throwIfAborted();
    try {
      writeFileSync(path, JSON.stringify(own), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = holderOf(path);
    if (holder ? isGone(holder, own) : waits >= NAMELESS) discard(path, own);
    else {
      if (waits === 0 && holder) onWait?.(`process ${holder.pid} on ${holder.host} (if it is not there, delete ${path})`);
      await setTimeout(PATIENCE, undefined, { signal }).catch(() => {});
    }
  }
}

/** Who has it; undefined where it was released or is being written at this moment. */
function holderOf(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** Whether the process that held a lock has ended. One with our own number ended before we began. */
function isGone({ pid, host }: Holder, own: Holder): boolean {
  if (host !== own.host) return false;
  if (pid === own.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Of several processes that find a lock abandoned, the one that can rename it takes it away; a new one that was already there goes back. */
function discard(path: string, own: Holder): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    const holder = holderOf(aside);
    if (holder && !isGone(holder, own)) renameSync(aside, path);
    else rmSync(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
