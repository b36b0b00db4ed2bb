/** @file Jobs handed out to processes of their own on one machine. Knows nothing of what the jobs are: they go over as JSON. */

import { type ChildProcess, fork } from 'node:child_process';
import { CadenzaError, type ErrorCode } from '../util/errors.ts';

/** What a process is told. */
type Order<J> = { readonly job: J } | { readonly stop: true };

/** What a process tells: where it is, that its job is done, or why it failed. */
type Message = { readonly note: string; readonly stays: boolean } | { readonly done: true } | { readonly failed: Failure };

interface Failure {
  readonly message: string;
  /** Of a `CadenzaError`. */
  readonly known?: ErrorCode;
  /** Of the file system. */
  readonly code?: string;
  readonly path?: string;
}

export interface PoolRequest<J> {
  /** Module that the processes run; it calls `serveJobs`. */
  readonly module: URL;
  readonly jobs: readonly J[];
  /** Processes at once. */
  readonly processes: number;
  /** Aborted, every process saves and stops, and the pool throws the signal's reason. */
  readonly signal: AbortSignal;
  /** A process says where its job is; what `stays` is worth keeping on the screen. */
  readonly onNote?: (job: J, note: string, stays: boolean) => void;
  readonly onDone?: (done: number) => void;
}

/**
 * Runs every job once. Neighbors are likely to share work, so each process begins at a place of its own in the list and goes on from there.
 * The first failure stops the others, which save what they have, and is thrown.
 */
export async function runPool<J>({ module, jobs, processes, signal, onNote, onDone }: PoolRequest<J>): Promise<void> {
  signal.throwIfAborted();
  const waiting = new Set(jobs.keys());
  const count = Math.min(processes, jobs.length);
  const children = new Set<ChildProcess>();
  let failure: Error | undefined;
  // A process may be gone before the order reaches it; its exit tells, once.
  const send = (child: ChildProcess, order: Order<J>) => child.send(order, () => {});
  const stop = () => {
    for (const child of children) if (child.connected) send(child, { stop: true });
  };
  const fail = (error: Error) => {
    failure ??= error;
    stop();
  };

  const work = (begin: number) =>
    new Promise<void>(resolve => {
      let at = begin;
      let running: number | undefined;
      const child = fork(module, [], { stdio: ['ignore', 2, 2, 'ipc'] });
      children.add(child);
      const next = () => {
        running = undefined;
        if (waiting.size > 0 && !failure && !signal.aborted) {
          while (!waiting.has(at)) at = (at + 1) % jobs.length;
          waiting.delete(at);
          running = at;
          send(child, { job: jobs[at]! });
        } else child.disconnect();
      };
      child.on('message', (message: Message) => {
        if ('note' in message) return running !== undefined && onNote?.(jobs[running], message.note, message.stays);
        if ('failed' in message) fail(errorOf(message.failed));
        else onDone?.(++finished);
        next();
      });
      child.on('error', error => {
        fail(error);
        // One that never began does not end either.
        if (child.pid === undefined) resolve();
      });
      child.on('exit', (code, killed) => {
        children.delete(child);
        if (running !== undefined)
          fail(INTERRUPTS.includes(killed ?? '') ? interruptedBy(killed!) : endedEarly(killed ?? `exit status ${code}`));
        resolve();
      });
      next();
    });

  let finished = 0;
  signal.addEventListener('abort', stop);
  try {
    await Promise.all(Array.from({ length: count }, (_, p) => work(Math.floor((p * jobs.length) / count))));
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  if (failure) throw failure;
}

/** Signals that ask a process to end; until it has loaded, it does. */
const INTERRUPTS: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const interruptedBy = (name: string) =>
  new CadenzaError(
    'E_INTERRUPTED',
    `a process that ran a part of the work was stopped by ${name}; run the same command, without --fresh, to continue`,
  );

const endedEarly = (how: string) =>
  new CadenzaError(
    'E_EXECUTOR',
    `a process that ran a part of the work ended before it was done (${how}), perhaps for want of memory; ` +
      'run the same command again, which continues, and with fewer --jobs if it happens again',
  );

/** The other side: runs the jobs that this process is given, one after the other, until no more come. */
export function serveJobs<J>(
  run: (job: J, tools: { note: (text: string, stays?: boolean) => void; signal: AbortSignal }) => Promise<void>,
): void {
  const controller = new AbortController();
  const abort = () => controller.abort(new CadenzaError('E_INTERRUPTED', 'stopped; the same command continues'));
  // Who handed out the jobs may be gone at any moment; then nobody needs to be told.
  const tell = (message: Message) => process.connected && process.send!(message, undefined, undefined, () => {});
  let running = false;
  process.on('message', (order: Order<J>) => {
    if ('stop' in order) return abort();
    running = true;
    run(order.job, { note: (text, stays = false) => tell({ note: text, stays }), signal: controller.signal })
      .then(
        () => tell({ done: true }),
        error => tell({ failed: failureOf(error) }),
      )
      .finally(() => {
        running = false;
        if (!process.connected) process.exit();
      });
  });
  // Who handed out the jobs is gone, or has no more: what runs is saved first.
  process.on('disconnect', () => (running ? abort() : process.exit()));
  // A terminal interrupts the whole group; who handed out the jobs says when to stop. To be terminated is meant for this process, too.
  for (const name of ['SIGINT', 'SIGHUP']) process.on(name, () => {});
  process.on('SIGTERM', abort);
}

function failureOf(error: unknown): Failure {
  const { message, code, path } = error as NodeJS.ErrnoException;
  return error instanceof CadenzaError ? { message, known: error.code } : { message: message ?? String(error), code, path };
}

const errorOf = ({ message, known, code, path }: Failure): Error =>
  known ? new CadenzaError(known, message) : Object.assign(new Error(message), { code, path });
