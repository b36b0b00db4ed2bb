/**
 * @file Blocking calls to Python. A thread (scripts/gymnasium/pipes.mjs) owns the process; this side sends a request, sleeps until the
 * answer arrives, and throws if there is none. One process serves all families of this process and ends with it.
 */

import type { MessagePort, Worker } from 'node:worker_threads';
import type { Json } from '../../util/canonical.ts';
import { CadenzaError, type ErrorCode, EXIT_CODES } from '../../util/errors.ts';

/** Versions of the software that answers. */
export interface Software {
  readonly python: string;
  readonly gymnasium: string;
  readonly numpy: string;
}

/** What the thread posts: an answer, or that the process has ended. */
type Message =
  | { readonly failed: boolean; readonly body: Uint8Array<ArrayBuffer> }
  | { readonly ended: { readonly message: string; readonly missing?: boolean; readonly signal?: string | null }; readonly said: string };

/** Kinds of requests, as in bridge.py. */
const [COMMAND, STEP] = [0, 1];
const HEADER = 8;

/** Seconds until a request to a process that hangs fails. */
const LIMIT = 60;
/** Factor after which the process ends itself, in case nobody is left to end it. */
const GRACE = 1.25;

const INSTALL =
  'Install Python 3 with gymnasium (python3 -m pip install gymnasium), or name an interpreter that has it in the environment variable CADENZA_PYTHON';

export class Bridge {
  readonly python: string;
  readonly software: Software;
  readonly #limit: number;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #receive: (port: MessagePort) => { message: Message } | undefined;
  readonly #flag = new Int32Array(new SharedArrayBuffer(4));
  #groups = 0;
  /** Set once the process has ended. */
  failure?: CadenzaError;

  constructor(python: string, limit: number) {
    const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads');
    if (!threads) throw new CadenzaError('E_INSTALL', 'environments of Gymnasium need Node 20.16 or newer. Update Node.');
    const { MessageChannel, Worker, receiveMessageOnPort } = threads;
    this.python = python;
    this.#limit = limit;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#receive = receiveMessageOnPort;
    // Written so that bundlers do not recognize it: they would bundle the thread into a page.
    const script = ['..', '..', '..', 'scripts', 'gymnasium', 'pipes.mjs'].join('/');
    this.#worker = new Worker(new URL(script, import.meta.url), {
      workerData: { python, limit: limit * GRACE, port: port2, flag: this.#flag },
      transferList: [port2],
      execArgv: [],
    });
    this.#worker.unref();
    try {
      this.software = this.command<Software>({ command: 'hello' });
    } catch (error) {
      if (this.failure) throw this.failure;
      this.#exchange('kill', limit);
      throw this.#end(`${(error as Error).message} ${INSTALL}`, 'E_INSTALL');
    }
  }

  /** A number for a new group of environments. */
  newGroup = () => ++this.#groups;

  /** Sends a request that is answered by JSON. */
  command<T>(request: { readonly command: string; readonly [key: string]: Json }): T {
    return JSON.parse(new TextDecoder().decode(this.numbers(request))) as T;
  }

  /** Sends a request that is answered by numbers. */
  numbers(request: { readonly command: string; readonly [key: string]: Json }): Uint8Array<ArrayBuffer> {
    return this.#ask(COMMAND, [new TextEncoder().encode(JSON.stringify(request))]);
  }

  step(group: number, actions: Int32Array | Float32Array): Uint8Array<ArrayBuffer> {
    return this.#ask(STEP, [
      new Uint8Array(Uint32Array.of(group).buffer),
      new Uint8Array(actions.buffer, actions.byteOffset, actions.byteLength),
    ]);
  }

  /** Sends a request and sleeps until it is answered. */
  #ask(kind: number, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    if (this.failure) throw this.failure;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const request = new Uint8Array(HEADER + length);
    new Uint32Array(request.buffer, 0, 2).set([length, kind]);
    let at = HEADER;
    for (const part of parts) {
      request.set(part, at);
      at += part.length;
    }
    const message = this.#exchange(request, this.#limit);
    if (!message) {
      this.#exchange('kill', this.#limit);
      throw this.#end(
        `it did not answer within ${this.#limit} seconds and was killed. If it is slow rather than hanging, set the environment variable CADENZA_PYTHON_TIMEOUT (seconds) to a larger value`,
      );
    }
    if ('ended' in message) throw this.#ended(message);
    if (!message.failed) return message.body;
    const { code, message: what } = JSON.parse(new TextDecoder().decode(message.body)) as { code: ErrorCode; message: string };
    const known = code in EXIT_CODES ? code : 'E_EXECUTOR';
    throw new CadenzaError(known, `${what.replace(/\.$/, '')}.`);
  }

  /** Undefined if there is no answer in time. */
  #exchange(request: Uint8Array<ArrayBuffer> | 'kill', seconds: number): Message | undefined {
    const before = Atomics.load(this.#flag, 0);
    const deadline = performance.now() + 1000 * seconds;
    this.#port.postMessage(request);
    // A late notice of an earlier answer may wake this sleep.
    while (Atomics.load(this.#flag, 0) === before)
      if (Atomics.wait(this.#flag, 0, before, deadline - performance.now()) === 'timed-out') return undefined;
    return this.#receive(this.#port)!.message;
  }

  #ended({ ended: { message, missing, signal }, said }: Extract<Message, { ended: unknown }>): CadenzaError {
    const last = said.trim().split('\n').slice(-3).join(' / ');
    if (missing || this.software === undefined)
      return this.#end(`it cannot be started (${message})${last && `: ${last}`}. ${INSTALL}`, 'E_INSTALL');
    // A signal to all processes of a command; the command reports it if it can.
    if (signal === 'SIGTERM')
      return this.#end('it was stopped by SIGTERM; run the same command again, without --fresh, to resume', 'E_INTERRUPTED');
    const how = signal === 'SIGALRM' ? 'it took too long to answer and ended itself' : `it ended (${message})`;
    return this.#end(`${how}${last && `; its last output: ${last}`}. Run the same command again; it resumes`);
  }

  #end(what: string, code: ErrorCode = 'E_EXECUTOR'): CadenzaError {
    this.failure = new CadenzaError(code, `gymnasium (${this.python}): ${what}.`);
    void this.#worker.terminate();
    return this.failure;
  }
}

const running = new Map<string, Bridge>();

/** The process that runs environments; starts it if necessary. Throws `E_INSTALL` if there is no Python with gymnasium. */
export function bridge(): Bridge {
  const { CADENZA_PYTHON, CADENZA_PYTHON_TIMEOUT } = globalThis.process?.env ?? {};
  // An empty variable is as good as none.
  const python = CADENZA_PYTHON || 'python3';
  const limit = CADENZA_PYTHON_TIMEOUT === undefined ? LIMIT : Number(CADENZA_PYTHON_TIMEOUT);
  if (!(limit > 0 && limit < 1e6))
    throw new CadenzaError('E_CONFIG', `CADENZA_PYTHON_TIMEOUT must be a number of seconds, but is "${CADENZA_PYTHON_TIMEOUT}".`);
  const key = `${python} ${limit}`;
  const known = running.get(key);
  if (known && !known.failure) return known;
  const made = new Bridge(python, limit);
  running.set(key, made);
  return made;
}
