/** @file Markdown wraps, and phrases that readers had to read twice do not come back. Prints each place with what to write in its stead. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './helpers/command.ts';

/** Folders of installed, generated or recorded files. */
const SKIPPED = /^(node_modules|dist|runs|results|site|coverage|docs\/reference)$|(^|\/)(\.git|\.vitepress|node_modules|runs)$/;

function filesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap(entry => {
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    if (SKIPPED.test(path)) return [];
    if (entry.isDirectory()) return filesOf(path);
    return entry.isFile() ? [path] : [];
  });
}

const FILES = filesOf('').sort();

/** Longest line of text and of a table, in characters. */
const WIDTHS = { text: 100, table: 120 };

/** A line that cannot be broken: a link or an image by itself, or one word such as an address. */
const UNBREAKABLE = /^\s*([-*]\s+)?(!?\[[^\]]*\]\([^)\s]*\)[.,;:]?|\S+)$/;

describe('Markdown', () => {
  it.each(FILES.filter(file => file.endsWith('.md')))('%s wraps', file => {
    const long = readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .flatMap((line, i) => {
        const { length } = [...line];
        const most = line.trimStart().startsWith('|') ? WIDTHS.table : WIDTHS.text;
        return length > most && !UNBREAKABLE.test(line) ? [`${file}:${i + 1}: ${length} characters; at most ${most}`] : [];
      });
    expect(long).toEqual([]);
  });
});

/** What not to write, and what to write. A space stands for any white space, also across lines of a comment. */
const PHRASES: readonly (readonly [not: RegExp, but: string])[] = [
  [/\bbeside\b/, 'next to, in addition to, or versus'],
  [/\banew\b/, 'again'],
  [/\bdear\b/, 'expensive'],
  [/\btold\b/, 'given, set, or distinguished'],
  [/\bwhoever\b/, 'if you'],
  [/(?<!-)\blived\b/, 'observed, or the verb of what was done'],
  [/\bheld against\b/, 'compared with'],
  [/\bwhat is kept\b/, 'a noun'],
  [/\bof one training seed\b/, 'one training seed'],
  [/\b(foretell(s|ing)?|foretold|foresees?|foreseen|foresaw)\b/, 'predict'],
  [/\b(look(s|ed|ing)? on|lookOn|look-on)\b/, 'observe, or replay'],
  [/\bwhat of the training matters\b/, '“Training ablations”'],
  [/\bnames? (a|the) goal never trained on\b/, 'decodes unseen goals'],
  [/\b(made|done) at once, each in a process of its own\b|\bin processes of their own\b/, 'run in parallel processes'],
  [/\bstored contexts nearest to the one after\b/, 'find the stored contexts nearest to a given one'],
  [/\bof those that were shown\b/, '“Probability that …”'],
  [/, came (?=[\d"`$])/, '“x is 25, but … has at most 20. Lower it.”'],
  [/\bof (which|whose [\w ]+) every\b/, 'every n-th …'],
  [/\bwho needs that\b/, 'if you need that'],
  [/\bevery other row\b/, '“each baseline”'],
  [/\b(memoryless|optimiser)\b/, 'stateOnly, optimizer'],
];

/** Parts of the repository whose prose is for users. The log is as it was written. */
const PROSE = /^(src|docs|examples|experiments|templates)\/.*\.(ts|mjs|js|py|md|yaml|yml|html|json)$|^[A-Z]+\.md$/;
const EXEMPT = /^docs\/LOG\.md$|\.test\.(ts|mjs)$/;

it('no phrase of the list of words to replace is left', () => {
  const found = FILES.filter(file => PROSE.test(file) && !EXEMPT.test(file)).flatMap(file => {
    // The former name of a setting stays, so that its error can name the new one.
    const text = readFileSync(join(ROOT, file), 'utf8').replace(/formerly: '\w+'/g, '');
    return PHRASES.flatMap(([not, but]) => {
      const pattern = new RegExp(not.source.replaceAll(' ', '[\\s*/]+'), 'gi');
      return Array.from(text.matchAll(pattern), ({ 0: phrase, index }) => {
        const line = text.slice(0, index).split('\n').length;
        return `${file}:${line}: “${phrase.replace(/[\s*/]+/g, ' ')}”; write ${but}`;
      });
    });
  });
  const files = new Set(found.map(line => line.slice(0, line.indexOf(':'))));
  expect(found, `${found.length} phrases in ${files.size} files`).toEqual([]);
});
