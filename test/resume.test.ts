/** @file A run that is killed or interrupted in every one of its stages ends, run again, in the bytes of one that was left alone. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../src/engine/index.ts';
import { stageTitle } from '../src/util/progress.ts';
import { cadenza, type Ended, progressOf, settings, stageFiles, stageFolder, start, TINY, withinProcess } from './helpers/command.ts';
import { carrying } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-resume-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [reference, out] = [join(folder, 'reference'), join(folder, 'out')];
// Long enough to be hit in the middle.
const STEPS = 150;
const LONGER = settings({
  'source.histories': 3,
  ...Object.fromEntries(['teacher', 'pretrain', 'distill', 'finetune', 'baselines'].map(stage => [`${stage}.steps`, STEPS])),
  'reinforce.steps': STEPS / 6,
  // Two batches three times: an iteration has six steps.
  'reinforce.streams': 8,
  'reinforce.episodes': 4,
  'reinforce.batch': 16,
  'reinforce.epochs': 3,
  'policy.retrieval.contexts': 2,
  'retrieve.steps': STEPS,
  'baselines.methods': ['none'],
  // A codebook moves in addition to the parameters, and every step draws rows for it.
  'latents.kind': 'vq',
  'latents.codes': 32,
  'evaluate.episodes': 20,
  'evaluate.streams': 10,
});
const run = (to: string, ...args: string[]) => ['run', TINY, '--out', to, ...LONGER, ...args];
const whole = cadenza(...run(reference));

interface Blow {
  /** Name of the stage's folder. */
  stage: string;
  signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM';
  status: number | null;
  /** A training stage is hit once it has written this many checkpoints' worth of steps; others as soon as they run. */
  trains: boolean;
}

const killed = { signal: 'SIGKILL', status: null } as const;
const BLOWS: Blow[] = [
  { stage: 'generate', ...killed, trains: false },
  { stage: 'teacher-seed0', ...killed, trains: true },
  { stage: 'pretrain-seed0', ...killed, trains: true },
  { stage: 'distill-seed0', signal: 'SIGINT', status: 130, trains: true },
  { stage: 'distill-seed0', ...killed, trains: true },
  { stage: 'finetune-seed0', ...killed, trains: true },
  { stage: 'reinforce-seed0', ...killed, trains: true },
  { stage: 'contexts-seed0', ...killed, trains: false },
  { stage: 'retrieve-seed0', ...killed, trains: true },
  { stage: 'none-seed0', signal: 'SIGTERM', status: 143, trains: true },
  { stage: 'none-seed0', ...killed, trains: true },
  { stage: 'evaluate-cad-seed0', ...killed, trains: false },
  { stage: 'evaluate-cad+retrieval-own-seed0', ...killed, trains: false },
  { stage: 'evaluate-none-seed0', signal: 'SIGINT', status: 130, trains: false },
];

const titleOf = (stage: string) => {
  const [what, seed] = stage.replace(/^evaluate-/, 'evaluate ').split('-seed');
  return seed === undefined ? what : stageTitle(what, Number(seed));
};

/** Steps that a stage's checkpoint has behind it; 0 without one. */
function checkpointed(stage: string): number {
  const path = join(stageFolder(out, stage) ?? '', 'checkpoint.safetensors');
  return existsSync(path) ? Number(decodeSafetensors(readFileSync(path)).metadata.step) : 0;
}

/** Resumes the run and ends it in the middle of the stage. On a busy machine the stage can be over before the signal arrives: then it is made again. */
async function strike(blow: Blow): Promise<Ended> {
  for (let tries = 0; ; tries++) {
    const ended = await strikeOnce(blow);
    const folder = stageFolder(out, blow.stage);
    if (tries === 5 || !folder || !existsSync(join(folder, 'stage.json'))) return ended;
    rmSync(folder, { recursive: true });
  }
}

async function strikeOnce({ stage, signal, trains }: Blow): Promise<Ended> {
  const before = checkpointed(stage);
  // An interrupt has to save by itself, so nothing else may.
  const { child, ended, says } = start(run(out, ...(signal === 'SIGKILL' ? [] : settings({ 'checkpoint.everySteps': 1e6 }))));
  await says(`${titleOf(stage)}: `);
  if (trains && signal === 'SIGKILL')
    while (checkpointed(stage) <= before && child.exitCode === null && child.signalCode === null) await sleep(2);
  else if (trains) await sleep(60);
  child.kill(signal);
  return ended;
}

describe.sequential('a run with a blow in every stage', () => {
  it.each(BLOWS)('$signal in $stage', async blow => {
    const manifest = () => join(stageFolder(out, blow.stage) ?? '', 'stage.json');
    const before = checkpointed(blow.stage);
    const ended = await strike(blow);
    expect(stageFolder(out, blow.stage), ended.stderr).toBeDefined();
    expect(existsSync(manifest()), ended.stderr).toBe(false);
    expect([ended.status, ended.signal]).toEqual([blow.status, blow.status === null ? blow.signal : null]);
    if (blow.status !== null) expect(ended.stderr).toMatch(/^cadenza: \[E_INTERRUPTED\] /m);
    expect(ended.stderr).not.toMatch(/^ {4}at /m);
    if (blow.trains) {
      expect(checkpointed(blow.stage)).toBeGreaterThan(before);
      expect(checkpointed(blow.stage)).toBeLessThan(STEPS);
    }
    // What a process leaves that dies within a write.
    writeFileSync(join(stageFolder(out, blow.stage)!, 'model.safetensors.1.tmp'), 'half');
  });

  it('ends in the same files and the same bytes', async () => {
    const last = await withinProcess(run(out));
    expect(last.status, last.stderr).toBe(0);
    expect(await whole).toMatchObject({ status: 0 });
    const [a, b] = [stageFiles(out), stageFiles(reference)];
    expect([...a.keys()]).toEqual([...b.keys()]);
    expect([...a].filter(([path, bytes]) => !bytes.equals(b.get(path)!)).map(([path]) => path)).toEqual([]);
    const methods = (of: string) => JSON.parse(readFileSync(join(of, 'results.json'), 'utf8')).methods;
    expect(methods(out)).toEqual(methods(reference));
  });

  it('has every line of its metrics once', () => {
    for (const stage of ['teacher-seed0', 'distill-seed0', 'reinforce-seed0', 'retrieve-seed0', 'none-seed0']) {
      const metrics = (of: string) => readFileSync(join(stageFolder(of, stage)!, 'metrics.jsonl'), 'utf8');
      expect(metrics(out)).toBe(metrics(reference));
    }
  });

  it('with --fresh makes the stages again that the command needs, says at which step they were, and leaves the others', async () => {
    await whole;
    const teacher = stageFolder(out, 'teacher-seed0')!;
    const model = readFileSync(join(teacher, 'model.safetensors'));
    rmSync(teacher, { recursive: true });
    await strike(BLOWS[1]);
    expect(readdirSync(teacher)).toContain('checkpoint.safetensors');
    const step = checkpointed('teacher-seed0');
    const others = [...stageFiles(out, /$^/).keys()].filter(path => !/^(generate|teacher)-/.test(path));
    const again = await withinProcess(['teacher', TINY, '--out', out, ...LONGER, '--fresh']);
    const lines = again.stderr.split('\n');
    expect(lines.filter(line => /-[0-9a-f]{12} \(/.test(line))).toEqual([carrying('generate-'), carrying('teacher-seed0-', step)]);
    expect(progressOf(again.stderr, 'teacher')[0]).toEqual(carrying(/^0\b/, STEPS));
    expect(readFileSync(join(teacher, 'model.safetensors')).equals(model)).toBe(true);
    expect([...stageFiles(out, /$^/).keys()]).toEqual(expect.arrayContaining(others));
  });
});

describe.sequential('a run with two workers', () => {
  const twice = [join(folder, 'undivided'), join(folder, 'divided')];
  const divided = (to: string) => [
    ...['distill', TINY, '--out', to],
    ...settings({ 'executor.workers': 2, 'distill.beta': 0, 'pretrain.steps': 60, 'distill.steps': 60 }),
  ];

  it.each([
    ['pretrain-seed0', 'SIGKILL'],
    ['distill-seed0', 'SIGINT'],
    ['distill-seed0', 'SIGKILL'],
  ] as const)('ends in the same bytes after a blow in %s: %s', async (stage, signal) => {
    const { child, ended } = start(divided(twice[1]));
    const path = () => join(stageFolder(twice[1], stage) ?? '', 'checkpoint.safetensors');
    while (!existsSync(path()) && child.exitCode === null && child.signalCode === null) await sleep(2);
    child.kill(signal);
    const { status, stderr } = await ended;
    expect(status, stderr).toBe(signal === 'SIGINT' ? 130 : null);
    expect(existsSync(path()), stderr).toBe(true);
  });

  it('and resumed, in those of a run that was left alone', async () => {
    for (const to of twice) expect(await withinProcess(divided(to))).toMatchObject({ status: 0 });
    const [a, b] = twice.map(to => stageFiles(to));
    expect(a).toEqual(b);
  });
});
