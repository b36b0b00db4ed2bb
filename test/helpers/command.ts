/** @file Runs the command line in a process of its own, as a user does. For tests. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { reportFailure } from '../../src/cli/failure.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { stageTitle } from '../../src/util/progress.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const TINY = join(ROOT, 'experiments', 'tiny.yaml');

// A name that is no literal: the script has no types.
const script: string = join(ROOT, 'scripts', 'setup.mjs');
const { isBuilt } = (await import(script)) as { isBuilt(root: string): boolean };
/** Compiled code starts in half the time; where it is not what the sources say, these run as they are. */
export const PROGRAM = isBuilt(ROOT) ? ['dist/cli/main.js'] : ['--import', 'tsx', 'src/cli/main.ts'];

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  /** Blocks of 512 bytes that a file may have. */
  readonly limit?: number;
  /** What is on its standard input. */
  readonly input?: string;
  /** Where the output goes, as the shell has it: `> /dev/full`. */
  readonly redirect?: string;
  /** In a group of processes of its own. */
  readonly detached?: boolean;
}

/** Starts `cadenza …`, in a shell where there is a limit or a redirection. */
export function start(args: readonly string[], { limit, input, redirect = '', detached = false }: StartOptions = {}) {
  const command = [...PROGRAM, ...args];
  const before = limit ? `ulimit -f ${limit}; ` : '';
  const shell = ['-c', `${before}exec "$@" ${redirect}`, 'sh', process.execPath, ...command];
  const inShell = before !== '' || redirect !== '';
  const stdio = ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'];
  const child = spawn(inShell ? 'sh' : process.execPath, inShell ? shell : command, { cwd: ROOT, stdio, detached });
  child.stdin.end(input);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', text => (texts[name] += text));
  const ended: Promise<Ended> = once(child, 'close').then(([status, signal]) => ({ status, signal, ...texts }));
  /** Resolves when stderr holds the text, or fits the pattern, or when the process has ended. */
  const says = (text: string | RegExp) =>
    new Promise<void>(resolve => {
      const look = () => (text instanceof RegExp ? text.test(texts.stderr) : texts.stderr.includes(text)) && resolve();
      child.stderr.on('data', look);
      ended.then(() => resolve());
      look();
    });
  return { child, ended, says };
}

/** What a log of progress says of a stage of one seed, line by line. */
export const progressOf = (stderr: string, what: string, seed = 0): string[] =>
  stderr
    .split('\n')
    .filter(line => line.startsWith(`${stageTitle(what, seed)}: `))
    .map(line => line.slice(`${stageTitle(what, seed)}: `.length));

export const cadenza = (...args: string[]) => start(args).ended;

/** The same without a process of its own: a hundred times sooner, for tests that need many. */
export async function withinProcess(args: readonly string[]): Promise<Pick<Ended, 'status' | 'stdout' | 'stderr'>> {
  const texts = { stdout: '', stderr: '' };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const handlers = signals.map(name => process.listeners(name));
  const write = (name: keyof typeof texts) => (text: string | Uint8Array) => {
    texts[name] += text;
    return true;
  };
  const spies = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
  spies[0].mockImplementation(write('stdout'));
  spies[1].mockImplementation(write('stderr'));
  try {
    await buildProgram().parseAsync(args, { from: 'user' });
    return { status: 0, ...texts };
  } catch (error) {
    return { status: reportFailure(error, { json: args.includes('--json') }), ...texts };
  } finally {
    for (const spy of spies) spy.mockRestore();
    for (const [i, name] of signals.entries())
      for (const handler of process.listeners(name)) if (!handlers[i].includes(handler)) process.off(name, handler);
  }
}

/** `--set` for every setting. */
export const settings = (values: Readonly<Record<string, unknown>>) =>
  Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${JSON.stringify(value)}`]);

/** Folder of the stage whose name (without its key) is `stage`. */
export function stageFolder(out: string, stage: string): string | undefined {
  const stages = join(out, 'stages');
  const found = existsSync(stages) ? readdirSync(stages).find(name => name.replace(/-[0-9a-f]{12}$/, '') === stage) : undefined;
  return found && join(stages, found);
}

/** Every file below `stages/` by its path, with its bytes where `name` matches and empty where not. */
export function stageFiles(out: string, name = /^(model\.safetensors|(returns|imitation)\.json|.*\.arrow)$/): Map<string, Buffer> {
  const stages = join(out, 'stages');
  const paths = readdirSync(stages, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.startsWith('.'))
    .map(entry => ({ path: join(entry.parentPath, entry.name).slice(stages.length + 1), match: name.test(entry.name) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return new Map(paths.map(({ path, match }) => [path, match ? readFileSync(join(stages, path)) : Buffer.alloc(0)]));
}

/** What a stage wrote of its steps, line by line. */
export function metricsOf(out: string, stage: string): Record<string, number>[] {
  const lines = readFileSync(join(stageFolder(out, stage)!, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  return lines.map(line => JSON.parse(line));
}
