import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failure, type Needle } from '../../test/helpers/failure.ts';
import { readRecord } from './records.ts';

const FORMAT = {
  what: 'a budget',
  schema: z.strictObject({ steps: z.int().min(1), rates: z.array(z.number()), extra: z.json().optional() }),
  code: 'E_CHECKPOINT',
  advice: 'Run again.',
} as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-records-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (content: string | Uint8Array) => {
  const path = join(folder, 'budget.json');
  writeFileSync(path, content);
  return () => readRecord(path, FORMAT);
};

describe('readRecord', () => {
  test('gives what fits the schema', () => {
    expect(read('{"steps": 3, "rates": [0.5]}')()).toEqual({ steps: 3, rates: [0.5] });
  });

  test('names the field and says what to do', () => {
    const refusal = (...needles: Needle[]) => failure('E_CHECKPOINT', 'budget.json', ...needles);
    expect(read('{"steps": 0, "rates": []}')).toThrow(refusal('steps'));
    expect(read('{"steps": 1, "rates": [1e999]}')).toThrow(refusal('rates.0'));
    expect(read('[]')).toThrow(refusal());
    expect(read('{"steps": 1')).toThrow(refusal());
  });

  test('names the version of a file that another one wrote, and nothing else', () => {
    const format = { ...FORMAT, schema: z.strictObject({ format: z.literal('budget-2'), steps: z.int() }) };
    const path = join(folder, 'budget.json');
    writeFileSync(path, '{"format": "budget-1", "count": 3}');
    expect(() => readRecord(path, format)).toThrow(failure('E_CHECKPOINT', 'budget.json', 'budget-1', /^(?!.*(steps|count))/));
  });

  test('refuses bytes that are not UTF-8', () => {
    expect(read(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(failure('E_CHECKPOINT', 'budget.json', 'UTF-8'));
  });

  test('lists a few problems and counts the others', () => {
    expect(read(`{"steps": 1, "rates": [${new Array(50).fill('""').join(',')}]}`)).toThrow(failure('E_CHECKPOINT', 'rates.0', 45));
  });

  test('survives what is nested beyond the stack', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(read(`{"steps": 1, "rates": [], "extra": ${deep}}`)).toThrow(failure('E_CHECKPOINT', 'budget.json'));
  });
});
