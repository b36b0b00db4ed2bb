/**
 * @file Trains the agents that come with the playground (`npm run agents [NAME …]`): one experiment for each world, with its baselines. Copies what a page
 * needs of them to web/public/agents, with what their results say. Finished stages are reused. With `--probes`, agents stay as they are, and only
 * what reads their beliefs is made again.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));
const experiments = join(home, 'experiments', 'playground');
const target = join(home, 'web', 'public', 'agents');
const known = readdirSync(experiments).map(file => basename(file, '.yaml'));
const asked = process.argv.slice(2).filter(each => each !== '--probes');
const probesOnly = process.argv.includes('--probes');
const unknown = asked.find(name => !known.includes(name));
if (unknown) {
  console.error(`cadenza: [E_USAGE] there is no experiment "${unknown}" in experiments/playground; expected any of ${known.join(', ')}`);
  process.exit(2);
}

const { actingGraphs } = await import('../dist/policy/index.js');
const { exportMethod } = await import('../dist/pipeline/export.js');
const { writeBeliefProbe } = await import('../dist/analysis/inspect/belief-probe.js');
const { lineProgress } = await import('../dist/util/progress.js');

/** Writes probe.json into the folder of an agent, if its tasks hide places; returns whether they do. */
async function addProbe(name) {
  const made = { progress: lineProgress(process.stderr), signal: new AbortController().signal };
  return (await writeBeliefProbe(join(target, name), join(experiments, `${name}.yaml`), made)) !== undefined;
}

const list = join(target, 'index.json');
let listed = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : [];

/** The name of a method's agent, and back: the experiment of an agent. */
const nameOf = (experiment, method) => (method === 'cad' ? experiment : `${experiment}-${method}`);
const experimentOf = ({ name, method }) => known.find(each => nameOf(each, method) === name);

/** Methods as the page calls them. */
const LABELS = { cad: 'CAD', full: 'full context', truncated: 'truncated context', none: 'no memory', rsm: 'RSM' };

const number = value => value.toLocaleString('en', { maximumSignificantDigits: 3 });

/** What a method's results say: its score on held-out tasks, and what its training took. */
function aboutOf({ methods, setting, run }, method) {
  const { final, window, budget, perTask } = methods[method];
  const [seed] = run.config.seeds;
  const unit = window ? ` ${window.outcome} in ${window.calls} calls` : ' of the oracle’s return';
  const score = `${number(final.mean)} [${number(final.meanLow)}, ${number(final.meanHigh)}]${unit}`;
  const seconds = budget.reduce((sum, { stage }) => sum + run.seconds[`${stage}-seed${seed}`], 0);
  const [steps, examples] = ['steps', 'examples'].map(what => budget.reduce((sum, each) => sum + each[what], 0).toLocaleString('en'));
  const { compressor, policy, ...others } = setting.parameters;
  const weights = others[method] ?? compressor + policy;
  return [
    `On ${perTask.length} held-out tasks: ${score}; the source: ${number(methods.source.final.mean)}.`,
    `Training: ${steps} steps with ${examples} segments, ${number(seconds / 60)} minutes; ${weights.toLocaleString('en')} weights.`,
  ].join(' ');
}

for (const name of asked.length > 0 ? asked : known) {
  if (probesOnly) {
    const entry = listed.find(each => each.name === name);
    if (entry) entry.probe = await addProbe(name);
    continue;
  }
  const run = join(home, 'runs', `playground-${name}`);
  const command = ['dist/cli/main.js', 'run', join(experiments, `${name}.yaml`), '--out', run];
  const { status, signal } = spawnSync(process.execPath, command, { cwd: home, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 143));
  const results = JSON.parse(readFileSync(join(run, 'results.json'), 'utf8'));
  const trained = Object.keys(results.methods).filter(method => results.methods[method].budget);
  for (const each of listed.filter(each => experimentOf(each) === name)) rmSync(join(target, each.name), { recursive: true, force: true });
  const entries = [];
  for (const method of trained) {
    const entry = nameOf(name, method);
    const [from, folder] = [mkdtempSync(join(tmpdir(), 'cadenza-agent-')), join(target, entry)];
    await exportMethod(run, method, from);
    const description = JSON.parse(readFileSync(join(from, 'model.json'), 'utf8'));
    mkdirSync(folder, { recursive: true });
    const looking = description.attention ? ['attention.onnx'] : [];
    for (const file of ['model.json', ...actingGraphs(description), ...looking]) copyFileSync(join(from, file), join(folder, file));
    rmSync(from, { recursive: true });
    entries.push({
      name: entry,
      method,
      label: LABELS[method] ?? method,
      about: aboutOf(results, method),
      probe: method === 'cad' && (await addProbe(entry)),
      env: description.env,
    });
    console.error(`agents: ${entry}: ${entries.at(-1).about}`);
  }
  listed = [...listed.filter(each => experimentOf(each) !== name), ...entries];
}
listed.sort((a, b) => known.indexOf(experimentOf(a)) - known.indexOf(experimentOf(b)));
writeFileSync(list, `${JSON.stringify(listed, null, 2)}\n`);
