import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { followMetrics, metricsFile, readMetrics, scalarsOf } from './metrics.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-metrics-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('writes lines when asked to, and reads them again', () => {
  const file = metricsFile(folder, 0);
  file.add(10, { loss: 0.5, 'recall.reward': Number.NaN });
  expect(readMetrics(folder)).toEqual([]);
  file.add(10, { validation: { 5: 1, 10: 2 } });
  file.flush();
  file.flush();
  expect(readFileSync(path, 'utf8')).toBe('{"step":10,"loss":0.5,"recall.reward":null}\n{"step":10,"validation":{"5":1,"10":2}}\n');
  const lines = readMetrics(folder);
  expect(lines).toEqual([
    { step: 10, metrics: { loss: 0.5, 'recall.reward': null } },
    { step: 10, metrics: { validation: { 5: 1, 10: 2 } } },
  ]);
  expect(lines.map(({ metrics }) => scalarsOf(metrics))).toEqual([
    [['loss', 0.5]],
    [
      ['validation.5', 1],
      ['validation.10', 2],
    ],
  ]);
});

it('drops the lines of steps that run again, and an incomplete line', () => {
  const kept = '{"step":10,"loss":1}\n{"step":15,"loss":2.50}\n';
  writeFileSync(path, `${kept}{"step":20,"loss":3}\n{"step":1`);
  metricsFile(folder, 15);
  expect(readFileSync(path, 'utf8')).toBe(kept);
});

it.each(['{"step":20,"lo', '{"step"', '{', '{"step":20}x'])('reads a file that ends in %s without that', half => {
  writeFileSync(path, '{"step":10,"loss":1}\n');
  appendFileSync(path, half);
  expect(readMetrics(folder)).toEqual([{ step: 10, metrics: { loss: 1 } }]);
});

it.each(['{"step":20,"lo', '[]', '{"loss":1}', '{"step":-1}', '{"step":1,"loss":"low"}', '{"step":1,"loss":{"a":{}}}'])(
  'refuses the line %s before others',
  line => {
    writeFileSync(path, `{"step":10,"loss":1}\n${line}\n{"step":30,"loss":1}\n`);
    expect(() => readMetrics(folder)).toThrow(failure('E_DATA', `${path}:2`));
  },
);

it('follows a file that grows, in any pieces, and starts again where it was cut or replaced', () => {
  const follow = followMetrics(folder);
  expect(follow()).toBeUndefined();
  const text = '{"step":10,"é":1}\n{"step":20,"é":2}\n';
  const bytes = Buffer.from(text);
  const lines = [10, 20].map((step, i) => ({ step, metrics: { é: i + 1 } }));
  const found = [];
  for (const byte of bytes) {
    appendFileSync(path, Uint8Array.of(byte));
    found.push(...(follow()?.lines ?? []));
  }
  expect(found).toEqual(lines);
  expect(follow()).toBeUndefined();
  writeFileSync(path, text.slice(0, text.indexOf('\n') + 1));
  expect(follow()).toEqual({ replaces: true, lines: lines.slice(0, 1) });
  appendFileSync(path, 'damaged\n');
  expect(follow()).toBeUndefined();
  appendFileSync(path, text.slice(text.indexOf('\n') + 1));
  expect(follow()).toEqual({ replaces: false, lines: lines.slice(1) });
  // As a stage that resumes does.
  metricsFile(folder, 10);
  expect(follow()).toEqual({ replaces: true, lines: lines.slice(0, 1) });
});
