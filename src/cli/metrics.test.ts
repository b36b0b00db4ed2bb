import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import { withinProcess } from '../../test/helpers/command.ts';
import { shownScalars } from '../../test/helpers/event-files.ts';
import { exit, failure } from '../../test/helpers/failure.ts';
import { FORMATS } from './commands/metrics.ts';
import { type Column, csvOf, METRICS_FORMATS, metricsIn, parquetOf, tableOf } from './metrics.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-metrics-'));
afterAll(() => rmSync(root, { recursive: true }));
const at = (...names: string[]) => join(root, ...names);

const stage = (run: string, name: string, text: string) => {
  const folder = at(run, 'stages', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'metrics.jsonl'), text);
};
const A = 'a'.repeat(12);
const B = 'b'.repeat(12);
stage('runs/one', `pretrain-seed0-${A}`, '{"step":10,"loss":0.5,"explained":null}\n{"step":20,"loss":0.25}\n{"step":30,"lo');
stage('runs/one', `finetune-seed12-${B}`, '{"step":10,"loss":1e-7,"task":2}\n{"step":10,"validation":{"5":3}}\n');
mkdirSync(at('runs/one/stages', `generate-${A}`));
mkdirSync(at('runs/one/report'));
writeFileSync(at('runs/one/stages', `pretrain-seed0-${A}.lock`), '');
// Two combinations of an ablation have stages with the same name.
for (const key of [A, B]) stage('runs/deep/er/two, "quoted"', `mean-pool-seed0-${key}`, '{"step":1,"loss":4}\n');
stage('runs/new', `teacher-seed0-${A}`, '');
symlinkSync(at('runs'), at('runs/deep/loop'));
writeFileSync(at('runs/note.txt'), '');

const TWO = 'deep/er/two, "quoted"';
const ROWS = [
  { run: TWO, stage: 'mean-pool', seed: 0, key: A, step: 1, loss: 4 },
  { run: TWO, stage: 'mean-pool', seed: 0, key: B, step: 1, loss: 4 },
  { run: 'one', stage: 'finetune', seed: 12, key: B, step: 10, loss: 1e-7, task: 2, 'validation.5': 3 },
  { run: 'one', stage: 'pretrain', seed: 0, key: A, step: 10, loss: 0.5 },
  { run: 'one', stage: 'pretrain', seed: 0, key: A, step: 20, loss: 0.25 },
];
const CSV = [
  'run,stage,seed,key,step,loss,task,validation.5',
  `"deep/er/two, ""quoted""",mean-pool,0,${A},1,4,,`,
  `"deep/er/two, ""quoted""",mean-pool,0,${B},1,4,,`,
  `one,finetune,12,${B},10,1e-7,2,3`,
  `one,pretrain,0,${A},10,0.5,,`,
  `one,pretrain,0,${A},20,0.25,,`,
  '',
].join('\r\n');

/** A Parquet file, as another package reads it. */
async function readParquet(bytes: Uint8Array) {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const types = parquetMetadata(file)
    .schema.slice(1)
    .map(({ type, converted_type }) => converted_type ?? type);
  return { types, rows: await parquetReadObjects({ file }) };
}

describe('the table', () => {
  it('has a row for every stage and step of all runs below a folder', async () => {
    const { stdout, status } = await withinProcess(['metrics', at('runs'), '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(ROWS);
    expect((await withinProcess(['metrics', at('runs')])).stdout).toBe(CSV);
  });

  it('names a run as its folder, if only that is given', () => {
    const [{ values }] = tableOf(metricsIn(at('runs/new/../one')));
    expect([...new Set(values)]).toEqual(['one']);
    expect([...new Set(metricsIn(at(`runs/${TWO}`)).map(({ run }) => run))]).toEqual(['two, "quoted"']);
  });

  it.each([
    ['CSV', 'table.csv', []],
    ['CSV', 'table.txt', ['--format', 'csv']],
  ])('becomes %s in %s', async (_, name, more) => {
    writeFileSync(at(name), 'earlier');
    expect(await withinProcess(['metrics', at('runs'), '--out', at(name), ...more])).toMatchObject({ status: 0 });
    expect(readFileSync(at(name), 'utf8')).toBe(CSV);
  });

  it('becomes Parquet, which another package reads back', async () => {
    const { stdout } = await withinProcess(['metrics', at('runs'), '--out', at('table.PARQUET'), '--json']);
    expect(JSON.parse(stdout)).toEqual({ out: at('table.PARQUET'), format: 'parquet', stages: 5 });
    const { types, rows } = await readParquet(readFileSync(at('table.PARQUET')));
    expect(types).toEqual(['UTF8', 'UTF8', 'INT64', 'UTF8', 'INT64', 'DOUBLE', 'DOUBLE', 'DOUBLE']);
    const empty = { task: null, 'validation.5': null };
    expect(rows).toEqual(ROWS.map(row => ({ ...empty, ...row, seed: BigInt(row.seed), step: BigInt(row.step) })));
  });

  it('becomes event files, a folder for each stage, and again after more steps', async () => {
    for (let i = 0; i < 2; i++) await METRICS_FORMATS.tensorboard(metricsIn(at('runs')), at('events'));
    expect(shownScalars(at('events/one', `pretrain-seed0-${A}`))).toEqual({
      loss: [
        [10, 0.5],
        [20, 0.25],
      ],
    });
    expect(shownScalars(at('events/one', `finetune-seed12-${B}`))['validation.5']).toEqual([[10, 3]]);
    expect(existsSync(at('events', TWO, `mean-pool-seed0-${B}`))).toBe(true);
  });

  it('lists its formats', () => {
    expect(Object.keys(METRICS_FORMATS)).toEqual([...FORMATS]);
  });
});

describe('the formats', () => {
  const columns: Column[] = [
    { name: 'a "name", with\nmuch', type: 'STRING', values: ['plain', 'comma,', '"', 'two\r\nlines', '\r', ''] },
    { name: 'seed', type: 'INT64', values: [0, Number.MAX_SAFE_INTEGER, undefined, 1, 1, 1] },
    { name: 'loss', type: 'DOUBLE', values: [-0.1, 1e300, 5e-324, undefined, 0, 123456.7] },
  ];

  it('CSV quotes what RFC 4180 wants quoted, and nothing else', () => {
    expect(csvOf(columns)).toBe(
      [
        '"a ""name"", with\nmuch",seed,loss',
        'plain,0,-0.1',
        '"comma,",9007199254740991,1e+300',
        '"""",,5e-324',
        '"two\r\nlines",1,',
        '"\r",1,0',
        ',1,123456.7',
        '',
      ].join('\r\n'),
    );
  });

  it('Parquet keeps every value', async () => {
    const { rows } = await readParquet(await parquetOf(columns));
    expect(rows.map(row => Object.values(row))).toEqual(
      columns[0].values.map((text, i) => {
        const [seed, loss] = [columns[1].values[i], columns[2].values[i]];
        return [text, seed === undefined ? null : BigInt(seed), loss ?? null];
      }),
    );
  });
});

describe('errors', () => {
  it.each([
    ['no run', ['runs/deep/nothing']],
    ['a folder without runs', ['runs/one/report']],
    ['a run before its first metrics', ['runs/new']],
  ])('%s', async (_, [folder]) => {
    mkdirSync(at('runs/one/report'), { recursive: true });
    expect(() => metricsIn(at(folder))).toThrow(failure('E_DATA', at(folder)));
  });

  it.each([
    ['an unknown ending', ['--out', 'metrics.xlsx'], 'metrics.xlsx'],
    ['event files without a place', ['--format', 'tensorboard'], '--out'],
    ['Parquet on the terminal', ['--format', 'parquet'], '--out'],
    ['an ending that is a format of folders', ['--out', 'metrics.tensorboard'], 'metrics.tensorboard'],
    ['an unknown format', ['--format', 'xlsx'], 'xlsx'],
  ])('%s', async (_, args, named) => {
    expect(await withinProcess(['metrics', at('runs'), ...args])).toEqual(exit('E_USAGE', named));
  });

  it('a damaged line, by its place', async () => {
    stage('damaged', `teacher-seed0-${A}`, '{"step":10,"loss":1}\n\0\0\0\n{"step":30,"loss":1}\n');
    expect(await withinProcess(['metrics', at('damaged')])).toEqual(exit('E_DATA', 'metrics.jsonl:2'));
  });
});
