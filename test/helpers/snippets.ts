/** @file Code of a Markdown page that is meant to be run: fences marked `run`, and files that they need, marked `file=NAME`. For tests. */

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Snippet {
  readonly language: string;
  /** Line of the page on which it begins, from 1. */
  readonly line: number;
  readonly code: string;
  /** Where it is written. */
  readonly file?: string;
  readonly run: boolean;
}

/** The fences of a page that are marked, in order. */
export function snippets(markdown: string): Snippet[] {
  const lines = markdown.split('\n');
  const found: Snippet[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [, indent, info] = /^(\s*)```(\S.*)$/.exec(lines[i]) ?? [];
    if (info === undefined) continue;
    const end = lines.indexOf(`${indent}\`\`\``, i + 1);
    const [language, ...marks] = info.split(/\s+/);
    const file = marks.find(mark => mark.startsWith('file='))?.slice('file='.length);
    if (file || marks.includes('run'))
      found.push({ language, line: i + 1, code: `${lines.slice(i + 1, end).join('\n')}\n`, file, run: marks.includes('run') });
    i = end;
  }
  return found;
}

/** A folder in which packages of the checkout, and the checkout itself as `cadenza`, are installed as npm would. */
export function installInto(folder: string, root: string): void {
  const bin = join(folder, 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')))
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  for (const name of readdirSync(join(root, 'node_modules', '.bin')))
    symlinkSync(join(root, 'node_modules', '.bin', name), join(bin, name));
  symlinkSync(root, join(folder, 'node_modules', 'cadenza'));
  symlinkSync(join(root, 'bin', 'cadenza.mjs'), join(bin, 'cadenza'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
}

/** Writes and runs the snippets of a page one after the other in `folder`; a failure names the line, with what it printed. */
export async function runSnippets(page: string, markdown: string, folder: string): Promise<void> {
  for (const { language, line, code, file, run: runs } of snippets(markdown)) {
    if (file) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), code);
    }
    if (!runs) continue;
    const command = language === 'sh' ? ['sh', '-e', '-c', code] : ['node', '--input-type=module', '-e', code];
    try {
      await run(command[0], command.slice(1), { cwd: folder, maxBuffer: 2 ** 26 });
    } catch (error) {
      const { message, stderr } = error as Error & { stderr?: string };
      throw new Error(`${page}:${line}: ${message}\n${stderr ?? ''}`);
    }
  }
}
