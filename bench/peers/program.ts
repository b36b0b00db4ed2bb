/** @file A Python program that runs training steps: one process, asked by lines of JSON, which lives until it is closed. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CadenzaError } from '../../src/util/errors.ts';
import type { Steps } from './workloads.ts';

export const PYTHON = process.env.CADENZA_PYTHON || 'python3';

/** A framework in Python. */
export interface Framework {
  /** The package to install, under which the program reports its version. */
  readonly id: string;
  /** File in this folder. */
  readonly script: string;
}

export interface PythonProgram {
  /** Versions of Python and the framework. */
  readonly software: Readonly<Record<string, string>>;
  /** Continues the training of a file's step in some variant, on whose first call it is prepared. */
  run(request: {
    readonly file: string;
    readonly variant: string;
    readonly steps: number;
  }): Promise<Steps & { readonly parameters: number }>;
  close(): void;
}

/**
 * Starts the program of a framework.
 *
 * @throws {CadenzaError} `E_INSTALL`, with the reason, if it does not start: without Python, or without the framework.
 */
export async function startProgram({ id, script }: Framework, threads: number): Promise<PythonProgram> {
  const child = spawn(PYTHON, [fileURLToPath(new URL(script, import.meta.url))], {
    env: { ...process.env, OMP_NUM_THREADS: `${threads}`, NPROC: `${threads}` },
  });
  let said = '';
  child.stderr.on('data', text => {
    said = `${said}${text}`.slice(-4000);
  });
  child.on('error', ({ message }) => {
    said = message;
  });
  // A process that has ended is noticed by the missing answer.
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { done, value } = await lines.next();
    return done ? undefined : JSON.parse(value);
  };
  const reason = () => said.trim().split('\n').at(-1);
  const software = await answer();
  if (!software) throw new CadenzaError('E_INSTALL', `${id} (${PYTHON}): ${reason()}`);
  return {
    software,
    async run(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const found = await answer();
      if (!found) throw new CadenzaError('E_EXECUTOR', `${id} (${PYTHON}), ${request.variant}: it ended. Its last output: ${reason()}`);
      return found;
    },
    close: () => void child.stdin.end(),
  };
}
