/** @file Settings by a name that they had before: wherever settings are given, the error has the new one. */

import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { experimentSchema } from '../src/config/experiment.ts';
import { spaceSchema } from '../src/config/space.ts';
import { ablationSchema } from '../src/pipeline/ablate.ts';
import { configJsonSchema, type JsonSchema, loadConfig } from '../src/util/config.ts';
import { CadenzaError } from '../src/util/errors.ts';
import { failure } from './helpers/failure.ts';

/** Settings that had another name, with that one. */
function renamed({ properties = {} }: JsonSchema, path: string[] = []): [string, string][] {
  return Object.entries(properties).flatMap(([key, child]) => [
    ...(child.formerly ? [[[...path, child.formerly].join('.'), [...path, key].join('.')] as [string, string]] : []),
    ...renamed(child, [...path, key]),
  ]);
}

const NAMES = renamed(configJsonSchema(experimentSchema()));

/** What is said of a key. */
function said(schema: z.ZodType, key: string, text: string): string {
  try {
    loadConfig(schema, { file: 'e.yaml', text });
  } catch (error) {
    if (error instanceof CadenzaError) return error.message.slice(error.message.indexOf(`${key}: `)).split('\n')[0];
  }
  return '';
}

describe('settings that were renamed', () => {
  it('are settings and sections', () => {
    expect(NAMES).toContainEqual(['finetune.lambdaCap', 'finetune.capacityWeight']);
    expect(NAMES).toContainEqual(['optimiser', 'optimizer']);
  });

  it.each(NAMES)('%s is %s', (old, name) => {
    const nested = old.split('.').reduceRight((value, key) => `{${key}: ${value}}`, '1');
    const load = (text: string, overrides: string[] = []) => loadConfig(experimentSchema(), { file: 'e.yaml', text, overrides });
    expect(() => load(`${nested.slice(1, -1)}\nname: a`)).toThrow(failure('E_CONFIG', 'e.yaml:1:', `${old}: `, `"${name}"`));
    expect(() => load('name: a', [`${old}=1`])).toThrow(failure('E_CONFIG', `--set ${old}=1`, `"${name}"`));
    // The same words, so no suggestion by spelling.
    const hint = (path: string) =>
      said(experimentSchema(), old, `name: a\n${nested.slice(1, -1)}`).replace(`"${name}"`, `"${path}${name}"`);
    const axes = (settings: string) => `name: a\nbase: b\naxes: [{ name: x, values: { y: ${settings} } }]`;
    expect(said(experimentSchema(), old, `name: a\ntables: [{ name: b, set: ${nested} }]`)).toBe(hint('tables.0.set.'));
    expect(said(ablationSchema(), old, axes(nested))).toBe(hint('axes.0.values.y.'));
    expect(said(ablationSchema(), old, `${axes('{}')}\nset: ${nested}`)).toBe(hint('set.'));
    // A space has settings, not sections.
    const [rest] = old.includes('.') ? [''] : Object.keys(configJsonSchema(experimentSchema()).properties![name].properties!);
    const key = [old, rest].filter(Boolean).join('.');
    const setting = [name, rest].filter(Boolean).join('.');
    expect(said(spaceSchema(), key, `${key}: { values: [1] }`)).toBe(hint('').replace(old, key).replace(`"${name}"`, `"${setting}"`));
  });
});
