/** @file `npm run bench -- <name> [--json] [--transitions <n>]`: runs one benchmark. The result goes to stdout, progress to stderr. */

import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { env } from 'onnxruntime-node';
import { CadenzaError } from '../src/util/errors.ts';
import type { Result } from './bench.ts';
import { BENCHES } from './registry.ts';

const { values, positionals } = given();
const bench = positionals.length === 1 && Object.hasOwn(BENCHES, positionals[0]) ? BENCHES[positionals[0]] : undefined;
const transitions = Number(values.transitions ?? 1e6);
const problem = problemOf();
if (!bench || problem || values.help) {
  const names = Object.entries(BENCHES).map(([name, { description }]) => `  ${name.padEnd(12)} ${description}`);
  const usage = `usage: npm run bench -- <name> [--json] [--transitions <n>]\n\n${names.join('\n')}`;
  if (values.help) console.log(usage);
  else console.error(problem ? `[E_USAGE] ${problem}\n\n${usage}` : usage);
  process.exit(values.help ? 0 : 2);
}

// An executor that does not work is part of the result, not an error to log.
env.logLevel = 'fatal';
const machine = machineFacts();
const options = values.transitions === undefined ? {} : { transitions };
const result = { bench: positionals[0], machine, result: await bench.run(line => console.error(line), options).catch(stop) };
console.log(values.json ? JSON.stringify(result, null, 2) : render(result).join('\n'));
if (bench.table && !values.json) console.log(`\n${bench.table(result)}`);

/** What is wrong with the command line, if it asks for anything. */
function problemOf(): string | undefined {
  if (positionals.length === 0) return undefined;
  if (!bench) return `expected the name of one benchmark, found ${positionals.join(' ')}`;
  if (Number.isInteger(transitions) && transitions >= 1e5) return undefined;
  return `--transitions: expected an integer of at least 100,000, found ${values.transitions}`;
}

/** The command line. An unknown option ends the process. */
function given() {
  try {
    const options = { json: { type: 'boolean' }, transitions: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    console.error(`[E_USAGE] ${(error as Error).message.split('\n')[0]}`);
    process.exit(2);
  }
}

/** Ends with the reason and its exit status, such as that something must be installed. */
function stop(error: unknown): never {
  if (!(error instanceof CadenzaError)) throw error;
  console.error(`[${error.code}] ${error.message}`);
  process.exit(error.exitCode);
}

/** Facts about the machine that affect times. The load is measured before the run; above 0, other work was running. */
function machineFacts(): Result {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: Math.round(loadavg()[0] * 100) / 100,
    node: process.versions.node,
    onnxruntime: env.versions.node ?? env.versions.common,
    commit: commit(),
    date: new Date().toISOString(),
  };
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

function render(result: Result, indent = ''): string[] {
  return Object.entries(result).flatMap(([key, value]) => {
    if (typeof value === 'object') return [`${indent}${key}`, ...render(value, `${indent}  `)];
    const shown = typeof value === 'number' ? Number(value.toPrecision(4)) : value;
    return [`${indent}${key.padEnd(16)} ${shown}`];
  });
}
