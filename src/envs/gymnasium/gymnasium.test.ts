/** @file Environments of Gymnasium: what needs no Python (failures of the process), and what does (spaces, seeds, ends of episodes, tasks). */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROOT } from '../../../test/helpers/command.ts';
import { failure } from '../../../test/helpers/failure.ts';
import { expectGymnasium, hasGymnasium } from '../../../test/helpers/python.ts';
import type { EnvFamily, Space } from '../../rl/index.ts';
import { Random } from '../../util/random.ts';
import { environment } from '../index.ts';
import { gymTaskKey, gymTasks } from './tasks.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-gymnasium-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void vi.unstubAllEnvs());

const gym = (options: Record<string, unknown>) => environment('gymnasium', options);
const begin = (family: EnvFamily, seed = 0) => {
  const env = family.make(family.tasks!(), Random.seeded(seed));
  return { env, first: Array.from(env.reset()) };
};
/** Whether a process is there. */
const lives = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const gone = (pid: number) => vi.waitFor(() => expect(lives(pid)).toBe(false), { timeout: 10_000, interval: 50 });

describe('the process', () => {
  /** A stand-in for Python: it writes down its id, describes a family of one button, and does `onStep` where it should answer a step. */
  function standIn(name: string, { onStart = '', onStep = '' }): { pid: () => number } {
    const path = join(folder, name);
    writeFileSync(
      path,
      `#!${process.execPath}
      const { writeFileSync, readSync, writeSync } = require('node:fs');
      writeFileSync(${JSON.stringify(`${path}.pid`)}, String(process.pid));
      ${onStart}
      const read = length => {
        const bytes = Buffer.alloc(length);
        for (let at = 0; at < length; ) {
          const count = readSync(0, bytes, at, length - at);
          if (count === 0) process.exit();
          at += count;
        }
        return bytes;
      };
      const answer = bytes => {
        const header = Buffer.alloc(8);
        header.writeUInt32LE(bytes.length);
        writeSync(1, Buffer.concat([header, bytes]));
      };
      const button = { kind: 'discrete', n: 2 };
      for (;;) {
        const header = read(8);
        const body = read(header.readUInt32LE(0));
        if (header.readUInt32LE(4) === 1) { ${onStep} }
        const { command } = JSON.parse(body);
        if (command === 'reset') answer(Buffer.alloc(4));
        else answer(Buffer.from(JSON.stringify(command === 'describe' ? { observationSpace: button, actionSpace: button, horizon: 5 } : {})));
      }`,
    );
    chmodSync(path, 0o755);
    vi.stubEnv('CADENZA_PYTHON', path);
    return { pid: () => Number(readFileSync(`${path}.pid`, 'utf8')) };
  }

  const play = () => {
    const { env } = begin(gym({ make: 'Button-v0' }));
    env.step(new Int32Array(1));
  };

  it('is missing: E_INSTALL names it', () => {
    vi.stubEnv('CADENZA_PYTHON', '/nonexistent');
    expect(play).toThrow(failure('E_INSTALL', '/nonexistent', 'CADENZA_PYTHON'));
  });

  it('is python3 if the variable is empty', () => {
    vi.stubEnv('CADENZA_PYTHON', '');
    vi.stubEnv('PATH', '/nonexistent');
    expect(play).toThrow(failure('E_INSTALL', 'python3'));
  });

  it.each([
    ['ends at once', "console.error('no module'); process.exit(1);", 'no module'],
    ['says something else', "writeSync(1, 'Usage: Python');", 'SIGKILL'],
  ])('%s: E_INSTALL', async (name, onStart, said) => {
    const { pid } = standIn(name, { onStart });
    expect(play).toThrow(failure('E_INSTALL', said));
    await gone(pid());
  });

  it('crashes: E_EXECUTOR with its last words, again at every step, and the next environment has a new process', async () => {
    const { pid } = standIn('crash', { onStep: "console.error('unlucky'); process.exit(7);" });
    const { env } = begin(gym({ make: 'Button-v0' }));
    const first = pid();
    for (let i = 0; i < 2; i++) expect(() => env.step(new Int32Array(1))).toThrow(failure('E_EXECUTOR', 7, 'unlucky'));
    env.close?.();
    expect(Array.from(begin(gym({ make: 'Button-v0' })).first)).toEqual([0]);
    expect(pid()).not.toBe(first);
    await gone(first);
  });

  it('hangs: E_EXECUTOR after the limit, and it is gone', async () => {
    const { pid } = standIn('hang', { onStep: 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);' });
    vi.stubEnv('CADENZA_PYTHON_TIMEOUT', '4');
    expect(play).toThrow(failure('E_EXECUTOR', 4, 'CADENZA_PYTHON_TIMEOUT'));
    await gone(pid());
  });

  it('has a limit that is a number', () => {
    vi.stubEnv('CADENZA_PYTHON_TIMEOUT', 'soon');
    expect(play).toThrow(failure('E_CONFIG', 'soon'));
  });

  it('is not started for options that do not fit', () => {
    vi.stubEnv('CADENZA_PYTHON', '/nonexistent');
    for (const [options, ...named] of [
      [{}, 'make'],
      [{ make: 1 }, 'make'],
      [{ make: 'A-v0', horizon: -1 }, 'horizon'],
      [{ make: 'A-v0', tasks: { colors: [1] } }, 'tasks'],
      [{ make: 'A-v0', tasks: [] }, 'tasks'],
      [{ make: 'A-v0', tasks: { kwargs: { desc: { call: 'no function', seeds: 3 } } } }, 'tasks'],
      [{ make: 'A-v0', kwargs: [1] }, 'kwargs'],
    ] as [Record<string, unknown>, string][])
      expect(() => gym(options)).toThrow(failure('E_CONFIG', ...named));
  });
});

describe('tasks', () => {
  const never = () => {
    throw new Error('nothing to call');
  };

  it('are every combination of the values', () => {
    const found = gymTasks({ attributes: { g: { low: 4, high: 14, count: 3 } }, kwargs: { slow: [true, false] }, seeds: 2 }, never);
    expect(found).toHaveLength(12);
    expect(found[0]).toEqual({ kwargs: { slow: true }, attributes: { g: 4 }, seed: 0 });
    expect(found.map(({ attributes }) => attributes?.g)).toContain(9);
    expect(gymTaskKey(found[0])).toBe('attributes.g=4 kwargs.slow=true seed=0');
  });

  it('are those of a list, what a function gives, or one', () => {
    expect(gymTasks([{ seed: 3 }, { kwargs: { a: 1 } }], never)).toEqual([{ seed: 3 }, { kwargs: { a: 1 } }]);
    expect(gymTasks({ kwargs: { desc: { call: 'a:b', seeds: 2 } } }, () => [['S'], ['G']]).map(gymTaskKey)).toEqual([
      'kwargs.desc=["S"]',
      'kwargs.desc=["G"]',
    ]);
    expect(gymTasks({}, never)).toEqual([{}]);
  });

  it('are there once each', () => {
    expect(gymTasks({ seeds: [1, 2, 1] }, never)).toEqual([{ seed: 1 }, { seed: 2 }]);
    expect(gymTasks([{ kwargs: { a: 1, b: 2 } }, { kwargs: { b: 2, a: 1 } }], never)).toHaveLength(1);
  });
});

describe('with a Python', () => expectGymnasium('an environment of Gymnasium'));

describe.runIf(hasGymnasium)('an environment of Gymnasium', () => {
  beforeEach(() => void vi.stubEnv('PYTHONPATH', join(ROOT, 'test', 'fixtures', 'python')));
  // A process that began without that path does not find the module.
  const probe = (kwargs: Record<string, unknown>, rest = {}) => gym({ make: 'probe_envs:Probe-v0', kwargs, ...rest });
  const most = 3.4028234663852886e38;

  it.each<[string, Space, number[]]>([
    ['discrete', { kind: 'discrete', n: 5 }, [3]],
    ['multi-discrete', { kind: 'multi-discrete', nvec: [2, 3] }, [1, 2]],
    ['multi-binary', { kind: 'multi-discrete', nvec: [2, 2, 2, 2] }, [0, 1, 1, 0]],
    ['box', { kind: 'box', low: [0, -most], high: [1, most] }, [0.5, 1e9]],
    ['integers', { kind: 'box', low: [0, 0], high: [200, 200] }, [7, 8]],
    ['image', { kind: 'image', height: 2, width: 1, channels: 3 }, [0, 0.2, 1, 0.4, 0, 0]],
    ['dict', { kind: 'box', low: [0, 0, 0, -1, -1], high: [1, 1, 2, 1, 1] }, [1, 0, 2, 0.25, -0.5]],
  ])('shows %s as numbers', (observation, space, numbers) => {
    const family = probe({ observation });
    expect(family.observationSpace).toEqual(space);
    const { env, first } = begin(family);
    const step = env.step(new Int32Array(1));
    for (const seen of [first, step.observation, step.finalObservation])
      expect(Array.from(seen)).toEqual(numbers.map(number => Math.fround(number)));
  });

  it.each<[string, Space, number[]]>([
    ['discrete', { kind: 'discrete', n: 3 }, [1]],
    ['multi-discrete', { kind: 'multi-discrete', nvec: [2, 3] }, [1, 0]],
    ['multi-binary', { kind: 'multi-discrete', nvec: [2, 2] }, [1, 0]],
    ['box', { kind: 'box', low: [-1, -1], high: [1, 1] }, [0.5, 0]],
    ['dict', { kind: 'multi-discrete', nvec: [2, 2, 2] }, [1, 0, 0]],
  ])('takes actions of %s', (action, space, numbers) => {
    const family = probe({ action });
    expect(family.actionSpace).toEqual(space);
    const { env } = begin(family);
    const Numbers = space.kind === 'box' ? Float32Array : Int32Array;
    expect(env.step(Numbers.from(numbers)).reward[0]).toBe(1);
    expect(env.step(new Numbers(numbers.length)).reward[0]).toBe(0);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['that is not registered', { make: 'FrozenLake-v9' }, ['FrozenLake']],
    ['with an argument that it does not take', { make: 'CartPole-v1', kwargs: { wings: 2 } }, ['wings']],
    ['without numbers', { make: 'probe_envs:Probe-v0', kwargs: { observation: 'text' } }, ['Text']],
    ['with a space of no fixed size', { make: 'probe_envs:Probe-v0', kwargs: { observation: 'sequence' } }, ['Sequence']],
    ['with actions without bounds', { make: 'probe_envs:Probe-v0', kwargs: { action: 'unbounded' } }, ['inf']],
    ['with actions of both kinds', { make: 'probe_envs:Probe-v0', kwargs: { action: 'mixed' } }, ['Tuple']],
    ['without a horizon', { make: 'probe_envs:Endless-v0' }, ['env.options.horizon']],
    ['whose tasks have other spaces', { make: 'FrozenLake-v1', tasks: { kwargs: { map_name: ['4x4', '8x8'] } } }, ['8x8', '64']],
    ['without the attribute', { make: 'CartPole-v1', tasks: { attributes: { wings: [1] } } }, ['wings']],
    [
      'whose function is not there',
      { make: 'CartPole-v1', tasks: { attributes: { gravity: { call: 'math:wings', seeds: 2 } } } },
      ['math:wings'],
    ],
  ])('%s is refused: E_CONFIG', (_, options, named) => {
    expect(() => gym(options)).toThrow(failure('E_CONFIG', ...named));
  });

  it('of a package that is missing is refused: E_INSTALL', () => {
    expect(() => gym({ make: 'no_such_package:Lander-v3' })).toThrow(failure('E_INSTALL', 'no_such_package'));
  });

  it('takes a horizon, attributes and options of reset', () => {
    const family = probe({}, { horizon: 2, tasks: { attributes: { bonus: [2, 4] }, options: { paid: [0, 0.5] } } });
    expect(family.horizon).toBe(2);
    expect(family.tasks!().map(family.taskKey)).toContain('attributes.bonus=4 options.paid=0.5');
    const { env } = begin(family);
    for (const truncated of [0, 1, 0]) {
      const step = env.step(new Int32Array(4));
      expect(Array.from(step.reward)).toEqual([2, 2.5, 4, 4.5]);
      expect(Array.from(step.truncated)).toEqual(Array(4).fill(truncated));
    }
    expect(gym({ make: 'probe_envs:Endless-v0', horizon: 9 }).horizon).toBe(9);
  });

  it('begins every episode with the seed that is its task', () => {
    const { env, first } = begin(gym({ make: 'CartPole-v1', horizon: 2, tasks: { seeds: 3 } }));
    expect(new Set(first).size).toBe(12);
    env.step(new Int32Array(3));
    expect(Array.from(env.step(new Int32Array(3)).observation)).toEqual(first);
  });

  it('plays as it does in Python: seeds, final observations, terminated and truncated apart', () => {
    const [size, steps, horizon] = [3, 60, 12];
    const tasks = { attributes: { gravity: [4, 9.8, 14] } };
    const env = gym({ make: 'CartPole-v1', horizon, tasks }).make([{ index: 0 }, { index: 1 }, { index: 2 }], Random.seeded(3));
    const actions = Array.from({ length: steps }, (_, t) => Int32Array.from({ length: size }, (_, i) => Number((t * (i + 1)) % 7 < 5)));
    const seeds = Array.from({ length: size }, (_, i) =>
      Random.seeded(3)
        .split(i)
        .integer(2 ** 31),
    );
    const script = `
import gymnasium, json, sys
steps, seeds, horizon = json.loads(sys.stdin.read())
out = []
for i, (seed, gravity) in enumerate(zip(seeds, [4, 9.8, 14])):
    env = gymnasium.make("CartPole-v1", max_episode_steps=horizon)
    env.unwrapped.gravity = gravity
    rows = [env.reset(seed=seed)[0].tolist()]
    for actions in steps:
        final, reward, terminated, truncated, _ = env.step(actions[i])
        ended = terminated or truncated
        rows.append([final.tolist(), (env.reset()[0] if ended else final).tolist(), reward, int(terminated), int(truncated)])
    out.append(rows)
print(json.dumps(out))`;
    const input = JSON.stringify([actions.map(each => Array.from(each)), seeds, horizon]);
    const reported = execFileSync(process.env.CADENZA_PYTHON ?? 'python3', ['-c', script], { input, encoding: 'utf8' });
    const expected = JSON.parse(reported) as unknown[][];
    const of = (column: Float32Array, i: number) => Array.from(column.subarray(4 * i, 4 * i + 4));
    const first = env.reset();
    const found = Array.from({ length: size }, (_, i): unknown[] => [of(first, i)]);
    const ends = { terminated: 0, truncated: 0 };
    for (const action of actions) {
      const { observation, finalObservation, reward, terminated, truncated } = env.step(action);
      for (let i = 0; i < size; i++) {
        found[i].push([of(finalObservation, i), of(observation, i), reward[i], terminated[i], truncated[i]]);
        ends.terminated += terminated[i];
        ends.truncated += truncated[i];
      }
    }
    expect(found).toEqual(expected);
    expect(Math.min(ends.terminated, ends.truncated)).toBeGreaterThan(0);
  });

  it.each([
    ['raise', 'E_EXECUTOR', 'no step'],
    ['crash', 'E_EXECUTOR', 'exit status 7'],
  ] as const)('that does not step but %ss: %s', (habit, code, said) => {
    const { env } = begin(probe({ habit }));
    expect(() => env.step(new Int32Array(1))).toThrow(failure(code, said));
    expect(begin(probe({})).first).toEqual([3]);
  });

  it('that shows what is no number: E_NUMERICS', () => {
    expect(() => begin(probe({ observation: 'nan' }))).toThrow(failure('E_NUMERICS'));
  });

  it('is to be reset before its first step', () => {
    expect(() =>
      gym({ make: 'CartPole-v1' })
        .make([{ index: 0 }], Random.seeded(0))
        .step(new Int32Array(1)),
    ).toThrow(failure('E_SHAPE'));
  });

  /** From now on Python writes down its id. */
  function recorded(name: string): () => number {
    const [pids, script] = [join(folder, `${name}.pid`), join(folder, `${name}.sh`)];
    writeFileSync(script, `#!/bin/sh\necho $$ > ${pids}\nexec ${process.env.CADENZA_PYTHON ?? 'python3'} "$@"\n`);
    chmodSync(script, 0o755);
    vi.stubEnv('CADENZA_PYTHON', script);
    return () => Number(readFileSync(pids, 'utf8'));
  }
  const parent = (...args: string[]) =>
    spawn(process.execPath, ['--import', 'tsx', 'test/helpers/gymnasium-parent.ts', ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 2] });

  it.each([
    ['end', 0, null],
    ['kill', null, 'SIGKILL'],
  ])('leaves no process behind: %s', async (then, code, signal) => {
    const pid = recorded(then);
    expect(await once(parent('CartPole-v1', then), 'exit')).toEqual([code, signal]);
    await gone(pid());
  });

  it('that hangs ends itself when its parent was killed', async () => {
    vi.stubEnv('CADENZA_PYTHON_TIMEOUT', '8');
    const pid = recorded('hanging');
    const started = parent('probe_envs:Hang-v0', 'hang');
    await once(started.stdout!, 'data');
    // Until it sleeps in its step.
    await new Promise(resolve => setTimeout(resolve, 500));
    started.kill('SIGKILL');
    await once(started, 'exit');
    expect(lives(pid())).toBe(true);
    await vi.waitFor(() => expect(lives(pid())).toBe(false), { timeout: 20_000, interval: 100 });
  });
});
