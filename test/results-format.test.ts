/** @file results.json and returns.json: what was ever committed is read, and what is damaged is refused with its field, or can be reported. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type AnyResults,
  INSPECTION_FORMAT,
  type RawReturns,
  type RecordedResults,
  type Results,
  STUDY_FORMAT,
  scoreMethod,
} from '../src/records/index.ts';
import { sealResults } from '../src/records/seal.ts';
import {
  compareRuns,
  formatComparison,
  formatResults,
  htmlReport,
  type OpenRun,
  openResults,
  openRun,
  rawTable,
  recordedHtml,
  supervisedHtml,
  viewOf,
} from '../src/reports/index.ts';
import { packedPath, readJson, sha256 } from '../src/util/files.ts';
import { ROOT } from './helpers/command.ts';
import { failure, type Needle } from './helpers/failure.ts';
import { damagedBytes, damagedJson, fuzz } from './helpers/fuzz.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-results-format-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const committed = join(ROOT, 'results');
/** A file of a committed run. */
const read = <T>(name: string, file: string) => readJson(packedPath(join(committed, name, file))) as T;

/** Two methods of a committed run, with few resamples. */
function small(): { results: Results; returns: RawReturns } {
  const results = read<Results>('evidence-key-to-door', 'results.json');
  const returns = read<RawReturns>('evidence-key-to-door', 'returns.json');
  const rate = read<Results>('evidence-rate-return', 'results.json').rate!;
  const { name, versus, imitation } = results;
  const two = <T>(methods: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(methods).filter(([method]) => method === 'cad' || method === 'ad'));
  const table = returns.tables[name];
  return {
    results: {
      ...results,
      methods: two(results.methods),
      versus: { ...versus, [name]: { ...versus![name], others: two(versus![name].others) } },
      imitation: { ...imitation, [name]: { ...imitation![name], methods: two(imitation![name].methods) } },
      rate: { ...rate, reference: 'ad', points: rate.points.map(point => ({ ...point, method: 'cad' })) },
    },
    returns: {
      ...returns,
      tables: { [name]: { ...table, methods: two(table.methods), bootstrap: { ...table.bootstrap, resamples: 20 } } },
    },
  };
}

/** Results of a recorded experiment with two tables. */
function recordedResults(): RecordedResults {
  const score = (mean: number) => ({ mean, low: mean / 2, high: 2 * mean });
  const along = { mean: [0.5, 0.6], low: [0.4, 0.5], high: [0.6, 0.7] };
  const perTask = [{ task: 'goal=1', steps: 40, crossEntropy: 1, accuracy: 0.5 }];
  const byEpisode = { episode: [3, 6], crossEntropy: along, accuracy: along };
  const methods = Object.fromEntries(
    ['cad', 'frequencies'].map((name, i) => [name, { crossEntropy: score(1 + i), accuracy: score(0.3), byEpisode, perTask }]),
  );
  const { name, seeds, intervalNote, split, run } = results;
  const tables = { other: methods };
  return {
    format: 'cadenza-recorded-2',
    name,
    seeds,
    intervalNote,
    split,
    run,
    environment: 'a',
    labels: 'recorded',
    tasks: 1,
    methods,
    tables,
  };
}

function write(at: string, results: string, returns: string): void {
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'results.json'), results);
  writeFileSync(join(at, 'returns.json'), returns);
}

/** What reads a run's results (all but the paper, which takes seconds), and what reads its returns. */
const report = ({ results }: OpenRun) => [formatResults(results), htmlReport(results)];
const compare = (run: OpenRun) => formatComparison(compareRuns({ run, method: 'ad' }, { run, method: 'cad' }, 'final'));

describe('committed results', () => {
  const names = readdirSync(committed).filter(name => existsSync(packedPath(join(committed, name, 'results.json'))));

  it.each(names)('%s is read', name => {
    const file = read<AnyResults>(name, 'results.json');
    const { results } = openResults(join(committed, name));
    expect(results.name).toBe(file.name);
    expect(viewOf(results).text()).not.toMatch(/undefined|NaN/);
    if (file.format === 'cadenza-results-2') expect(openRun(join(committed, name)).results).toEqual(results);
    else expect(() => openRun(join(committed, name))).toThrow(failure('E_DATA', file.format, 'cadenza-results-2', 'cadenza report'));
  });
});

const { results, returns } = small();
const withReturns = (text: string, change: object = {}) =>
  JSON.stringify({ ...results, raw: { file: 'returns.json', sha256: sha256(text) }, ...change });

/** The same, scored by two given returns. */
function scoredAnew(): { results: Results; returns: RawReturns } {
  const { name } = results;
  const { oracle: _, ...table } = returns.tables[name];
  const reference = { kind: 'given' as const, low: table.tasks.map(() => -1), high: table.tasks.map(() => 3) };
  const tables = { [name]: { ...table, reference } };
  const row = (method: string) => {
    const { flopsPerAction, stateBytes, historyBytes, bitsPerContext, budget } = results.methods[method];
    return { ...scoreMethod(tables[name], method, { flopsPerAction, stateBytes, historyBytes, bitsPerContext }), budget };
  };
  const { oracle: __, ...others } = results;
  return { results: { ...others, methods: { cad: row('cad'), ad: row('ad') } }, returns: { ...returns, tables } };
}
const whole = JSON.stringify(returns);

describe('openRun', () => {
  const folderOf = (name: string, text: string, raw = whole) => {
    const at = join(folder, name);
    write(at, text, raw);
    return at;
  };
  const refusal = (...needles: Needle[]) => failure('E_DATA', ...needles);

  it('opens a run by its folder or its results.json, with its returns', () => {
    const at = folderOf('whole', withReturns(whole));
    const run = openRun(at);
    expect(openRun(join(at, 'results.json'))).toEqual(run);
    expect(rawTable(run)).toEqual(returns.tables[results.name]);
    expect(() => rawTable(run, 'other')).toThrow(refusal('"other"', 'key-to-door'));
  });

  it('opens files that were compressed, and checks what they hold', () => {
    const at = folderOf('packed', withReturns(whole));
    const run = openRun(at);
    for (const name of ['results.json', 'returns.json']) {
      writeFileSync(join(at, `${name}.br`), brotliCompressSync(readFileSync(join(at, name))));
      rmSync(join(at, name));
    }
    expect(openRun(at)).toEqual(run);
    expect(openRun(join(at, 'results.json.br'))).toEqual(run);
    expect(openRun(join(at, 'results.json'))).toEqual(run);
    writeFileSync(join(at, 'returns.json.br'), brotliCompressSync(`${whole} `));
    expect(() => openRun(at)).toThrow(refusal('returns.json.br', 'SHA-256'));
    writeFileSync(join(at, 'returns.json.br'), brotliCompressSync(whole).subarray(0, 1000));
    expect(() => openRun(at)).toThrow(refusal('returns.json.br', 'Brotli'));
  });

  it('refuses results that were altered after they were sealed, in any number', () => {
    const sealed = sealResults(JSON.parse(withReturns(whole)) as Results);
    expect(openRun(folderOf('sealed', JSON.stringify(sealed))).results).toEqual(sealed);
    sealed.methods.cad.final.mean += 0.1;
    expect(() => openRun(folderOf('altered', JSON.stringify(sealed)))).toThrow(refusal('results.json'));
    expect(openRun(folderOf('sealed again', JSON.stringify(sealResults(sealed)))).results.run.hash).not.toBe(sealed.run.hash);
  });

  it('opens older runs, and says so where raw returns are needed', () => {
    const run = openRun(folderOf('older', withReturns(whole, { raw: undefined })));
    expect(run.results.name).toBe(results.name);
    expect(() => rawTable(run)).toThrow(refusal(run.folder));
  });

  it('refuses what is not a run, and returns that are not those of the results', () => {
    expect(() => openRun(join(folder, 'nowhere'))).toThrow(refusal('nowhere'));
    expect(() => openRun(folderOf('altered', withReturns(whole), `${whole} `))).toThrow(refusal('returns.json', 'results.json'));
    const lost = folderOf('lost', withReturns(whole));
    rmSync(join(lost, 'returns.json'));
    expect(() => openRun(lost)).toThrow(refusal('returns.json'));
    const newer = JSON.stringify({ ...returns, format: 'cadenza-returns-9' });
    expect(() => openRun(folderOf('newer', withReturns(newer), newer))).toThrow(refusal('returns.json', 'format', 'cadenza-returns-1'));
  });

  it.each([INSPECTION_FORMAT, STUDY_FORMAT])('says which command wrote what has the format %s', format => {
    expect(() => openResults(folderOf('other', JSON.stringify({ format })))).toThrow(refusal(format, /cadenza (inspect|tune)/));
  });

  it.each(['../whole/returns.json', '/etc/passwd', '..', 'a\\b'])('does not leave the folder for returns at %s', file => {
    const raw = { file, sha256: sha256(whole) };
    expect(() => openRun(folderOf('outside', withReturns(whole, { raw })))).toThrow(refusal('raw.file'));
  });
});

describe('scores by another reference than the oracle', () => {
  const given = scoredAnew();
  const raw = JSON.stringify(given.returns);
  const sealed = { ...given.results, raw: { file: 'returns.json', sha256: sha256(raw) } };
  const at = join(folder, 'given');
  /** Opens the run after a change of its results, or of its returns. */
  const opened = (change: (results: Results, returns: RawReturns) => void) => {
    const [results, returns] = structuredClone([sealed, given.returns] as const) as [Results, RawReturns];
    change(results, returns);
    const text = JSON.stringify(returns);
    write(at, JSON.stringify({ ...results, raw: { file: 'returns.json', sha256: sha256(text) } }), text);
    return openRun(at);
  };

  it('are read, reported and compared', () => {
    const run = opened(() => {});
    expect(run.results.methods.cad.reference).toEqual({ kind: 'given', low: -1, high: 3 });
    report(run);
    compare(run);
  });

  const { name } = results;
  it.each<[string, Needle, (results: Results, returns: RawReturns) => void]>([
    ['an oracle in the results, too', 'oracle', all => Object.assign(all, { oracle: { mean: 1 } })],
    ['a row without its reference', 'reference', all => delete all.methods.ad.reference],
    ['a row without its raw return', 'methods.ad.return', all => delete all.methods.ad.return],
    ['rows of two kinds', 'methods.ad.reference', all => Object.assign(all.methods.ad.reference!, { kind: 'measured' })],
    ['a mean that is not that of the tasks', 'methods.cad.reference', all => Object.assign(all.methods.cad.reference!, { high: 4 })],
    ['a task that another row scores otherwise', 'methods.ad.perTask', all => Object.assign(all.methods.ad.perTask[0], { high: 3.5 })],
    ['a task with an oracle, too', 'methods.cad.perTask.0', all => Object.assign(all.methods.cad.perTask[0], { oracle: 2 })],
    ['a task without a raw return', 'methods.cad.perTask.0', all => delete all.methods.cad.perTask[0].return],
    ['no distance on a task', 'methods.cad.perTask.0', all => Object.assign(all.methods.cad.perTask[0], { high: -1 })],
    [
      'raw returns with an oracle, too',
      'oracle',
      (_, raw) => Object.assign(raw.tables[name], { oracle: raw.tables[name].tasks.map(() => 1) }),
    ],
    ['raw returns without a reference', 'oracle', (_, raw) => delete raw.tables[name].reference],
    ['a reference of fewer tasks', 'reference.low', (_, raw) => raw.tables[name].reference!.low.pop()],
    ['no distance on a task of raw returns', 'reference.high.1', (_, raw) => Object.assign(raw.tables[name].reference!.high, { 1: -1 })],
  ])('are refused with %s', (_, needle, change) => {
    expect(() => opened(change)).toThrow(failure('E_DATA', needle));
  });

  it('are refused or can be reported and compared, whatever is damaged', async () => {
    const of = await fuzz(damagedJson(JSON.parse(JSON.stringify(sealed)), { seed: 5, count: 100 }), content => {
      write(at, content, raw);
      report(openRun(at));
    });
    expect(of.refused.length).toBeGreaterThan(40);
    const { refused } = await fuzz(damagedJson(given.returns, { seed: 6, count: 60 }), content => {
      write(at, JSON.stringify({ ...sealed, raw: { file: 'returns.json', sha256: sha256(content) } }), content);
      compare(openRun(at));
    });
    expect(refused.length).toBeGreaterThan(25);
  }, 60_000);
});

describe('damage', () => {
  const at = join(folder, 'run');

  it.each([
    ['supervised', () => read('regression', 'results.json'), supervisedHtml],
    ['recorded', recordedResults, recordedHtml],
  ] as const)(
    'of the structure of %s results is refused or can be reported',
    async (_, make, page) => {
      const { refused, accepted } = await fuzz(damagedJson(make(), { seed: 5, count: 150 }), content => {
        write(at, content, '');
        const { results } = openResults(at);
        viewOf(results).text();
        page(results as never);
      });
      expect(refused.length).toBeGreaterThan(50);
      expect(accepted.length).toBeGreaterThan(5);
    },
    60_000,
  );

  it('none: the run is opened, reported and compared', () => {
    const text = whole;
    write(at, withReturns(text), text);
    const run = openRun(at);
    report(run);
    compare(run);
  });

  it('of the structure of results.json is refused or can be reported', async () => {
    const text = whole;
    const { refused, accepted } = await fuzz(damagedJson(JSON.parse(withReturns(text)), { seed: 1, count: 200 }), content => {
      write(at, content, text);
      report(openRun(at));
    });
    expect(refused.length).toBeGreaterThan(100);
    expect(accepted.length).toBeGreaterThan(20);
  }, 60_000);

  it('of the structure of returns.json is refused or can be compared, where its hash was made to fit', async () => {
    const { refused } = await fuzz(damagedJson(returns, { seed: 2, count: 120 }), content => {
      write(at, withReturns(content), content);
      compare(openRun(at));
    });
    expect(refused.length).toBeGreaterThan(50);
  }, 60_000);

  it('of the bytes of returns.json is always found', async () => {
    const text = whole;
    const { accepted } = await fuzz(damagedBytes(Buffer.from(text), { seed: 3, count: 60 }), content => {
      write(at, withReturns(text), '');
      writeFileSync(join(at, 'returns.json'), content);
      openRun(at);
    });
    expect(accepted).toEqual([]);
  });

  it('of the bytes of results.json is refused or can be printed', async () => {
    const text = whole;
    await fuzz(damagedBytes(Buffer.from(withReturns(text)), { seed: 4, count: 100 }), content => {
      write(at, '', text);
      writeFileSync(join(at, 'results.json'), content);
      formatResults(openRun(at).results);
    });
  }, 60_000);
});
