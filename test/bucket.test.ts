/** @file `--store`: stages in a bucket of an S3-compatible server, some of whose requests fail. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openBucket, parseAddress } from '../src/cache/bucket/objects.ts';
import { openStages } from '../src/cache/bucket/stages.ts';
import { trimStages } from '../src/cache/bucket/trim.ts';
import { sha256 } from '../src/util/files.ts';
import { startBucket, type TestBucket } from './helpers/bucket.ts';
import { cadenza, metricsOf, stageFiles, stageFolder, start, TINY } from './helpers/command.ts';
import { failure } from './helpers/failure.ts';
import { REDIS, startRedis } from './helpers/redis.ts';

/** Few stages, one of which takes some seconds. */
const FEW = [TINY, '--set', 'baselines.methods=[]', '--set', 'evaluate.imitationHistories=0', '--set', 'finetune.steps=2000'];

let folder: string;
let bucket: TestBucket;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-store-'));
  expect((await cadenza('run', ...FEW, '--out', join(folder, 'here'), '--jobs', '1')).status).toBe(0);
}, 120_000);
beforeEach(async () => {
  bucket = await startBucket();
  for (const [name, value] of Object.entries(bucket.environment)) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await bucket.stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (out: string, ...more: string[]) => [
  'run',
  ...FEW,
  '--out',
  join(folder, out),
  '--store',
  bucket.address,
  '--jobs',
  '1',
  ...more,
];
const expectSame = (out: string) => {
  expect(stageFiles(join(folder, out))).toEqual(stageFiles(join(folder, 'here')));
  expect(metricsOf(join(folder, out), 'finetune-seed0').length).toBe(metricsOf(join(folder, 'here'), 'finetune-seed0').length);
};
const trained = ({ stderr }: { stderr: string }) => /^finetune.*: done/m.test(stderr);

describe('a bucket', () => {
  it('has every stage after a run, though every fifth request fails; another machine then trains nothing', async () => {
    bucket.refuse = ({ number }) => (number % 5 === 0 ? 503 : undefined);
    const first = await cadenza(...run('first'));
    expect(first.status, first.stderr).toBe(0);
    expect(trained(first)).toBe(true);
    expectSame('first');
    const second = await cadenza(...run('second'));
    expect(second.status, second.stderr).toBe(0);
    expect(trained(second)).toBe(false);
    expectSame('second');
    expect(bucket.requests()).toBeGreaterThan(50);
    const { jobs } = JSON.parse((await cadenza('plan', ...FEW, '--out', join(folder, 'none'), '--store', bucket.address, '--json')).stdout);
    expect(jobs.every(({ finished }: { finished: boolean }) => finished)).toBe(true);
  });

  it('has the state of a stage that was stopped, from which another machine goes on to the same bytes', async () => {
    const { child, ended } = start(run('stopped'));
    const begun = () => existsSync(join(stageFolder(join(folder, 'stopped'), 'finetune-seed0') ?? '', 'metrics.jsonl'));
    while (!begun() || metricsOf(join(folder, 'stopped'), 'finetune-seed0').length < 5) await setTimeout(50);
    child.kill('SIGTERM');
    expect((await ended).status).toBe(143);
    const states = await (await openBucket(bucket.address)).list('states/');
    expect(states.map(({ name }) => name.split('/').at(-1))).toContain('state.json');
    const { status, stderr } = await cadenza(...run('other'));
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/step [1-9]\d*, .*s3:/);
    expectSame('other');
    expect(await (await openBucket(bucket.address)).list('states/')).toEqual([]);
  });

  it('has a state that is not whole, which is not used, and nothing here is lost', async () => {
    const opened = await openBucket(bucket.address);
    const stages = await openStages(bucket.address);
    const stage = join(folder, 'stages', 'train-000000000000');
    mkdirSync(stage, { recursive: true });
    writeFileSync(join(stage, 'own'), 'kept');
    const state = { step: 7, files: { own: sha256('theirs') } };
    await opened.write('states/train-000000000000/state.json', JSON.stringify(state));
    const said: string[] = [];
    await stages.pullState(stage, text => said.push(text));
    expect([readFileSync(join(stage, 'own'), 'utf8'), readdirSync(join(folder, 'stages'))]).toEqual(['kept', ['train-000000000000']]);
    expect(said.join()).toContain(sha256('theirs'));
    await opened.write(`states/train-000000000000/${sha256('theirs')}`, 'theirs');
    await stages.pullState(stage, text => said.push(text));
    expect([readFileSync(join(stage, 'own'), 'utf8'), readdirSync(join(folder, 'stages'))]).toEqual(['theirs', ['train-000000000000']]);
    rmSync(join(folder, 'stages'), { recursive: true });
  });

  it('is full: the stage stays here, and is stored by the next run', async () => {
    bucket.refuse = ({ method }) => (method === 'PUT' ? 507 : undefined);
    const full = await cadenza(...run('full', '--until', 'generate'));
    expect(full).toMatchObject({ status: 7 });
    bucket.refuse = () => undefined;
    expect((await cadenza(...run('full', '--until', 'generate'))).status).toBe(0);
    const stages = await openStages(bucket.address);
    await stages.look();
    const [name] = readdirSync(join(folder, 'full', 'stages')).filter(each => each.startsWith('generate') && !each.includes('.'));
    expect(stages.isFinished(name)).toBe(true);
  });

  it('names a file that was modified or deleted, and what to do', async () => {
    expect((await cadenza(...run('whole', '--until', 'generate'))).status).toBe(0);
    const opened = await openBucket(bucket.address);
    const listed = (await opened.list('stages/')).map(({ name }) => name);
    const data = listed.find(name => name.endsWith('.arrow'))!;
    await opened.write(data, 'something else');
    expect(await cadenza(...run('modified', '--until', 'generate'))).toMatchObject({ status: 5, stderr: expect.stringContaining(data) });
    await opened.remove(data);
    expect(await cadenza(...run('deleted', '--until', 'generate'))).toMatchObject({ status: 5, stderr: expect.stringContaining(data) });
    for (const name of listed.filter(each => each !== data)) await opened.remove(name);
    expect((await cadenza(...run('deleted', '--until', 'generate'))).status).toBe(0);
  });

  it('refuses other addresses, keys and buckets, and options without effect', async () => {
    for (const address of ['s3:/lab', 'https://lab', 's3://LAB', 's3://lab/a/../b', 's3://lab//b'])
      expect(() => parseAddress(address)).toThrow(failure('E_USAGE', address));
    expect(parseAddress('s3://lab/runs/')).toEqual({ bucket: 'lab', prefix: 'runs/' });
    await expect(openBucket('s3://nothing-here')).rejects.toThrow(failure('E_DISK', 'nothing-here'));
    // The server takes any key, so this stands in for one that does not.
    bucket.refuse = () => 403;
    await expect(openBucket(bucket.address)).rejects.toThrow(failure('E_DISK', '403', 'AWS_SECRET_ACCESS_KEY'));
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', '');
    await expect(openBucket(bucket.address)).rejects.toThrow(failure('E_USAGE', 'AWS_SECRET_ACCESS_KEY'));
    expect(await cadenza(...run('fresh', '--fresh'))).toMatchObject({ status: 2 });
  });

  it('gives a lock to one at a time, and to another one when its owner is silent', async () => {
    const signal = new AbortController().signal;
    const [one, two] = await Promise.all([0, 1].map(() => openStages(bucket.address, { silence: 1500 })));
    let holders = 0;
    const hold = async (stages: typeof one) => {
      const { release } = await stages.claim('stage', { signal });
      expect(++holders).toBe(1);
      await setTimeout(300);
      holders--;
      await release();
    };
    await Promise.all([hold(one), hold(two), hold(one), hold(two)]);
    // An owner that was killed leaves its object, which never changes again.
    await (await openBucket(bucket.address)).write('locks/stage/dead', '{"host":"gone","pid":1,"beats":0}');
    const news: string[] = [];
    const { release } = await two.claim('stage', { signal, onWait: text => news.push(text) });
    await release();
    expect(news.join()).toContain('gone');
  });

  it('tells an owner that its lock was taken over', async () => {
    const stages = await openStages(bucket.address, { silence: 600 });
    const { signal, release } = await stages.claim('stage', { signal: new AbortController().signal });
    for (const { name } of await (await openBucket(bucket.address)).list('locks/'))
      rmSync(join(bucket.folder, `runs/${name}._S3rver_object`));
    await expect.poll(() => signal.aborted).toBe(true);
    await release();
  });
});

describe('the cache of a bucket', () => {
  it('removes what was not used for longest, but nothing in use or not stored', async () => {
    expect((await cadenza(...run('cache', '--until', 'finetune'))).status).toBe(0);
    const out = join(folder, 'cache');
    const names = () =>
      readdirSync(join(out, 'stages'))
        .filter(name => !name.startsWith('.') && !name.endsWith('.lock'))
        .sort();
    const all = names();
    expect(trimStages(out, 1e12, Number.POSITIVE_INFINITY)).toEqual([]);
    expect(trimStages(out, 0, 0)).toEqual([]);
    rmSync(join(out, 'stages', all[0], '.stored'));
    expect([...trimStages(out, 0, Number.POSITIVE_INFINITY)].sort()).toEqual(all.slice(1));
    expect(names()).toEqual([all[0]]);
    // What is gone is copied again.
    expect((await cadenza(...run('cache', '--until', 'finetune'))).status).toBe(0);
    expect(names()).toEqual(all);
  });
});

describe.runIf(REDIS)('workers without a common folder', () => {
  it('give the results of one machine, though one of them is killed while it trains', async () => {
    bucket.refuse = ({ number }) => (number % 5 === 0 ? 500 : undefined);
    const redis = await startRedis();
    const cache = join(folder, 'caches');
    const workers = [0, 1, 2].map(() => start(['worker', '--redis', redis.url, '--silence', '3', '--cache', cache]));
    // Each works in a numbered folder of its own there, with a lock that names its process.
    const training = () =>
      ['0', '1', '2'].find(name => {
        const stage = existsSync(join(cache, name, 'stages')) ? stageFolder(join(cache, name), 'finetune-seed0') : undefined;
        return stage !== undefined && existsSync(join(stage, 'metrics.jsonl'));
      });
    try {
      const launched = ['run', ...FEW, '--out', join(folder, 'far'), '--store', bucket.address];
      const whole = cadenza(...launched, '--launcher', 'bullmq', '--redis', redis.url, '--wait');
      await expect.poll(training, { timeout: 60_000 }).toBeDefined();
      const { pid } = JSON.parse(readFileSync(join(cache, `${training()}.lock`), 'utf8'));
      const killed = workers.filter(({ child }) => child.pid === pid);
      expect(killed.length).toBe(1);
      killed[0].child.kill('SIGKILL');
      const { status, stderr } = await whole;
      expect(status, stderr).toBe(0);
      expectSame('far');
      const results = (of: string) => JSON.parse(readFileSync(join(folder, of, 'results.json'), 'utf8')).methods;
      expect(results('far')).toEqual(results('here'));
    } finally {
      for (const { child } of workers) child.kill('SIGTERM');
      await Promise.all(workers.map(({ ended }) => ended));
      await redis.stop();
    }
  });

  it('leave a job to others if they cannot use its bucket, and stop', async () => {
    const redis = await startRedis();
    const few = [TINY, '--until', 'generate', '--store', bucket.address, '--launcher', 'bullmq', '--redis', redis.url];
    expect((await cadenza('run', ...few, '--out', join(folder, 'left'))).status).toBe(0);
    const worker = () => start(['worker', '--redis', redis.url, '--cache', join(folder, 'left-cache')]);
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    const { status, stderr } = await worker().ended;
    expect(status).toBe(2);
    expect(stderr).toContain('AWS_ACCESS_KEY_ID');
    for (const [name, value] of Object.entries(bucket.environment)) vi.stubEnv(name, value);
    const other = worker();
    const stages = () => readdirSync(join(bucket.folder, 'runs/stages'), { recursive: true }).map(String);
    await expect
      .poll(() => existsSync(join(bucket.folder, 'runs/stages')) && stages().some(name => name.includes('stage.json')), { timeout: 60_000 })
      .toBe(true);
    other.child.kill('SIGTERM');
    await other.ended;
    await redis.stop();
  });
});
