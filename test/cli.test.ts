/** @file The command line as a user meets it: what goes to which stream, and with what exit status. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { pathOf } from '../src/cli/options.ts';
import { buildProgram } from '../src/cli/program.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { readyExecutor, threadAdvice } from '../src/engine/executors/registry.ts';
import { cadenza, ROOT, start as runner, settings, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { carrying, exit, failure } from './helpers/failure.ts';
import { hasGymnasium } from './helpers/python.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bad = join(folder, 'bad.yaml');
writeFileSync(bad, 'name: a\nmodel:\n  widht: 3\n');
const good = join(folder, 'good.yaml');
writeFileSync(good, 'name: tiny\n');

function start(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', text => (texts[name] += text));
  const ended = once(child, 'close').then(([status]) => ({ status: status as number, ...texts }));
  return { child, ended };
}

describe('--dry-run', () => {
  it.each(['tiny.yaml', 'tiny-regression.yaml'])('estimates %s and writes nothing', async name => {
    const out = join(folder, `dry-${name}`);
    const file = join(ROOT, 'experiments', name);
    const shown = await withinProcess(['run', file, '--dry-run', '--out', out]);
    expect(shown.status, shown.stderr).toBe(0);
    const { stdout } = await withinProcess(['run', file, '--dry-run', '--out', out, '--json']);
    const { stages, peakBytes, machineBytes, seconds, productGflops } = JSON.parse(stdout);
    expect(peakBytes).toBeLessThan(machineBytes);
    for (const { stage } of stages) expect(shown.stdout).toContain(stage);
    // Times are a second, and the operations at one rate that was measured.
    expect(productGflops).toBeGreaterThan(0);
    const trained = stages.filter(({ steps }: { steps?: number }) => steps);
    expect(trained.length).toBeGreaterThan(0);
    const rates = trained.map(({ flops, seconds }: { flops: number; seconds: number }) => flops / (seconds - 1) / (1e9 * productGflops));
    for (const rate of rates) expect(rate / rates[0]).toBeCloseTo(1, 6);
    expect(seconds).toBeGreaterThan(0);
    for (const { nodes } of trained) expect(nodes).toBeGreaterThan(10);
    expect(existsSync(out)).toBe(false);
  });

  it('refuses what does not fit', async () => {
    const much = settings({ 'source.histories': 1000000, 'source.episodes': 1000000 });
    expect(await withinProcess(['run', good, '--dry-run', ...much])).toEqual(exit('E_CONFIG', /source\.(histories|episodes)/));
  });
});

describe('a path after "="', () => {
  it('has ~ for the home folder, as a shell gives it everywhere else', () => {
    vi.stubEnv('HOME', folder);
    expect([pathOf('--out')('~/runs/a'), pathOf('--out')('~')]).toEqual([join(folder, 'runs/a'), join(folder)]);
    // A setting that is a path is read alike.
    expect(loadExperiment(TINY, ['source.dataset=~/data']).source.dataset).toBe(join(folder, 'data'));
    expect([pathOf('--out')('a/~/b'), pathOf('--out')('~a')]).toEqual(['a/~/b', '~a']);
    vi.unstubAllEnvs();
  });
});

describe('cadenza', () => {
  it('explains a bad configuration in one paragraph, with its own exit status', async () => {
    const ended = await cadenza('run', bad);
    expect(ended).toEqual(exit('E_CONFIG', 'bad.yaml:3:3: model.widht', '"model.width"'));
    expect([ended.stdout, ended.stderr.split('\n').length]).toEqual(['', 2]);
  });

  it('gives errors as JSON on stdout with --json', async () => {
    const { status, stdout, stderr } = await withinProcess(['teacher', bad, '--json']);
    expect([status, stderr]).toEqual([3, '']);
    expect(JSON.parse(stdout).error).toEqual(failure('E_CONFIG', 'bad.yaml:3:3'));
  });

  it.each([
    ['an unknown command', ['rnu', good], "'rnu'", 'cadenza --help'],
    ['an unknown option', ['run', good, '--resum'], "'--resum'", 'cadenza run --help'],
    ['a missing file', ['run'], "'experiment'", 'cadenza run --help'],
    ['an option of a subcommand', ['config', 'print', '--x'], "'--x'", 'cadenza config print --help'],
    ['no command', [], 'cadenza --help'],
  ] as [string, string[], ...string[]][])('refuses %s', async (_, args, ...names) => {
    const ended = await withinProcess(args);
    expect(ended).toEqual(exit('E_USAGE', ...names));
    expect(ended.stdout).toBe('');
  });

  it('prints its help and its version to stdout', async () => {
    const help = await cadenza('--help');
    expect(help).toMatchObject({ status: 0, stderr: '' });
    const program = buildProgram();
    for (const command of program.createHelp().visibleCommands(program)) expect(help.stdout).toContain(`\n  ${command.name()} `);
    expect(await cadenza('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it('prints resolved configurations and their schema', async () => {
    const yaml = await withinProcess(['config', 'print', good, '--set', 'model.latents=2', '--set', 'seeds=[3, 4]']);
    expect(yaml).toMatchObject({ status: 0, stderr: '' });
    expect(parse(yaml.stdout)).toMatchObject({ name: 'tiny', seeds: [3, 4], model: { latents: 2 } });
    const schema = await withinProcess(['config', 'schema']);
    expect(JSON.parse(schema.stdout).$schema).toContain('draft-07');
  });

  it('examines the machine', async () => {
    const { status, stdout } = await cadenza('doctor', '--json');
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.executors).toContainEqual({ name: 'cpu', works: true });
    expect(report.gemmGflops).toBeGreaterThan(0);
    expect(report.gymnasium).toMatchObject({ works: hasGymnasium });
    expect(Object.keys(report.gymnasium.versions ?? {}).length > 0).toBe(hasGymnasium);
  });
});

describe('a signal', () => {
  const signals = pathToFileURL(join(ROOT, 'src/cli/signals.ts')).href;
  const reporter = pathToFileURL(join(ROOT, 'src/cli/failure.ts')).href;
  const script = (onAbort: string) => `
    import { interruptSignal } from ${JSON.stringify(signals)};
    import { reportFailure } from ${JSON.stringify(reporter)};
    const signal = interruptSignal();
    signal.addEventListener('abort', () => { ${onAbort} });
    setInterval(() => {}, 1000);
    console.log('ready');
  `;
  const save = "setTimeout(() => { console.log('saved'); process.exit(reportFailure(signal.reason, { json: false })); }, 20)";

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s lets the stage save, then ends with %i', async (name, expected) => {
    const { child, ended } = start('--input-type=module', '-e', script(save));
    child.stdout.once('data', () => child.kill(name));
    const { status, stdout, stderr } = await ended;
    expect([status, stdout]).toEqual([expected, 'ready\nsaved\n']);
    expect(stderr).toContain('[E_INTERRUPTED]');
  });

  it.each([
    ['SIGINT', 130, []],
    ['SIGTERM', 143, []],
    ['SIGTERM', 143, ['--json']],
  ] as const)('%s ends any other command with %i and one line %j', async (name, expected, args) => {
    const waits = `import { endOnSignal } from ${JSON.stringify(signals)}; endOnSignal(); setInterval(() => {}, 1000); console.error('ready');`;
    const { child, ended } = start('--input-type=module', '-e', waits, '--', ...args);
    child.stderr.once('data', () => child.kill(name));
    const { status, stdout, stderr } = await ended;
    expect(status).toBe(expected);
    const said = args.length > 0 ? stdout : stderr.replace('ready\n', '');
    expect(said).toMatch(/^[^\n]*E_INTERRUPTED[^\n]*\n$/);
  });
});

describe('output', () => {
  const piped = (redirect: string, ...args: string[]) => runner(args, { redirect }).ended;

  it.skipIf(!existsSync('/dev/full')).each([['config', 'print', good], ['config', 'print', good, '--json'], ['--help']])(
    'that cannot be written is a failure: %s %s',
    async (...args) => {
      expect(await piped('> /dev/full', ...args)).toEqual(exit('E_DISK', 'ENOSPC'));
    },
  );

  it.skipIf(process.platform === 'win32').each(['2>&1', '2>&1 >/dev/null'])(
    '%s into a reader that leaves does not stop the work',
    async redirect => {
      const out = join(folder, `head ${redirect.length}`);
      const { status } = await piped(`${redirect} | head -n 1`, 'teacher', TINY, '--out', out, ...settings({ 'teacher.steps': 5 }));
      expect(status).toBe(0);
      expect(readdirSync(stageFolder(out, 'teacher-seed0')!)).toContain('stage.json');
    },
  );
});

describe('the command of a stage that the configuration leaves out', () => {
  it.each([
    ['consolidate', [], 'consolidate.steps'],
    ['retrieve', [], 'policy.retrieval.contexts'],
    ['teacher', ['teacher.kind=monte-carlo'], 'teacher.kind'],
    ['teacher', ['teacher.steps=0', 'teacher.kind=monte-carlo'], 'teacher.steps'],
    ['baselines', ['baselines.methods=[]'], 'baselines.methods'],
  ])('%s %s names %s', async (stage, given, setting) => {
    const out = join(folder, 'left-out');
    const set = given.flatMap(each => ['--set', each]);
    expect(await withinProcess([stage, TINY, '--out', out, ...set])).toEqual(exit('E_CONFIG', 'tiny', `"${stage}"`, setting, '--until'));
    expect(existsSync(out)).toBe(false);
  });

  it('runs where a further table has it', async () => {
    const tables = 'tables=[{name: far, set: {consolidate: {steps: 5}}}]';
    const { status, stderr } = await withinProcess(['consolidate', TINY, '--dry-run', '--set', tables]);
    expect(status, stderr).toBe(0);
  });
});

it('refuses to work in a folder that does not exist any more', async () => {
  const spy = vi.spyOn(process, 'cwd').mockImplementation(() => {
    throw Object.assign(new Error('uv_cwd'), { code: 'ENOENT' });
  });
  expect(await withinProcess(['config', 'print', good]).finally(() => spy.mockRestore())).toEqual(exit('E_DISK'));
});

it('does so as a process, which makes no folders below nothing for ever', async () => {
  // Node can begin, and tsx with it, only where there is a folder.
  const gone =
    "import { mkdtempSync, rmdirSync } from 'node:fs'; import { join } from 'node:path';" +
    `const folder = mkdtempSync(join(${JSON.stringify(folder)}, 'gone-')); process.chdir(folder); rmdirSync(folder);`;
  const { child, ended } = start('--import', `data:text/javascript,${encodeURIComponent(gone)}`, 'src/cli/main.ts', 'run', TINY);
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const found = await ended;
  clearTimeout(late);
  expect(found).toEqual(exit('E_DISK'));
});

it('advises against more threads than twice the cores, whichever command asks for the executor', async () => {
  expect([undefined, 1, 8].map(threads => threadAdvice(threads, 4))).toEqual([undefined, undefined, undefined]);
  expect(threadAdvice(9, 4)).toEqual(carrying('executor.threads', 9, 4));
  const said: string[] = [];
  await readyExecutor({ provider: 'cpu', threads: 2 * availableParallelism() + 1 }, text => said.push(text));
  await readyExecutor({ provider: 'cpu', threads: 1 }, text => said.push(text));
  expect(said).toEqual([carrying('executor.threads')]);
});

it.each(['', 'finetun'])('refuses --until "%s", which names no stage', async until => {
  const ended = await withinProcess(['run', 'tiny', '--until', until]);
  expect(ended).toEqual(exit('E_USAGE', 'tiny', `"${until}"`, until ? '"finetune"' : 'finetune'));
  // A preset is named as it was typed, not by its file in the package.
  expect(ended.stderr).not.toContain('tiny.yaml');
});
