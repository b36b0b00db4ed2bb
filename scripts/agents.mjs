/**
 * @file Trains the agents that come with the playground (`npm run agents [NAME …]`), and copies what a page needs of them to web/public/agents.
 * Finished stages are reused. With `--probes`, agents stay as they are, and only what reads their beliefs is made again.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
const { writeBeliefProbe } = await import('../dist/analysis/inspect/belief-probe.js');
const { lineProgress } = await import('../dist/util/progress.js');

/** Writes probe.json into the folder of an agent, if its tasks hide places; returns whether they do. */
async function addProbe(name) {
  const made = { progress: lineProgress(process.stderr), signal: new AbortController().signal };
  return (await writeBeliefProbe(join(target, name), join(experiments, `${name}.yaml`), made)) !== undefined;
}

const list = join(target, 'index.json');
const listed = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : [];

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
  const description = JSON.parse(readFileSync(join(run, 'model', 'model.json'), 'utf8'));
  const { methods } = JSON.parse(readFileSync(join(run, 'results.json'), 'utf8'));
  const folder = join(target, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const looking = description.attention ? ['attention.onnx'] : [];
  for (const file of ['model.json', ...actingGraphs(description), ...looking]) copyFileSync(join(run, 'model', file), join(folder, file));
  const score = methods.cad.final.mean.toFixed(2);
  const entry = {
    name,
    label: 'CAD',
    about: `Trained by npm run agents. Score on tasks never trained on: ${score}.`,
    probe: await addProbe(name),
    env: description.env,
  };
  const at = listed.findIndex(each => each.name === name);
  if (at < 0) listed.push(entry);
  else listed[at] = entry;
  console.error(`agents: ${name} scores ${score}`);
}
listed.sort((a, b) => known.indexOf(a.name) - known.indexOf(b.name));
writeFileSync(list, `${JSON.stringify(listed, null, 2)}\n`);
