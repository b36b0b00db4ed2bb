/** @file A pool of processes on one machine. Jobs can be any JSON values. */

import { type ChildProcess, fork } from 'node:child_process';
import { CadenzaError, type ErrorCode } from '../util/errors.ts';

/** Message to a process. */
type Order<J> = { readonly job: J } | { readonly stop: true };

/** Progress of a job. */
export interface Note {
  readonly text: string;
  /** The text should remain on the screen. */
  readonly stays: boolean;
  /** How much of the job is done, from 0 to 1, as far as known. */
  readonly share: number;
}

/** Message from a process: progress, completion, or failure of its job. */
type Message = { readonly note: Note } | { readonly done: true } | { readonly failed: Failure };

/** An error as plain data. */
export interface Failure {
  readonly message: string;
  /** Code of a `CadenzaError`. */
  readonly known?: ErrorCode;
  /** Code of a file system error. */
  readonly code?: string;
  readonly path?: string;
}

export interface PoolRequest<J> {
  /** Module that the processes run. It must call `serveJobs`. */
  readonly module: URL;
  /** Jobs, the most urgent first. */
  readonly jobs: readonly J[];
  /** Whether a job can start, asked again whenever another one is done. Default: always. */
  readonly isReady?: (job: J) => boolean;
  /** Maximum number of parallel processes. */
  readonly processes: number;
  /** When aborted, all processes save and stop, and the pool throws the signal's reason. */
  readonly signal: AbortSignal;
  /** Receives progress of a job. */
  readonly onNote?: (job: J, note: Note) => void;
  readonly onDone?: (job: J) => void;
  /** The first job that failed, or whose process ended. */
  readonly onFailed?: (job: J) => void;
}

/**
 * Runs every job once. A process is started when a job is ready and no other process is idle. The first failure stops the other processes,
 * which save their state, and is then thrown.
 */
export async function runPool<J>({ module, jobs, isReady = () => true, processes, signal, ...tell }: PoolRequest<J>): Promise<void> {
  signal.throwIfAborted();
  const waiting = new Set(jobs);
  const children = new Set<ChildProcess>();
  /** Processes without a job, and how each takes one. */
  const idle = new Map<ChildProcess, (job: J) => void>();
  const ended: Promise<void>[] = [];
  let failure: Error | undefined;
  // A process may have exited before the message reaches it; its exit handler reports that.
  const send = (child: ChildProcess, order: Order<J>) => child.send(order, () => {});
  const stop = () => {
    for (const child of children) if (child.connected) send(child, { stop: true });
  };
  const fail = (error: Error, job?: J) => {
    if (!failure && !signal.aborted && job !== undefined) tell.onFailed?.(job);
    failure ??= error;
    stop();
  };

  const startProcess = () => {
    let running: J | undefined;
    const child = fork(module, [], { stdio: ['ignore', 2, 2, 'ipc'] });
    children.add(child);
    const take = (job: J) => {
      running = job;
      send(child, { job });
    };
    idle.set(child, take);
    child.on('message', (message: Message) => {
      const job = running as J;
      if ('note' in message) return running !== undefined && tell.onNote?.(job, message.note);
      if ('failed' in message) fail(errorOf(message.failed), job);
      else tell.onDone?.(job);
      running = undefined;
      idle.set(child, take);
      assign();
    });
    ended.push(
      new Promise(resolve => {
        child.on('error', error => {
          fail(error);
          // A process that never started emits no exit event.
          if (child.pid === undefined) resolve();
        });
        child.on('exit', (code, killed) => {
          children.delete(child);
          idle.delete(child);
          if (running !== undefined)
            fail(INTERRUPTS.includes(killed ?? '') ? interruptedBy(killed!) : endedEarly(killed ?? `exit status ${code}`), running);
          resolve();
        });
      }),
    );
  };

  /** Gives ready jobs to processes, and ends idle processes once no job is left for them. */
  const assign = () => {
    const stopped = failure !== undefined || signal.aborted;
    for (const job of stopped ? [] : waiting) {
      if (!isReady(job)) continue;
      if (idle.size === 0 && children.size < processes) startProcess();
      const [free] = idle;
      if (!free) break;
      const [child, take] = free;
      idle.delete(child);
      waiting.delete(job);
      take(job);
    }
    const over = stopped || waiting.size === 0 || idle.size === children.size;
    if (!over) return;
    for (const child of idle.keys()) if (child.connected) child.disconnect();
  };

  signal.addEventListener('abort', stop);
  try {
    assign();
    for (const each of ended) await each;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  if (failure) throw failure;
}

/** A process that runs one job at a time. It starts with the first job, and again after it ended. */
export class JobProcess<J> {
  readonly #module: URL;
  #child: ChildProcess | undefined;

  /** The module must call `serveJobs`. */
  constructor(module: URL) {
    this.#module = module;
  }

  /** Runs a job. When `signal` is aborted, the job saves its state and fails with `E_INTERRUPTED`. */
  run(job: J, { signal, onNote }: { signal: AbortSignal; onNote: (note: Note) => void }): Promise<void> {
    signal.throwIfAborted();
    this.#child ??= fork(this.#module, [], { stdio: ['ignore', 2, 2, 'ipc'] });
    const child = this.#child;
    const send = (order: Order<J>) => child.connected && child.send(order, () => {});
    return new Promise((resolve, reject) => {
      const stop = () => send({ stop: true });
      const end = (how: () => void, { usable = true } = {}) => {
        child.removeAllListeners();
        signal.removeEventListener('abort', stop);
        if (!usable || signal.aborted) this.close();
        how();
      };
      child.on('message', (message: Message) => {
        if ('note' in message) onNote(message.note);
        else end(() => ('failed' in message ? reject(errorOf(message.failed)) : resolve()));
      });
      child.on('error', error => end(() => reject(error), { usable: false }));
      child.on('exit', (code, killed) => end(() => reject(endedEarly(killed ?? `exit status ${code}`)), { usable: false }));
      signal.addEventListener('abort', stop);
      send({ job });
    });
  }

  /** Ends the process. A job that still runs saves its state first. */
  close(): void {
    if (this.#child?.connected) this.#child.disconnect();
    this.#child = undefined;
  }
}

/** Signals that ask a process to stop. A process that is still loading ends immediately. */
const INTERRUPTS: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const interruptedBy = (name: string) =>
  new CadenzaError('E_INTERRUPTED', `a worker process was stopped by ${name}. Run the same command without --fresh to resume`);

const endedEarly = (how: string) =>
  new CadenzaError(
    'E_EXECUTOR',
    `a worker process ended unexpectedly (${how}), possibly because memory ran out. ` +
      'Run the same command again to resume, with a smaller --jobs if the problem persists',
  );

/** The worker side: runs the received jobs one after another until there are no more. */
export function serveJobs<J>(
  run: (job: J, tools: { note: (text: string, more?: Partial<Note>) => void; signal: AbortSignal }) => Promise<void>,
): void {
  const controller = new AbortController();
  const abort = () => controller.abort(new CadenzaError('E_INTERRUPTED', 'stopped; run the same command to resume'));
  // The parent process may have exited; then nobody needs the message.
  const tell = (message: Message) => process.connected && process.send!(message, undefined, undefined, () => {});
  let running = false;
  process.on('message', (order: Order<J>) => {
    if ('stop' in order) return abort();
    running = true;
    run(order.job, { note: (text, { stays = false, share = 0 } = {}) => tell({ note: { text, stays, share } }), signal: controller.signal })
      .then(
        () => tell({ done: true }),
        error => tell({ failed: failureOf(error) }),
      )
      .finally(() => {
        running = false;
        if (!process.connected) process.exit();
      });
  });
  // The parent process has exited or has no more jobs. A running job saves its state first.
  process.on('disconnect', () => (running ? abort() : process.exit()));
  // Ctrl-C reaches the whole process group, and the parent decides when to stop, so ignore SIGINT. SIGTERM applies to this process.
  for (const name of ['SIGINT', 'SIGHUP']) process.on(name, () => {});
  process.on('SIGTERM', abort);
}

/** An error as plain data that another process or thread can receive. */
export function failureOf(error: unknown): Failure {
  const { message, code, path } = error as NodeJS.ErrnoException;
  return error instanceof CadenzaError ? { message, known: error.code } : { message: message ?? String(error), code, path };
}

/** The error that `failureOf` described. */
export const errorOf = ({ message, known, code, path }: Failure): Error =>
  known ? new CadenzaError(known, message) : Object.assign(new Error(message), { code, path });
