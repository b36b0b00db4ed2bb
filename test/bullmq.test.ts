/** @file `--launcher bullmq` and `cadenza worker`, with a real Redis: workers and Redis are killed, and results stay the same. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PREFIX, QUEUE } from '../src/pipeline/launchers/bullmq.ts';
import { redisAddress } from '../src/pipeline/launchers/redis.ts';
import { cadenza, metricsOf, stageFiles, stageFolder, start, TINY } from './helpers/command.ts';
import { expectRedis, freePort, REDIS, startRedis, type TestRedis } from './helpers/redis.ts';

expectRedis('the launcher bullmq');

/** Few stages, one of which takes some seconds. */
const FEW = [TINY, '--set', 'baselines.methods=[]', '--set', 'evaluate.imitationHistories=0', '--set', 'finetune.steps=2000'];

describe.runIf(REDIS)('a queue', () => {
  let folder: string;
  let redis: TestRedis;
  const workers: ReturnType<typeof start>[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cadenza-queue-'));
    redis = await startRedis();
    expect((await cadenza('run', ...FEW, '--out', join(folder, 'here'), '--jobs', '1')).status).toBe(0);
  }, 120_000);
  afterEach(async () => {
    for (const { child, ended } of workers.splice(0)) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
    }
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(folder, { recursive: true });
  });

  const work = () => {
    const worker = start(['worker', '--redis', redis.url, '--silence', '2']);
    workers.push(worker);
    return worker;
  };
  const launched = (out: string, ...more: string[]) =>
    cadenza('run', ...FEW, '--out', join(folder, out), '--launcher', 'bullmq', '--redis', redis.url, '--json', ...more);
  const metrics = (out: string) => metricsOf(join(folder, out), 'finetune-seed0').length;
  /** Resolves when fine-tuning has written some of its steps. */
  const training = async (out: string) => {
    const begun = () => existsSync(join(stageFolder(join(folder, out), 'finetune-seed0') ?? '', 'metrics.jsonl'));
    while (!begun() || metrics(out) < 5) await setTimeout(50);
  };
  const expectSame = (out: string) => {
    expect(stageFiles(join(folder, out))).toEqual(stageFiles(join(folder, 'here')));
    const resultsOf = (of: string) => JSON.parse(readFileSync(join(folder, of, 'results.json'), 'utf8')).methods;
    expect(resultsOf(out)).toEqual(resultsOf('here'));
    // No step was lost or doubled.
    expect(metrics(out)).toBe(metrics('here'));
  };

  it('runs every stage once, whichever worker takes it, to the bytes of one machine', async () => {
    const both = [work(), work()];
    expect((await launched('two', '--wait')).status).toBe(0);
    expectSame('two');
    for (const { child } of both) child.kill('SIGTERM');
    const logs = (await Promise.all(both.map(({ ended }) => ended))).map(({ stderr }) => stderr).join('');
    const taken = Array.from(logs.matchAll(/^tiny, (\S+): taken /gm), ([, stage]) => stage);
    expect(taken.sort()).toEqual([...new Set(taken)]);
    expect(taken).toContain('finetune-seed0');
  });

  it('gives the stage of a killed worker to another one, also after Redis was killed and started again', async () => {
    const first = work();
    const whole = launched('killed', '--wait');
    await training('killed');
    first.child.kill('SIGKILL');
    await redis.restart();
    const second = work();
    expect((await whole).status).toBe(0);
    expectSame('killed');
    expect(second.child.exitCode).toBe(null);
  });

  it('gives the stage of a frozen worker to another one', async () => {
    const first = work();
    const whole = launched('frozen', '--wait');
    await training('frozen');
    first.child.kill('SIGSTOP');
    await work().says('its worker was lost');
    expect((await whole).status).toBe(0);
    first.child.kill('SIGCONT');
    expectSame('frozen');
  });

  it('takes back the stage of a worker that is stopped, and goes on with another worker', async () => {
    const first = work();
    const whole = launched('stopped', '--wait');
    await training('stopped');
    first.child.kill('SIGTERM');
    expect((await first.ended).status).toBe(0);
    expect(metrics('stopped')).toBeLessThan(metrics('here'));
    expect((await launched('stopped')).status).toBe(2);
    work();
    expect((await whole).status).toBe(0);
    expectSame('stopped');
  });

  it('stops a running stage that is canceled, which a later launch continues', async () => {
    const cancel = () => cadenza('cancel', join(folder, 'canceled'), '--json');
    const worker = work();
    expect((await launched('canceled')).status).toBe(0);
    await training('canceled');
    expect(JSON.parse((await cancel()).stdout).canceled).not.toEqual([]);
    // Until the worker has stopped it.
    while ((await cancel()).status === 0) await setTimeout(200);
    const planned = await cadenza('plan', ...FEW, '--out', join(folder, 'canceled'), '--json');
    expect(JSON.parse(planned.stdout).launch).toMatchObject({ active: [], notes: [] });
    expect(metrics('canceled')).toBeLessThan(metrics('here'));
    expect(worker.child.exitCode).toBe(null);
    expect((await launched('canceled', '--wait')).status).toBe(0);
    expectSame('canceled');
  });

  it('drops what waits for a failed stage, says why, and runs it in a later launch', async () => {
    await cadenza('run', ...FEW, '--out', join(folder, 'damaged'), '--until', 'generate');
    const histories = stageFiles(join(folder, 'damaged'));
    const [name] = [...histories.keys()].filter(path => path.endsWith('.arrow'));
    const path = join(folder, 'damaged', 'stages', name);
    writeFileSync(path, 'damaged');
    const worker = work();
    const failed = await launched('damaged', '--wait');
    expect([failed.status, JSON.parse(failed.stdout).error.code]).toEqual([9, 'E_EXECUTOR']);
    expect(failed.stderr).toContain('was modified');
    await worker.says('was modified');
    writeFileSync(path, histories.get(name)!);
    expect((await launched('damaged', '--wait')).status).toBe(0);
    expectSame('damaged');
  });

  it('runs launches that share stages side by side, and cancels one without the other', async () => {
    for (const out of ['shared-1', 'shared-2', 'shared-3']) expect((await launched(out)).status).toBe(0);
    expect((await cadenza('cancel', join(folder, 'shared-2'), '--json')).status).toBe(0);
    work();
    work();
    const planned = async (out: string) => JSON.parse((await cadenza('plan', ...FEW, '--out', join(folder, out), '--json')).stdout).launch;
    for (const out of ['shared-1', 'shared-3']) {
      while ((await planned(out)).active.length > 0) await setTimeout(500);
      expect((await cadenza('collect', ...FEW, '--out', join(folder, out), '--json')).status).toBe(0);
      expectSame(out);
    }
    expect(existsSync(join(folder, 'shared-2', 'stages'))).toBe(false);
  });

  it('shows in a plan what waits and runs, and that there is no worker', async () => {
    const planned = async () => JSON.parse((await cadenza('plan', ...FEW, '--out', join(folder, 'planned'), '--json')).stdout).launch;
    expect((await launched('planned')).status).toBe(0);
    const { running, waiting, notes } = await planned();
    expect(running).toBe(0);
    expect(waiting).toBeGreaterThan(1);
    expect(notes).toHaveLength(1);
    work();
    await training('planned');
    expect(await planned()).toMatchObject({ running: 1, notes: [] });
    expect((await cadenza('cancel', join(folder, 'planned'), '--json')).status).toBe(0);
    while ((await planned()).active.length > 0) await setTimeout(200);
  });

  it('is not used by a worker of another version, which says both', async () => {
    const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    const queue = new Queue(QUEUE, { connection, prefix: PREFIX });
    await queue.add('other', { version: '0.0.1', job: { out: folder }, before: [] }, { jobId: 'other' });
    const { status, stderr } = await work().ended;
    expect(status).toBe(4);
    expect(stderr).toContain('0.0.1');
    expect(await queue.getWaitingCount()).toBe(1);
    await queue.remove('other');
    await queue.close();
    connection.disconnect();
  });
});

describe.runIf(REDIS)('Redis', () => {
  const failing = async (url: string) => {
    const { status, stdout } = await cadenza(
      'run',
      TINY,
      '--out',
      join(tmpdir(), 'cadenza-none'),
      '--launcher',
      'bullmq',
      '--redis',
      url,
      '--json',
    );
    return { status, ...JSON.parse(stdout).error };
  };

  it('must be reachable, accept the password, and keep its keys', async () => {
    expect(await failing('redis://127.0.0.1:1')).toMatchObject({ status: 9, code: 'E_EXECUTOR' });
    const locked = await startRedis('--requirepass', 'secret');
    expect(await failing(locked.url)).toMatchObject({ status: 9, message: expect.stringContaining('CADENZA_REDIS_PASSWORD') });
    process.env.CADENZA_REDIS_PASSWORD = 'wrong';
    expect(await failing(locked.url)).toMatchObject({ status: 9, message: expect.stringContaining('CADENZA_REDIS_PASSWORD') });
    delete process.env.CADENZA_REDIS_PASSWORD;
    await locked.stop();
    const dropping = await startRedis('--maxmemory-policy', 'allkeys-lru');
    expect(await failing(dropping.url)).toMatchObject({ status: 9, message: expect.stringContaining('noeviction') });
    await dropping.stop();
  });

  it('must have the database of the address', async () => {
    const few = await startRedis('--databases', '2');
    expect(await failing(`${few.url}/2`)).toMatchObject({ status: 9, code: 'E_EXECUTOR', message: expect.stringContaining('range') });
    await few.stop();
  });

  it('is given up if it does not answer', async () => {
    const sockets: Socket[] = [];
    const silent = createServer(socket => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    expect(await failing(`redis://127.0.0.1:${port}`)).toMatchObject({ status: 9, message: expect.stringContaining('10 s') });
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('can be forgotten when it is gone', async () => {
    const out = mkdtempSync(join(tmpdir(), 'cadenza-gone-'));
    const gone = await startRedis();
    const submit = (url: string) => cadenza('run', TINY, '--out', out, '--launcher', 'bullmq', '--redis', url, '--json');
    expect((await submit(gone.url)).status).toBe(0);
    await gone.stop();
    const other = await startRedis();
    for (const { status, stdout } of [await submit(other.url), await cadenza('cancel', out, '--json')]) {
      expect(status).toBe(9);
      expect(JSON.parse(stdout).error.message).toContain(join(out, 'launch.json'));
    }
    rmSync(join(out, 'launch.json'));
    expect((await submit(other.url)).status).toBe(0);
    await other.stop();
    rmSync(out, { recursive: true });
  });
});

describe.runIf(REDIS)('Redis with TLS', () => {
  it('is used with rediss:// if its certificate is trusted, and otherwise refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cadenza-tls-'));
    const [key, certificate] = ['key.pem', 'certificate.pem'].map(name => join(folder, name));
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate];
    execFileSync('openssl', [...made, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
    const port = await freePort();
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate];
    const redis = await startRedis('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', ...files);
    const address = ['--launcher', 'bullmq', '--redis', `rediss://localhost:${port}`, '--json'];
    const submit = () => cadenza('run', TINY, '--out', join(folder, 'run'), ...address);
    const refused = await submit();
    expect([refused.status, JSON.parse(refused.stdout).error.code]).toEqual([9, 'E_EXECUTOR']);
    process.env.NODE_EXTRA_CA_CERTS = certificate;
    expect((await submit()).status).toBe(0);
    delete process.env.NODE_EXTRA_CA_CERTS;
    await redis.stop();
    rmSync(folder, { recursive: true });
  });
});

describe('an address', () => {
  it.each(['http://here', 'redis://', 'here:6379', 'redis://here/one', 'redis://user:secret@here'])('%s is refused', text => {
    expect(() => redisAddress(text)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });

  it.each(['redis://here', 'rediss://user@here:6380/2'])('%s is accepted', text => {
    expect(redisAddress(text)).toBe(text);
  });
});
