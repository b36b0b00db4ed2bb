// Reproduces the evidence for compression: every baseline on Dark Room, Key-to-Door and the delayed bandit with equal budgets, return by bits
// of Z, and memories in tasks where they must last (`lifelong`). Finished stages are reused, so repeat the command after an interrupt.
//
//   npm run evidence [-- --quick] [dark-room] [key-to-door] [delayed-bandit] [rate-return] [lifelong or any of its parts]
// Without names, all parts but those of `lifelong`, which take a day. `--quick` uses one seed and a fraction of the training: it shows every
// method, but not its full performance. `--launcher`, with `--launch-option`, `--redis` and `--wait`, and `--store` are those of `cadenza run`.
// Without `--wait`, all parts are submitted; when their jobs are finished, the same command without a launcher builds the results.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const BASELINES = [
  ['full', 'ad', 'dpt', 'best-episodes'], // raw tokens: all, or those of the best episodes
  ['truncated', 'truncated-flops', 'truncated-bytes'], // as many tokens, FLOPs or bytes as CAD
  ['mean-pool', 'max-pool', 'strided-pool', 'pca', 'random-projection', 'rad'], // m vectors (rad: with a working memory)
  ['none', 'oracle'],
].flat();

// Skip stages that baselines do not have, so that all methods train on the same number of sequences of the same histories.
const END_TO_END = { 'teacher.steps': 0, 'pretrain.steps': 0, 'distill.steps': 0, 'distill.beta': 0, 'finetune.beta': 0 };
const SETTINGS = { ...END_TO_END, 'baselines.methods': BASELINES, 'baselines.steps': 'equal' };

/** What is compared where memory must last: the memories of other agents, and windows of as many tokens or bytes. */
const MEMORIES = ['rsm', 'rad', 'memo', 'memo-bytes', 'gru', 'linear-attention', 'truncated', 'truncated-bytes', 'none'];

/** A part that trains CAD alone, by the settings of a preset. */
const alone = (preset, { settings = {}, full = {}, quick = {}, ...rest } = {}) => ({
  command: ['run', `experiments/${preset}.yaml`],
  settings: { 'baselines.methods': [], ...settings },
  full,
  quick: { 'finetune.steps': 100, 'evaluate.maxTasks': 8, ...quick },
  ...rest,
});

/** A part in which all memories are trained like CAD. */
const memories = (preset, { settings = {}, ...rest } = {}) =>
  alone(preset, { settings: { 'baselines.methods': MEMORIES, 'baselines.steps': 'equal', ...settings }, ...rest });

/** The same for presets that train long: with fewer steps, and without `gru`, which takes five times as long as the others (docs/LOG.md). */
const shorter = (preset, { settings = {}, ...rest }) =>
  memories(preset, {
    ...rest,
    settings: { 'baselines.methods': ['rsm', 'truncated-bytes', 'memo', 'none', 'linear-attention', 'rad'], ...settings },
  });

/** T-mazes of these lengths: both cues in corridors of two lengths each. */
const corridors = (...lengths) =>
  lengths.map(length => ({ name: String(length), options: { shortest: length, longest: length + 1, every: 1 } }));

/**
 * How memories are compared in lives of Key-to-Door and in larger rooms: with fewer steps than in CAD's own part, and CAD with a gate, as in
 * the other presets. The parts with `-short` in their names, and that of rooms of 40 × 20 cells, have CAD as in its own part.
 */
const GATE = { 'compression.update': 'gru', 'compression.workingMemory': 0 };
const LIVES = { settings: GATE, full: { 'finetune.steps': 1500, 'evaluate.maxTasks': 64 } };
const ROOMS = { full: { 'finetune.steps': 1000, 'evaluate.maxTasks': 40 }, quick: { 'evaluate.episodes': 5 } };

/** Bandits with other delays than in training. */
const delays = (...steps) => steps.map(delay => ({ name: `delay-${delay}`, options: { delay } }));

/** Parts that train for hours each; `lifelong` stands for all of them. */
const LIFELONG = {
  't-maze': memories('t-maze', { settings: { 'evaluate.envs': corridors(1e3, 1e4) }, quick: { 'evaluate.envs': corridors(1e3) } }),
  // Longer corridors take minutes, so CAD plays them alone.
  't-maze-million': alone('t-maze', {
    continues: 't-maze',
    settings: { 'evaluate.envs': corridors(1e5, 1e6) },
    quick: { 'evaluate.envs': corridors(1e4) },
  }),
  'count-recall': shorter('count-recall', { full: { 'finetune.steps': 2000 } }),
  'rate-return-counts': {
    command: ['ablate', 'experiments/ablations/rate-return-counts.yaml'],
    settings: {},
    full: {},
    quick: { 'finetune.steps': 100, 'evaluate.maxTasks': 8 },
  },
  'dark-room-20x20': alone('dark-room-20x20', { quick: { 'evaluate.episodes': 5 } }),
  'dark-room-40x20': alone('dark-room-40x20', { quick: { 'evaluate.episodes': 5 } }),
  'dark-room-20x20-memories': shorter('dark-room-20x20', { ...ROOMS, settings: GATE }),
  'dark-room-20x20-short': alone('dark-room-20x20', ROOMS),
  'dark-room-40x20-memories': shorter('dark-room-40x20', { ...ROOMS, full: { ...ROOMS.full, 'finetune.steps': 750 } }),
  'long-delay-bandit': shorter('long-delay-bandit', {
    settings: { 'evaluate.envs': delays(0, 200, 1000) }, // a delay of 10,000 takes five minutes a seed for every method
    full: { 'finetune.steps': 600 },
    quick: { 'evaluate.envs': [] },
  }),
  'key-to-door-life': alone('key-to-door-life'),
  // Memories with an equal budget, a quarter of CAD's above: trained on lives that change, and on lives in which nothing ever moves. So the
  // effect of the memory and that of the data can be separated.
  'key-to-door-life-memories': shorter('key-to-door-life', LIVES),
  'key-to-door-life-memories-fixed': shorter('key-to-door-life', {
    ...LIVES,
    settings: { ...LIVES.settings, 'source.env': { timetable: 0 } },
  }),
  'key-to-door-life-short': alone('key-to-door-life', { full: LIVES.full }),
  // What the memory of this CAD does: cleared at changes, at every attempt or once, or exchanged for that of another life.
  'key-to-door-life-interventions': alone('key-to-door-life', {
    continues: 'key-to-door-life-memories',
    settings: {
      ...LIVES.settings,
      'evaluate.interventions': ['clear-at-change', 'clear-at-attempt', { 'clear-once': 2000 }, { donor: 2000 }],
      'evaluate.envs': [{ name: 'fixed', options: { timetable: 0 } }],
    },
    full: LIVES.full,
    quick: { 'evaluate.maxTasks': 2 },
  }),
  // CAD in lives of 200 layouts.
  'key-to-door-life-long': alone('key-to-door-life', {
    continues: 'key-to-door-life',
    settings: { 'evaluate.envs': [{ name: 'long', options: { timetable: 500, calls: 100_000 } }] },
    full: { 'evaluate.maxTasks': 32 },
    quick: { 'evaluate.maxTasks': 2 },
  }),
};

/** The parts with their settings: always, in full, and with --quick; and whether to inspect the agent. */
const PARTS = {
  'dark-room': {
    command: ['run', 'experiments/dark-room-window.yaml'],
    settings: SETTINGS,
    full: { 'finetune.steps': 2000 },
    quick: { 'finetune.steps': 200, 'evaluate.streams': 5 },
    inspect: true,
  },
  'key-to-door': {
    command: ['run', 'experiments/key-to-door.yaml'],
    settings: SETTINGS,
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
    settings: { ...SETTINGS, 'model.latents': 8 }, // its preset has 10
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
const ALL = { ...PARTS, ...LIFELONG };

function refuse(message) {
  console.error(`cadenza: [E_USAGE] ${message}`);
  process.exit(2);
}

/** What is passed on to cadenza. */
const LAUNCH = { launcher: { type: 'string' }, 'launch-option': { type: 'string', multiple: true }, redis: { type: 'string' } };

function parsed() {
  try {
    const options = { ...LAUNCH, quick: { type: 'boolean' }, wait: { type: 'boolean' }, store: { type: 'string' } };
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    return refuse(error.message);
  }
}

const { values: given, positionals } = parsed();
const { quick = false, store, wait = false, launcher } = given;
const named = positionals.flatMap(name => (name === 'lifelong' ? Object.keys(LIFELONG) : [name]));
const unknown = named.find(name => !Object.hasOwn(ALL, name));
if (unknown) refuse(`unknown part "${unknown}"; expected lifelong or any of ${Object.keys(ALL).join(', ')}`);
const remote = launcher !== undefined && launcher !== 'local';
/** Options of `run` and `ablate`. */
const running = [
  ...(remote ? [] : ['--jobs', '3']),
  ...Object.keys(LAUNCH).flatMap(name => [given[name] ?? []].flat().flatMap(value => [`--${name}=${value}`])),
  ...(wait ? ['--wait'] : []),
  ...(store === undefined ? [] : [`--store=${store}`]),
];

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const root = quick ? 'runs/evidence-quick' : 'runs/evidence';
const seeds = quick ? [0] : [0, 1, 2];
const set = settings => Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${JSON.stringify(value)}`]);

function cadenza(...args) {
  console.error(`\nevidence: cadenza ${args.join(' ')}`);
  const { status, signal } = spawnSync(process.execPath, ['dist/cli/main.js', ...args], { cwd: home, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 143));
}

/** Compares results with the committed ones. On machines with the same arithmetic, they are equal to the last digit. */
async function compareWithCommitted(name, out) {
  const committed = `results/evidence-${name}`;
  if (!existsSync(join(home, committed))) return;
  const { openResults } = await import('../dist/reports/open.js');
  const [ours, theirs] = [out, committed].map(folder => openResults(join(home, folder)).results.methods);
  const others = Object.keys(theirs).filter(method => JSON.stringify(ours[method]) !== JSON.stringify(theirs[method]));
  const methods = Object.keys(theirs).length;
  console.error(`evidence: ${methods - others.length} of ${methods} methods of ${name} are identical to ${committed}`);
  const score = ({ mean, meanLow, meanHigh }) => `${mean.toFixed(3)} [${meanLow.toFixed(3)}, ${meanHigh.toFixed(3)}]`;
  for (const method of others)
    console.error(
      `evidence: ${method}: ${ours[method] ? score(ours[method].final) : 'none'} over the last episodes; committed ${score(theirs[method].final)}`,
    );
}

for (const name of named.length > 0 ? named : Object.keys(PARTS)) {
  const { command, continues, settings, inspect, ...budgets } = ALL[name];
  const out = `${root}/${name}`;
  // The agents are those of another part, if it has trained them already.
  const stages = part => join(home, root, part, 'stages');
  if (continues && !existsSync(stages(name))) {
    // In a bucket, both find the same stages.
    if (remote && store === undefined && !existsSync(join(home, root, continues, 'results.json'))) {
      console.error(`evidence: ${name} has the agents of ${continues}: submit it when the results of ${continues} are built`);
      continue;
    }
    if (existsSync(stages(continues))) cpSync(stages(continues), stages(name), { recursive: true });
  }
  // Several processes with one thread are faster than one process with several threads.
  const how = { seeds, 'executor.threads': 1, ...settings, ...(quick ? budgets.quick : budgets.full) };
  cadenza(...command, '--out', out, ...running, ...set(how));
  if (remote && !wait) continue;
  if (command[0] === 'run') cadenza('report', out);
  // What Z reveals about the task, compared with the last m transitions: explains differences between methods.
  if (inspect) cadenza('inspect', out, ...(quick ? ['--tasks', '20', '--streams', '4'] : []));
  if (!quick) await compareWithCommitted(name, out);
}
