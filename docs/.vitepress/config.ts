/** @file The documentation site: its sections, and links from pages to files of the repository, which are copied next to the pages. */

import { cpSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type MarkdownRenderer } from 'vitepress';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = join(ROOT, 'docs');

/** Folder of the site with the files of the repository that pages link to. */
const REPOSITORY = 'repository';

/** Files that some page links to, by their paths from the root of the repository. */
const linked = new Set<string>();

/** Folder of the site with the playground, which is built before the site. The view of runs needs a server, so it is left out. */
const PLAYGROUND = 'playground';
const LEFT_OUT = /^(\.built|watch\.html|assets.watch-.*)$/;

export default defineConfig({
  title: 'cadenza',
  description: 'In-context reinforcement learning with the history carried as a few latents',
  lang: 'en-US',
  outDir: join(ROOT, 'site'),
  cacheDir: join(ROOT, 'node_modules', '.cache', 'vitepress'),
  metaChunk: true,
  // Blocks without a language (formulas) and long names must not grow beyond a phone.
  head: [
    ['link', { rel: 'icon', href: 'data:,' }],
    [
      'style',
      {},
      `.vp-doc pre { overflow-x: auto }
.vp-doc [class*='language-'] code { font-size: 13px }
.vp-doc :not(pre, td) > code { overflow-wrap: anywhere }
.vp-doc td { font-variant-numeric: tabular-nums }
/* Diagrams keep a legible size and scroll, as tables do. */
.vp-doc p:has(> img:only-child) { overflow-x: auto }
.vp-doc p > img:only-child { min-width: 640px }`,
    ],
  ],
  markdown: { config: linkToFiles, lineNumbers: false },
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  buildEnd({ outDir }) {
    for (const file of linked) {
      const target = join(outDir, REPOSITORY, file);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(ROOT, file), target);
    }
    const from = join(ROOT, 'dist', 'web');
    cpSync(from, join(outDir, PLAYGROUND), { recursive: true, filter: source => !LEFT_OUT.test(relative(from, source)) });
  },
  themeConfig: {
    search: {
      provider: 'local',
      // The log is long, and answers few questions of a reader.
      options: { _render: (source, env, md) => (env.relativePath === 'LOG.md' ? '' : md.render(source, env)) },
    },
    outline: [2, 3],
    nav: [
      // Leaves the link to the browser: it is no page.
      { text: 'Playground', link: `/${PLAYGROUND}/index.html`, target: '_self' },
      { text: 'Tutorials', link: '/tutorials/first-run' },
      { text: 'How-to', link: '/how-to/experiments' },
      { text: 'Concepts', link: '/concepts/method' },
      { text: 'Reference', link: '/reference/settings' },
    ],
    sidebar: [
      section('Tutorials', 'tutorials', {
        'first-run': 'Your first run',
        environment: 'An environment of your own',
        compressor: 'A compressor of your own',
        paper: 'From result to paper',
        page: 'An agent in a web page',
      }),
      section('How-to', 'how-to', {
        experiments: 'Write an experiment file',
        sweeps: 'Sweep settings',
        resume: 'Stop and resume',
        parallel: 'Run in parallel',
        metrics: 'Plot training metrics',
        datasets: 'Import and export data sets',
        store: 'Store and look up contexts',
        gymnasium: 'Use Gymnasium environments',
        draw: 'Draw an episode',
        playground: 'Watch an agent learn',
        watch: 'Watch runs train',
        deploy: 'Deploy a trained agent',
      }),
      section('Concepts', 'concepts', {
        method: 'The method',
        training: 'Losses and training stages',
        evaluation: 'Evaluation and its traps',
        compression: 'Compression and rate–return',
        glossary: 'Glossary',
      }),
      section('Reference', 'reference', {
        'api/index': 'API',
        settings: 'Settings',
        kinds: 'Kinds',
        commands: 'Command line',
        results: 'Metrics and result fields',
        errors: 'Error codes',
        formats: 'File formats',
      }),
      section('Architecture', '', {
        architecture: 'Rooms and records',
        engine: 'The engine',
        audit: 'Audit of the method',
        'adr/0001-engine': 'Decision: the engine',
        'adr/0002-rooms-and-records': 'Decision: rooms and records',
        'adr/0003-references': 'Decision: references',
        'adr/0004-gymnasium': 'Decision: Gymnasium',
      }),
      section('Project', '', {
        terminal: 'What the terminal shows',
        evidence: 'Benchmarks and evidence',
        LOG: 'Log of experiments',
        faq: 'FAQ',
        changelog: 'Changelog',
        contributing: 'Contributing',
      }),
    ],
  },
});

function section(text: string, folder: string, pages: Readonly<Record<string, string>>) {
  const items = Object.entries(pages).map(([name, title]) => ({ text: title, link: `/${folder ? `${folder}/` : ''}${name}` }));
  return { text, collapsed: false, items };
}

/**
 * Has links to files that are no pages lead to copies of them; a file that is not there ends the build. What a page includes from the root
 * of the repository links as seen from there.
 */
function linkToFiles(md: MarkdownRenderer): void {
  md.core.ruler.push('link-to-files', state => {
    const page: string = state.env.realPath ?? state.env.path;
    for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== 'link_open') continue;
      const href = token.attrGet('href') ?? '';
      if (/^([a-z]+:|#|\/)/i.test(href)) continue;
      const path = decodeURI(href.replace(/[?#].*$/, ''));
      const own = resolve(dirname(page), path);
      const target = existsSync(own) || !existsSync(resolve(ROOT, path)) ? own : resolve(ROOT, path);
      const inPages = relative(PAGES, target).split(sep)[0];
      const isPage = target.endsWith('.md') && inPages !== '..';
      if (isPage) {
        token.attrSet('href', href.replace(path, `/${relative(PAGES, target).split(sep).join('/')}`));
        continue;
      }
      // A folder stands for its description.
      const file = existsSync(target) && statSync(target).isDirectory() ? join(target, 'README.md') : target;
      const name = relative(ROOT, file).split(sep).join('/');
      if (!existsSync(file)) throw new Error(`${relative(ROOT, page)} links to ${href}, but there is no file ${name}. Correct the link.`);
      linked.add(name);
      token.attrSet('href', `/${REPOSITORY}/${name}`);
      // Leaves the link to the browser: it is no page.
      token.attrSet('target', '_self');
    }
  });
}
