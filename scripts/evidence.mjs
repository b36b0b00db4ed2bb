// The evidence for compression, from nothing to a report: every baseline on Dark Room, Key-to-Door and the delayed bandit by equal budgets, and
// return against the bits of Z. Finished stages are not repeated, so run an interrupted command again.
//
//   npm run evidence [-- --quick] [dark-room] [key-to-door] [delayed-bandit] [rate-return]
//
// `--quick` trains one seed for a fraction of the steps: it shows every method, but not how good each can get.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BASELINES = [
  ['full', 'ad', 'dpt', 'best-episodes'], // see raw tokens, all or the best
  ['truncated', 'truncated-flops', 'truncated-bytes'], // as many tokens as CAD carries, as many FLOPs, as many bytes
  ['mean-pool', 'max-pool', 'strided-pool', 'pca', 'random-projection', 'rad'], // m vectors (rad: and a working memory)
  ['none', 'oracle'],
].flat();

// Stages that baselines lack are left out, so that all methods train on the same number of sequences from the same histories.
const END_TO_END = { 'teacher.steps': 0, 'pretrain.steps': 0, 'distill.steps': 0, 'distill.beta': 0, 'finetune.beta': 0 };
const ROWS = { ...END_TO_END, 'baselines.methods': BASELINES, 'baselines.steps': 'equal' };

/** The commands, the settings that override those of their files (always, in full, quickly), and whether the agent is inspected. */
const PARTS = {
  'dark-room': {
    command: ['run', 'experiments/dark-room.yaml'],
    settings: ROWS,
    full: { 'finetune.steps': 2000 },
    quick: { 'finetune.steps': 200, 'evaluate.streams': 5 },
    inspect: true,
  },
  'key-to-door': {
    command: ['run', 'experiments/key-to-door.yaml'],
    settings: ROWS,
    full: { 'finetune.steps': 1200, 'evaluate.imitationHistories': 1 },
    quick: {
      'finetune.steps': 100,
      'evaluate.maxTasks': 20,
      'evaluate.streams': 1,
      'evaluate.episodes': 15,
      'evaluate.imitationHistories': 1,
    },
    inspect: true,
  },
  'delayed-bandit': {
    command: ['run', 'experiments/delayed-bandit.yaml'],
    settings: { ...ROWS, 'model.latents': 8 }, // its preset has 10
    full: { 'finetune.steps': 1500 },
    quick: { 'finetune.steps': 150, 'evaluate.maxTasks': 40, 'evaluate.imitationHistories': 1 },
  },
  'rate-return': {
    command: ['ablate', 'experiments/ablations/rate-return.yaml'],
    settings: {},
    full: {},
    quick: { 'teacher.steps': 100, 'finetune.steps': 100, 'evaluate.streams': 5 },
  },
};

const asked = process.argv.slice(2);
const quick = asked.includes('--quick');
const named = asked.filter(argument => argument !== '--quick');
const unknown = named.filter(name => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`cadenza: [E_USAGE] evidence has no part "${unknown[0]}"; expected --quick, or some of ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const root = quick ? 'runs/evidence-quick' : 'runs/evidence';
const seeds = quick ? [0] : [0, 1, 2];
const set = settings => Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${JSON.stringify(value)}`]);

function cadenza(...args) {
  console.error(`\nevidence: cadenza ${args.join(' ')}`);
  const { status, signal } = spawnSync(process.execPath, ['dist/cli/main.js', ...args], { cwd: home, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 143));
}

/** Says whether every method has its committed numbers: on machines with the same arithmetic they are equal to the last digit. */
async function compareWithCommitted(name, out) {
  const committed = `results/evidence-${name}`;
  if (!existsSync(join(home, committed))) return;
  const { openResults } = await import('../dist/reports/open.js');
  const [ours, theirs] = [out, committed].map(folder => openResults(join(home, folder)).results.methods);
  const others = Object.keys(theirs).filter(method => JSON.stringify(ours[method]) !== JSON.stringify(theirs[method]));
  const methods = Object.keys(theirs).length;
  console.error(
    `evidence: ${methods - others.length} of ${methods} methods of ${name} are equal to those in ${committed}, to the last digit`,
  );
  const score = ({ mean, meanLow, meanHigh }) => `${mean.toFixed(3)} [${meanLow.toFixed(3)}, ${meanHigh.toFixed(3)}]`;
  for (const method of others)
    console.error(
      `evidence: ${method}: ${ours[method] ? score(ours[method].final) : 'none'} over the last episodes; committed ${score(theirs[method].final)}`,
    );
}

for (const [name, { command, settings, inspect, ...budgets }] of Object.entries(PARTS)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const out = `${root}/${name}`;
  // Several processes of one thread are faster than one process of several threads.
  const how = { seeds, 'executor.threads': 1, ...settings, ...(quick ? budgets.quick : budgets.full) };
  cadenza(...command, '--out', out, '--jobs', '3', ...set(how));
  if (command[0] === 'run') cadenza('report', out);
  // Probes of Z and of the last m transitions show why methods score alike, or do not.
  if (inspect) cadenza('inspect', out, ...(quick ? ['--tasks', '20', '--streams', '4'] : []));
  if (!quick) await compareWithCommitted(name, out);
}
