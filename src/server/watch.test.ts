import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { eventsOf, send } from '../../test/helpers/request.ts';
import { RECORD_FILE } from '../cache/run-record.ts';
import { STUDY_FORMAT } from '../records/index.ts';
import { self } from '../util/lock.ts';
import { type RunningServer, serveWatch } from './index.ts';
import type { CurveEvents, ListEvents, WatchedRun } from './watched.ts';

const outside = mkdtempSync(join(tmpdir(), 'cadenza-outside-'));
const runs = mkdtempSync(join(tmpdir(), 'cadenza-watch-'));
afterAll(() => {
  rmSync(outside, { recursive: true });
  rmSync(runs, { recursive: true });
});

const [KEY, OTHER_KEY] = ['0123456789ab', 'ba9876543210'];

/** Writes the record of a command in the folder of a run, as a run does. */
function record(run: string, change: Record<string, unknown> = {}, folder = runs): string {
  const path = join(folder, run);
  mkdirSync(path, { recursive: true });
  const text = JSON.stringify({
    format: 'cadenza-progress-1',
    name: 'mine',
    kind: 'reinforcement',
    command: '',
    began: new Date().toISOString(),
    settings: { 'model.width': 8 },
    variants: [{ name: 'mine', settings: {} }],
    stages: [],
    state: 'running',
    process: self(),
    ...change,
  });
  writeFileSync(join(path, 'new.1.tmp'), text);
  renameSync(join(path, 'new.1.tmp'), join(path, RECORD_FILE));
  return path;
}

/** The folder of a stage, with its metrics so far. */
function stage(run: string, name: string, text: string): string {
  const folder = join(runs, run, 'stages', name);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'metrics.jsonl');
  writeFileSync(path, text);
  return path;
}

const line = (step: number, loss: number) => `${JSON.stringify({ step, loss })}\n`;

describe('the live view of a folder', () => {
  let server: RunningServer;
  beforeAll(async () => {
    record('first', { state: 'finished' });
    server = await serveWatch(runs);
  });
  afterAll(() => server.close());

  it('lists runs, tells which are new, how far they are, how they ended, and which are gone', async () => {
    const events = await eventsOf(server.url, '/events/runs');
    const list = await events.next<ListEvents['list']>('list');
    expect(list.runs.map(({ id, state }) => [id, state])).toEqual([['first', 'finished']]);
    const changed = (id: string, state: string) =>
      events.next<ListEvents['change']>('change', ({ runs }) => runs.some(run => run.id === id && run.state === state));
    record('deep/second', { now: { stage: 'finetune (seed 0)', done: 3, total: 8 }, place: { at: 2, of: 9, seconds: 60, more: false } });
    const [second] = (await changed('deep/second', 'running')).runs;
    expect(second).toMatchObject({ name: 'mine', now: { done: 3, total: 8 }, place: { at: 2, of: 9 }, seconds: 60 });
    // A process that is gone wrote nothing before it was killed.
    record('deep/second', { process: { ...self(), started: '1' } });
    await changed('deep/second', 'stopped');
    record('deep/second');
    await changed('deep/second', 'running');
    record('deep/second', { state: 'failed', reason: 'E_NUMERICS' });
    expect((await changed('deep/second', 'failed')).runs[0].reason).toBe('E_NUMERICS');
    rmSync(join(runs, 'deep'), { recursive: true });
    await events.next<ListEvents['change']>('change', ({ gone }) => gone.includes('deep/second'));
    events.close();
  });

  it('lists runs without a record, and survives a damaged one', async () => {
    mkdirSync(join(runs, 'old', 'stages', `generate-${KEY}`), { recursive: true });
    mkdirSync(join(runs, 'odd'));
    writeFileSync(join(runs, 'odd', RECORD_FILE), '{"format":"cadenza-progress-1"');
    const events = await eventsOf(server.url, '/events/runs');
    const found = new Map((await events.next<ListEvents['list']>('list')).runs.map(run => [run.id, run]));
    while (!(found.has('odd') && found.get('old')?.now))
      for (const run of (await events.next<ListEvents['change']>('change')).runs) found.set(run.id, run);
    expect(found.get('old')).toMatchObject({ state: 'stopped', now: { stage: 'generate' } });
    events.close();
  });

  it('knows the score of each trial of a search', async () => {
    const variants = ['trial 0', 'trial 1'].map((name, i) => ({ name, settings: { 'model.latents': i } }));
    const path = record('search', { kind: 'study', variants });
    const score = (mean: number) => ({ mean, meanLow: mean - 0.1, meanHigh: mean + 0.1 });
    const study = {
      format: STUDY_FORMAT,
      measure: 'area',
      trials: [0.5, 0.75].map((mean, trial) => ({ trial, settings: {}, rungs: [{ steps: 10, score: score(mean) }] })),
    };
    const write = (content: unknown) => {
      writeFileSync(join(path, 'tune.tmp'), JSON.stringify(content));
      renameSync(join(path, 'tune.tmp'), join(path, 'tune.json'));
    };
    /** Waits until the list of runs says so of the search. */
    const seen = async (fits: (run: WatchedRun) => boolean) => {
      const list = await eventsOf(server.url, '/events/runs');
      const has = ({ runs }: { runs: readonly WatchedRun[] }) => runs.some(run => run.id === 'search' && fits(run));
      await Promise.race([list.next('list', has), list.next('change', has)]);
      list.close();
    };
    write(study);
    await seen(({ score }) => score?.mean === 0.75);
    const events = await eventsOf(server.url, '/events/curves?stage=finetune&run=search');
    const detail = await events.next<CurveEvents['detail']>('detail');
    expect(detail.variants.map(({ score }) => score?.mean)).toEqual([0.5, 0.75]);
    expect(detail.scores.map(({ method }) => method)).toEqual(['trial 1', 'trial 0']);
    events.close();
    write({ format: STUDY_FORMAT });
    await seen(({ state }) => state === 'damaged');
    // Other changes in its folder do not mend it; new scores do.
    mkdirSync(join(path, 'other'));
    record('search', { kind: 'study', variants, state: 'finished' });
    await new Promise(resolve => setTimeout(resolve, 1500));
    await seen(({ state }) => state === 'damaged');
    write(study);
    await seen(({ state, score }) => state === 'finished' && score?.mean === 0.75);
  });

  it('follows metrics: whole lines as they come, and from the start where a run that resumes has dropped some', async () => {
    const name = `finetune-seed3-${KEY}`;
    const stages = [
      { folder: name, variants: [1] },
      { folder: `pretrain-seed3-${KEY}`, variants: [0, 1] },
    ];
    const variants = ['a', 'b'].map(name => ({ name, settings: { 'model.latents': name } }));
    record('trains', { stages, variants, kind: 'ablation' });
    const path = stage('trains', name, line(10, 3) + line(20, 2));
    stage('trains', `pretrain-seed3-${KEY}`, line(10, 1));
    // Not of the latest command.
    stage('trains', `finetune-seed3-${OTHER_KEY}`, line(10, 9));
    const list = await eventsOf(server.url, '/events/runs');
    const has = ({ runs }: { runs: readonly { id: string }[] }) => runs.some(({ id }) => id === 'trains');
    await Promise.race([list.next('list', has), list.next('change', has)]);
    list.close();
    const events = await eventsOf(server.url, '/events/curves?stage=finetune&run=trains&run=unknown');
    const next = async () => (await events.next<CurveEvents['points']>('points'))[0];
    const detail = await events.next<CurveEvents['detail']>('detail');
    expect(detail).toMatchObject({ id: 'trains', settings: { 'model.width': 8 }, stages: ['finetune', 'pretrain'], scores: [] });
    expect(detail.variants.map(({ settings }) => settings['model.latents'])).toEqual(['a', 'b']);
    const about = { run: 'trains', folder: name, seed: 3, variants: [1] };
    expect(await next()).toEqual({ ...about, replaces: true, step: [10, 20], values: { loss: [3, 2] } });
    appendFileSync(path, line(30, 1).slice(0, 9));
    appendFileSync(path, `${line(30, 1).slice(9)}{"step":40,"validation":{"return":0.5}}\n{"step":`);
    expect(await next()).toEqual({
      ...about,
      replaces: false,
      step: [30, 40],
      values: { loss: [1, null], 'validation.return': [null, 0.5] },
    });
    // The half line of a killed process is dropped, as are steps after the checkpoint.
    writeFileSync(`${path}.tmp`, line(10, 3) + line(20, 2));
    renameSync(`${path}.tmp`, path);
    expect(await next()).toEqual({ ...about, replaces: true, step: [10, 20], values: { loss: [3, 2] } });
    appendFileSync(path, line(30, 1.5));
    expect(await next()).toMatchObject({ replaces: false, step: [30], values: { loss: [1.5] } });
    events.close();
  });

  it('serves reports alone in an origin of their own, and nothing through links', async () => {
    const run = record('reported', { state: 'finished' });
    writeFileSync(join(run, 'results.html'), '<p>mine</p>');
    writeFileSync(join(run, 'config.yaml'), 'secret: 1');
    mkdirSync(join(run, 'report'));
    writeFileSync(join(outside, 'report.html'), 'secret');
    symlinkSync(join(outside, 'report.html'), join(run, 'report', 'report.html'));
    symlinkSync(outside, join(run, 'inspect'));
    writeFileSync(join(outside, 'inspect.html'), 'secret');
    record('run', { name: 'secret' }, outside);
    symlinkSync(join(outside, 'run'), join(runs, 'linked'));
    mkdirSync(join(runs, 'half'));
    symlinkSync(join(outside, 'run', RECORD_FILE), join(runs, 'half', RECORD_FILE));
    const events = await eventsOf(server.url, '/events/curves?run=reported&stage=x');
    const detail = await events.next<CurveEvents['detail']>('detail', ({ reports }) => reports.length > 0);
    events.close();
    expect(detail.reports).toContain('results.html');
    const page = await send(server.url, '/report?run=reported&page=results.html');
    expect([page.status, page.text]).toEqual([200, '<p>mine</p>']);
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none';.*; sandbox allow-scripts$/);
    for (const query of [
      'run=reported&page=report/report.html',
      'run=reported&page=inspect/inspect.html',
      'run=reported&page=config.yaml',
      'run=reported&page=../reported/results.html',
      'run=../reported&page=results.html',
      'run=reported%00&page=results.html',
      'run=reported&run=reported&page=results.html',
      'run=linked&page=results.html',
      'page=results.html',
    ])
      expect([query, (await send(server.url, `/report?${query}`)).status]).toEqual([query, 404]);
    const list = await eventsOf(server.url, '/events/runs');
    const { runs: found } = await list.next<ListEvents['list']>('list');
    list.close();
    expect(found.map(({ id }) => id)).not.toContain('half');
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it.each([
    ['another host', '/events/runs', { headers: { host: 'evil.example' } }, 421],
    ['a page of another site', '/events/curves?run=first', { headers: { origin: 'http://evil.example' } }, 403],
    ['a report, which has no origin', '/events/runs', { headers: { origin: 'null' } }, 403],
    ['a body', '/events/runs', { method: 'POST', body: '{}' }, 405],
    ['another method', '/events/runs', { method: 'HEAD' }, 404],
    ['large headers', '/events/runs', { headers: { cookie: 'x'.repeat(1 << 15) } }, 431],
    ['a long address', `/events/curves?run=${'x'.repeat(1 << 15)}`, {}, 431],
    ['a file of a run', '/first/progress.json', {}, 404],
    ['a file above', '/..%2f..%2fpackage.json', {}, 404],
  ] as const)('refuses %s', async (_, path, sent, status) => {
    const found = await send(server.url, path, sent).catch(({ code }) => ({ status: code }));
    // The connection may be closed before a large request was sent.
    expect([status, ...(status === 431 ? ['EPIPE', 'ECONNRESET'] : []), ...(path.includes('..') ? [403, 400] : [])]).toContain(
      found.status,
    );
  });
});

it('waits for a folder that is not there yet, but takes no file for one', async () => {
  const folder = join(runs, 'later', 'runs');
  const server = await serveWatch(folder);
  const events = await eventsOf(server.url, '/events/runs');
  expect(await events.next<ListEvents['list']>('list')).toEqual({ folder, runs: [] });
  record('new', {}, folder);
  await events.next<ListEvents['change']>('change', ({ runs }) => runs[0]?.id === 'new');
  events.close();
  await server.close();
  await expect(serveWatch(join(folder, 'new', RECORD_FILE))).rejects.toThrow(failure('E_DATA', RECORD_FILE));
});
