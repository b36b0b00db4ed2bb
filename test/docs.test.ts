/**
 * @file What the documents point at is there: files, experiments, commands, and the names of what an exported model takes. The site is built,
 * its links lead somewhere, code that is marked as runnable runs, and no page scrolls sideways on a phone.
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { deadLinks } from '../scripts/docs/links.ts';
import { baselines } from '../src/agent/baselines/index.ts';
import { lossTerms } from '../src/agent/terms.ts';
import { buildProgram } from '../src/cli/program.ts';
import { environment } from '../src/envs/index.ts';
import { TRAINING_METRICS } from '../src/training/metrics.ts';
import { executablePath, launchChromium } from './helpers/chromium.ts';
import { ROOT } from './helpers/command.ts';
import { expectChromium } from './helpers/expect-chromium.ts';
import { quietPage } from './helpers/quiet-page.ts';
import { installInto, runSnippets, snippets } from './helpers/snippets.ts';

const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
const PAGES = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .map(name => join('docs', name).split(sep).join('/'))
  .filter(name => name.endsWith('.md') && !/^docs\/reference\//.test(name))
  .sort();
const DOCUMENTS = ['README.md', 'FEATURES.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...PAGES];

describe.each(DOCUMENTS)('%s', name => {
  it('links to files that exist', () => {
    const links = [...read(name).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target]) => join(dirname(name), target));
    // The reference is generated; the site that is built below checks links to it.
    const committed = links.filter(target => !target.startsWith(join('docs', 'reference')));
    expect(committed.filter(target => !existsSync(join(ROOT, target)))).toEqual([]);
  });

  it('names experiments that exist', () => {
    const named = [...read(name).matchAll(/\bexperiments\/[\w/-]+\.yaml/g)].map(([file]) => file);
    expect(named.filter(file => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

describe('the site', () => {
  const site = join(ROOT, 'site');
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  let server: Server | undefined;
  let address: string;
  let browser: Browser | undefined;

  beforeAll(async () => {
    await promisify(execFile)('npm', ['run', '--silent', 'docs'], { cwd: ROOT, maxBuffer: 2 ** 26 });
    const types: Record<string, string> = {
      html: 'text/html',
      js: 'text/javascript',
      mjs: 'text/javascript',
      css: 'text/css',
      svg: 'image/svg+xml',
      wasm: 'application/wasm',
    };
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname);
      const file = join(site, path.endsWith('/') ? `${path}index.html` : path);
      if (!file.startsWith(site) || !existsSync(file)) return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': types[file.split('.').pop()!] ?? 'application/octet-stream' }).end(readFileSync(file));
    });
    await new Promise<void>(resolve => server!.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    address = `http://127.0.0.1:${port}`;
    if (executablePath) browser = await launchChromium();
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true });
  });

  it('has every page, and no dead link', () => {
    for (const page of PAGES) expect(existsSync(join(site, page.replace(/^docs\/(.*)\.md$/, '$1.html'))), page).toBe(true);
    for (const name of ['api/index', 'settings', 'kinds', 'commands', 'results', 'errors', 'formats'])
      expect(existsSync(join(site, `reference/${name}.html`)), name).toBe(true);
    expect(deadLinks(site)).toEqual([]);
  });

  it('would not pass with a dead link', () => {
    const small = join(folder, 'site');
    mkdirSync(small);
    writeFileSync(
      join(small, 'index.html'),
      '<h1 id="top"></h1><a href="#top"></a><a href="#gone"></a><a href="/other"></a><img src="no.png">',
    );
    expect(deadLinks(small).map(line => line.split(': ')[1])).toEqual(['#gone', '/other', 'no.png']);
  });

  describe.skipIf(!executablePath)('in a browser', () => {
    it('scrolls no page sideways at 390 px', async () => {
      // Pages are laid out without scripts, too, and load faster.
      const page = await browser!.newPage({ viewport: { width: 390, height: 844 }, javaScriptEnabled: false });
      const wide: string[] = [];
      const all = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter(
        name => name.endsWith('.html') && !name.startsWith('repository'),
      );
      expect(all.length).toBeGreaterThan(PAGES.length);
      for (const name of all) {
        await page.goto(`${address}/${name.split(sep).join('/')}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        if (width > 390) wide.push(`${name}: ${width}`);
      }
      expect(wide).toEqual([]);
      await page.close();
    }, 240_000);

    it('has the playground, one click from any page, with agents that play', async () => {
      const { page, close } = await quietPage(browser!);
      await page.goto(`${address}/tutorials/first-run.html`);
      await page.getByRole('link', { name: 'Playground' }).first().click();
      await page.waitForURL(/\/playground\//);
      await page.getByRole('button', { name: 'Play', exact: true }).click();
      await page.waitForFunction(() => /episode [2-9]/.test(document.querySelector('.where')?.textContent ?? ''), undefined, {
        timeout: 60_000,
      });
      await close();
    });
  });
  expectChromium('the documentation');

  const runnable = PAGES.filter(name => snippets(read(name)).some(({ run }) => run));

  it('has code to be run in every tutorial', () => {
    expect(PAGES.filter(name => name.startsWith('docs/tutorials/') && !runnable.includes(name))).toEqual([]);
  });

  it.each(runnable)(
    '%s: what is marked as runnable runs',
    async name => {
      const at = join(folder, name.replace(/\W/g, '-'));
      mkdirSync(at);
      installInto(at, ROOT);
      await runSnippets(name, read(name), at);
    },
    240_000,
  );

  it('describes every metric that a run writes', () => {
    const stages = join(folder, 'docs-tutorials-first-run-md', 'runs/tiny/stages');
    const lines = readdirSync(stages)
      .map(stage => join(stages, stage, 'metrics.jsonl'))
      .filter(file => existsSync(file))
      .flatMap(file => readFileSync(file, 'utf8').trim().split('\n'));
    const written = new Set(lines.flatMap(line => Object.keys(JSON.parse(line))).map(name => name.replace(/\..*/, '.')));
    const described = [...Object.keys(TRAINING_METRICS), ...lossTerms.ids];
    expect(written.size).toBeGreaterThan(5);
    expect([...written].filter(name => !described.includes(name))).toEqual([]);
  });
});

it('docs/tutorials/page.md trains the agent of examples/node, which test/package.test.ts runs', () => {
  const page = snippets(read('docs/tutorials/page.md')).find(({ file }) => file === 'experiment.yaml')!;
  expect(parse(page.code)).toEqual(parse(read('examples/node/experiment.yaml')));
});

describe('docs/how-to/deploy.md', () => {
  it('has the order of the actions, and what the columns of a token are called', () => {
    const text = read('docs/how-to/deploy.md').replace(/\s+/g, ' ');
    expect(text).toContain(environment('dark-room').actionNames!.join(', '));
    for (const field of ['tokens', 'previousAction', 'previousReward', 'nextObservation']) expect(text).toContain(field);
  });
});

it('docs/concepts/evaluation.md says what every built-in method is', () => {
  const text = read('docs/concepts/evaluation.md');
  const methods = ['cad', 'cad+retrieval', 'source', 'random', 'teacher', 'consolidated', 'reinforced', ...baselines.ids];
  expect(methods.filter(method => !text.includes(`| \`${method}\``))).toEqual([]);
});

describe('README.md', () => {
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
