/** @file What the documents point at is there: files named in FEATURES.md, README.md and docs/, and no cell of a feature is empty. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environment } from '../src/envs/index.ts';
import { ROOT } from './helpers/command.ts';

const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
const DOCUMENTS = [
  'README.md',
  'FEATURES.md',
  ...readdirSync(join(ROOT, 'docs')).flatMap(name => (name.endsWith('.md') ? [join('docs', name)] : [])),
];

describe.each(DOCUMENTS)('%s', name => {
  it('links to files that exist', () => {
    const links = [...read(name).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target]) => join(dirname(name), target));
    expect(links.filter(target => !existsSync(join(ROOT, target)))).toEqual([]);
  });

  it('names experiments that exist', () => {
    const named = [...read(name).matchAll(/\bexperiments\/[\w/-]+\.yaml/g)].map(([file]) => file);
    expect(named.filter(file => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

describe('docs/deploy.md', () => {
  it('has the order of the actions, and what the columns of a token are called', () => {
    const text = read('docs/deploy.md').replace(/\s+/g, ' ');
    expect(text).toContain(environment('dark-room').actionNames!.join(', '));
    for (const field of ['tokens', 'previousAction', 'previousReward', 'nextObservation']) expect(text).toContain(field);
  });
});

describe('FEATURES.md', () => {
  const rows = read('FEATURES.md')
    .split('\n')
    .filter(line => /^\|(?! *(line|-))/.test(line))
    .map(line =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map(cell => cell.trim()),
    );

  it('has every line of the method', () => {
    const lines = '1.1 1.2 1.3 2.1 2.2 2.3 2.4 2.5 3.1 3.2 3.3 4.1 4.2 4.3 4.4 5.1 5.2 5.3 6.1 6.2 6.3 6.4 7.1 7.2'.split(' ');
    expect(rows.map(([line]) => line).filter(Boolean)).toEqual(lines);
  });

  it('leaves no cell empty of what is built, and names every feature once', () => {
    for (const [line, ...cells] of rows) {
      expect(cells, `${line} ${cells[0]}`).toHaveLength(4);
      if (cells.at(-1) !== 'not built')
        expect(
          cells.filter(cell => cell === ''),
          `${line} ${cells[0]}`,
        ).toEqual([]);
    }
    const names = rows.map(([, what]) => what);
    expect(names.filter((what, i) => names.indexOf(what) < i)).toEqual([]);
  });

  it('names sources and tests that exist', () => {
    const paths = rows.flatMap(([, , where, test]) => [...`${where} ${test}`.matchAll(/`((?:src|test)[^`]*)`/g)].map(([, path]) => path));
    // Of a pattern, the folder.
    expect(paths.filter(path => !existsSync(join(ROOT, path.replace(/\/[^/]*\*.*$/, ''))))).toEqual([]);
  });
});
