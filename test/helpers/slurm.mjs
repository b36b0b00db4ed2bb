#!/usr/bin/env node
// Stands in for sbatch, squeue, scancel and scontrol: runs each array when it is submitted, after checking its dependencies. For tests on
// machines without Slurm. Its state is in the folder STAND_IN_SLURM.
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const state = process.env.STAND_IN_SLURM;
const [program, ...args] = [basename(process.argv[1]), ...process.argv.slice(2)];
const jobs = join(state, 'jobs');
const ended = () => (existsSync(jobs) ? readFileSync(jobs, 'utf8').trim().split('\n') : []);
appendFileSync(join(state, 'calls'), `${JSON.stringify([program, ...args])}\n`);

if (program === 'sbatch') {
  const script = readFileSync(args.at(-1), 'utf8');
  const options = Array.from(script.matchAll(/^#SBATCH (.*)$/gm), ([, option]) => option);
  const optionOf = name => [...args, ...options].find(option => option.startsWith(`--${name}=`))?.slice(name.length + 3);
  if (optionOf('partition') === 'nonesuch') {
    process.stderr.write('sbatch: error: invalid partition\n');
    process.exit(1);
  }
  const after = optionOf('dependency')?.replace('afterok:', '').split(':') ?? [];
  const id = String(ended().length + 1);
  const outcomes = after.map(other => ended()[other - 1].split(' ')[0]);
  const held = existsSync(join(state, 'hold')) || outcomes.some(other => other !== 'COMPLETED');
  let outcome = outcomes.some(other => ['FAILED', 'CANCELLED'].includes(other)) ? 'CANCELLED' : 'PENDING';
  for (const part of held ? [] : optionOf('array').split(',')) {
    const [from, to = from] = part.split('-').map(Number);
    for (let index = from; index <= to; index++) {
      const env = { ...process.env, SLURM_ARRAY_JOB_ID: id, SLURM_ARRAY_TASK_ID: String(index) };
      const { status, stdout, stderr } = spawnSync('bash', [args.at(-1)], { env, encoding: 'utf8' });
      writeFileSync(optionOf('output').replace('%x', optionOf('job-name')).replace('%a', index), stdout + stderr, { flag: 'a' });
      outcome = status === 0 && outcome !== 'FAILED' ? 'COMPLETED' : 'FAILED';
    }
  }
  appendFileSync(jobs, `${outcome} ${optionOf('job-name')}\n`);
  process.stdout.write(`${id}\n`);
}
// The file that holds jobs says why they wait.
const reason = () => (existsSync(join(state, 'hold')) && readFileSync(join(state, 'hold'), 'utf8')) || 'Dependency';
if (program === 'squeue')
  for (const [i, job] of ended().entries()) {
    const [outcome, name] = job.split(' ');
    process.stdout.write(`${i + 1} 0 ${name} ${outcome} ${outcome === 'PENDING' ? reason() : 'None'}\n`);
  }
// The file that says which state jobs have.
if (program === 'scontrol' && args[0] === 'show') process.stdout.write(`JobState=${readFileSync(join(state, 'jobState'), 'utf8')}\n`);
if (program === 'scancel')
  writeFileSync(
    jobs,
    `${ended()
      .map((job, i) => (args.includes(String(i + 1)) ? job.replace(/^\S+/, 'CANCELLED') : job))
      .join('\n')}\n`,
  );
