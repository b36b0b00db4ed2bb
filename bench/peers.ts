/** @file Training steps of cadenza versus the same steps in PyTorch and JAX: same weights, batches, losses, optimizer and threads. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CadenzaError } from '../src/util/errors.ts';
import type { Bench, Report, Result } from './bench.ts';
import { type Framework, PYTHON, type PythonProgram, startProgram } from './peers/program.ts';
import { prepare, type Steps, WORKLOADS, type WorkloadName } from './peers/workloads.ts';
import { median } from './training.ts';

/** The variants of each framework, and how a table calls them. */
const FRAMEWORKS: readonly (Framework & { readonly variants: Readonly<Record<string, string>> })[] = [
  {
    id: 'torch',
    script: 'torch_steps.py',
    variants: { eager: 'PyTorch', compiled: 'compiled', bf16: 'bf16', 'compiled-bf16': 'compiled, bf16' },
  },
  { id: 'jax', script: 'jax_steps.py', variants: { jit: 'JAX jit' } },
];

const WORDS: Readonly<Record<WorkloadName, string>> = {
  reference: 'reference',
  window: 'fine-tuning, each context encoded',
  encodeOnce: 'fine-tuning, episodes encoded once',
};

/** Threads of every program, as in the presets. */
const THREADS = Math.min(2, availableParallelism());
/** The programs take turns: so many rounds, and so many timed steps of each in a round. */
const ROUNDS = 7;
const STEPS: Readonly<Record<WorkloadName, number>> = { reference: 3, window: 12, encodeOnce: 12 };
/** Steps whose losses and gradient norms are compared, and how much those of float32 may differ, relative to their size. */
const COMPARED = 5;
const TOLERANCE = 1e-3;

/** One way to run a step, by a name such as `torch-eager`. */
interface Runner {
  readonly name: string;
  readonly run: (steps: number) => Promise<Steps & { readonly parameters?: number }>;
}

/** Starts the frameworks that are installed. */
async function startAll(say: (line: string) => void) {
  const found: { framework: (typeof FRAMEWORKS)[number]; program: PythonProgram }[] = [];
  for (const framework of FRAMEWORKS)
    try {
      found.push({ framework, program: await startProgram(framework, THREADS) });
    } catch (error) {
      say(`not compared: ${(error as Error).message}`);
    }
  if (found.length > 0) return found;
  throw new CadenzaError(
    'E_INSTALL',
    `${PYTHON} runs neither PyTorch nor JAX. Install at least one (python3 -m pip install torch jax numpy), or name an interpreter that has them in the environment variable CADENZA_PYTHON.`,
  );
}

/** The largest difference between two lists, relative to the numbers of the first. */
const difference = (expected: readonly number[], found: readonly number[]): number =>
  Math.max(...expected.map((value, i) => Math.abs(value - found[i]) / Math.abs(value)));

/** The first steps of every runner, compared with those of the first one. */
async function compare(runners: readonly Runner[], parameters: number): Promise<Record<string, number>> {
  const [own, ...others] = runners;
  const expected = await own.run(COMPARED);
  const differences: Record<string, number> = {};
  for (const { name, run } of others) {
    const found = await run(COMPARED);
    if (found.parameters !== parameters) throw new Error(`${name} has ${found.parameters} parameters, cadenza ${parameters}.`);
    differences[name] = Math.max(difference(expected.loss, found.loss), difference(expected.gradientNorm, found.gradientNorm));
  }
  return differences;
}

/** Milliseconds per step by runner: medians over rounds of the median of a block. */
async function time(runners: readonly Runner[], steps: number): Promise<Record<string, number>> {
  const blocks = new Map(runners.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const { name, run } of runners) {
      // The first step of a block finds the caches of another program.
      await run(1);
      blocks.get(name)!.push(median((await run(steps)).ms));
    }
  return Object.fromEntries(Array.from(blocks, ([name, medians]) => [name, median(medians)]));
}

type Measured = Awaited<ReturnType<typeof measure>>;

async function measure(
  workload: WorkloadName,
  programs: Awaited<ReturnType<typeof startAll>>,
  folder: string,
  say: (line: string) => void,
) {
  const step = await prepare(await WORKLOADS[workload](), THREADS);
  const file = join(folder, `${workload}.safetensors`);
  writeFileSync(file, step.file);
  const others = programs.flatMap(({ framework: { id, variants }, program }) =>
    Object.keys(variants).map(variant => ({
      name: `${id}-${variant}`,
      run: (steps: number) => program.run({ file, variant, steps }),
    })),
  );
  const runners: Runner[] = [{ name: 'cadenza', run: step.run }, ...others];
  say(`${WORDS[workload]}: comparing ${COMPARED} steps of ${others.map(({ name }) => name).join(', ')} …`);
  const differences = await compare(runners, step.parameters);
  say(`${WORDS[workload]}: ${ROUNDS} rounds of ${STEPS[workload]} steps …`);
  const ms = await time(runners, STEPS[workload]);
  await step.dispose();
  const fastest = others.map(({ name }) => name).reduce((best, name) => (ms[name] < ms[best] ? name : best));
  const perSequence = Object.fromEntries(Object.entries(ms).map(([name, value]) => [name, value / step.batch]));
  return {
    batch: step.batch,
    workers: step.workers,
    parameters: step.parameters,
    ms,
    msPerSequence: perSequence,
    fastest,
    ratio: ms.cadenza / ms[fastest],
    differences,
  };
}

const limited = (value: number, limit: number) => ({ value, limit, passes: value <= limit });

/** Cadenza's time relative to others; only those that were measured. */
function checksOf({ reference, window, encodeOnce }: Readonly<Record<WorkloadName, Measured>>): Record<string, Result> {
  const once = encodeOnce.msPerSequence.cadenza;
  const differences = [reference, window, encodeOnce].flatMap(({ differences }) => Object.entries(differences));
  const float32 = differences.filter(([name]) => !name.endsWith('bf16')).map(([, value]) => value);
  const { cadenza, 'torch-eager': eager, 'torch-bf16': bf16 } = reference.ms;
  return {
    float32Difference: limited(Math.max(...float32), TOLERANCE),
    queryEncodedOnce: limited(once / encodeOnce.msPerSequence[encodeOnce.fastest], 0.5),
    queryEncodedOnceVersusWindow: limited(once / window.msPerSequence[window.fastest], 0.25),
    ...(eager && { referenceVersusEager: limited(cadenza / eager, 0.6), referenceVersusBf16: limited(cadenza / bf16, 1) }),
  };
}

/** The times as a table in Markdown, for docs/evidence.md. */
function table({ machine, result }: Report): string {
  const { software, threads, steps } = result as unknown as {
    software: Record<string, string>;
    threads: number;
    steps: Record<string, Measured>;
  };
  const columns = ['cadenza', ...FRAMEWORKS.flatMap(({ id, variants }) => Object.keys(variants).map(variant => `${id}-${variant}`))];
  const heads = ['', 'cadenza', ...FRAMEWORKS.flatMap(({ variants }) => Object.values(variants))];
  const row = (name: string, times: Record<string, number>) => [
    name,
    ...columns.map(column => (column in times ? `${Number(times[column].toPrecision(3))}` : '')),
  ];
  const rows = (Object.entries(WORDS) as [WorkloadName, string][]).flatMap(([workload, words]) => {
    const { batch, ms, msPerSequence } = steps[workload];
    const whole = row(`${words}, ${batch}`, ms);
    return workload === 'reference' ? [whole] : [whole, row('… per query', msPerSequence)];
  });
  const versions = Object.entries(software).map(([name, version]) => `${name} ${version}`);
  return [
    `${String(machine.date).slice(0, 10)}, ${machine.processor}, ${threads} threads, load ${machine.load}, node ${machine.node}, onnxruntime ${machine.onnxruntime}, ${versions.join(', ')}:`,
    '',
    ...[heads, heads.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

export const peers: Bench = {
  description: 'training steps versus the same in PyTorch and JAX (needs Python with torch, jax or both)',
  async run(say) {
    const programs = await startAll(say);
    const folder = mkdtempSync(join(tmpdir(), 'cadenza-peers-'));
    try {
      const steps = {} as Record<WorkloadName, Measured>;
      for (const workload of Object.keys(WORKLOADS) as WorkloadName[]) steps[workload] = await measure(workload, programs, folder, say);
      return {
        threads: THREADS,
        software: Object.assign({}, ...programs.map(({ program }) => program.software)),
        steps,
        checks: checksOf(steps),
      };
    } finally {
      for (const { program } of programs) program.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  table,
};
