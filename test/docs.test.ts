/** @file What the documents point at is there: files, experiments, commands, and the names of what an exported model takes. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { baselines } from '../src/agent/baselines/index.ts';
import { buildProgram } from '../src/cli/program.ts';
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

describe('README.md', () => {
  it('says what every built-in row is', () => {
    // The first cells of tables.
    const said = read('README.md').matchAll(/^\| (.+?) \|/gm);
    const table = Array.from(said, ([, cell]) => cell).join();
    const rows = ['cad', 'cad+retrieval', 'source', 'random', 'teacher', 'consolidated', 'reinforced', ...baselines.ids];
    expect(rows.filter(row => !table.includes(`\`${row}\``))).toEqual([]);
  });

  it('names commands that exist, with options that they have', () => {
    const unknown = [...read('README.md').matchAll(/\bnpx cadenza [^\n`#]+/g)].flatMap(([line]) => {
      let command: Command | undefined = buildProgram();
      const words = line.trim().split(/\s+/).slice(2);
      while (command && command.commands.length > 0) {
        const name = words.shift();
        command = command.commands.find(each => each.name() === name);
      }
      const options = words.filter(word => word.startsWith('--') && word !== '--help');
      return command && options.every(option => command.options.some(({ long }) => long === option)) ? [] : [line];
    });
    expect(unknown).toEqual([]);
  });
});
