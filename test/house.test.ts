/** @file The rules of the house: which room may import which, no cycles, browser-safe rooms, short files. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MAX_LINES = 500;

/** The rooms in the order in which they may import each other: each may import those above it that are not closed to it. `cli` is the last. */
const ORDER = [
  'util',
  'engine',
  'nn',
  'optim',
  'rl',
  'envs',
  'sources',
  'data',
  'tokenizers',
  'compressor',
  'policy',
  'supervised',
  'distributed',
  'statistics',
  'play',
  'records',
  'settings',
  'cache',
  'histories',
  'agent',
  'retrieval',
  'training',
  'config',
  'analysis',
  'pipeline',
  'reports',
  'server',
  'testing',
  // The root of the package.
  'index.ts',
  'cli',
];

/** Rooms that are to be used without the others import no more than these, and `util`. */
const NARROW: Record<string, readonly string[]> = {
  engine: [],
  rl: [],
  distributed: [],
  supervised: [],
  nn: ['engine'],
  optim: ['engine'],
  envs: ['rl'],
  data: ['rl'],
  tokenizers: ['engine', 'nn', 'data', 'rl'],
  sources: ['engine', 'nn', 'optim', 'rl'],
  compressor: ['engine', 'nn', 'tokenizers', 'rl'],
  policy: ['engine', 'nn', 'tokenizers', 'rl'],
  statistics: ['rl'],
  play: ['rl', 'statistics'],
  records: ['rl', 'statistics', 'play'],
  reports: ['data', 'statistics', 'play', 'records', 'settings', 'config'],
};

const mayImport = (room: string, other: string) =>
  other === room || other === 'util' || (NARROW[room]?.includes(other) ?? ORDER.indexOf(other) < ORDER.indexOf(room));

/** Most of the lines of `src` that one room may have. */
const LARGEST_ROOM = 0.2;

/** Rooms that a browser must run, and the files in them that it must not load. */
const BROWSER_ROOMS = [
  'engine',
  'nn',
  'optim',
  'rl',
  'envs',
  'sources',
  'tokenizers',
  'compressor',
  'policy',
  'statistics',
  'play',
  'records',
  'supervised',
];
const NODE_FILES = ['src/engine/executors/node.ts', 'src/engine/executors/registry.ts', 'src/policy/open.ts'];
const NODE_PACKAGES = ['onnxruntime-node', 'commander', 'apache-arrow', 'h5wasm'];

interface Import {
  specifier: string;
  /** Erased by the compiler. */
  typeOnly: boolean;
  /** `import()`: loaded only when it is reached. */
  dynamic: boolean;
  /** Path from the root of the repository, for relative imports. */
  target?: string;
}

const files = (folder: string): string[] =>
  existsSync(join(ROOT, folder))
    ? readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter(name => /\.(ts|tsx|mjs)$/.test(name) && !name.includes('node_modules'))
        .map(name => join(folder, name).split(sep).join('/'))
        .sort()
    : [];

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean, dynamic: boolean) => {
    if (!node || !ts.isStringLiteralLike(node)) return;
    const target = node.text.startsWith('.')
      ? relative(ROOT, resolve(ROOT, dirname(file), node.text))
          .split(sep)
          .join('/')
      : undefined;
    found.push({ specifier: node.text, typeOnly, dynamic, target });
  };
  const walk = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword, false);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly, false);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true, false);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], false, true);
    ts.forEachChild(node, walk);
  };
  walk(ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest));
  return found;
}

const sources = files('src').filter(file => !file.endsWith('.test.ts'));
const imports = new Map(sources.map(file => [file, importsOf(file)]));
const roomOf = (file: string) => file.split('/')[1];
const linesOf = (file: string) => readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n').length;
const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

describe('the house', () => {
  it('has files, each in a room', () => {
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter(file => !ORDER.includes(roomOf(file)))).toEqual([]);
  });

  it('imports one way', () => {
    const broken: string[] = [];
    for (const [file, list] of imports)
      for (const { target } of list)
        if (target && !(target.startsWith('src/') && mayImport(roomOf(file), roomOf(target)))) broken.push(`${file} imports ${target}`);
    expect(broken).toEqual([]);
  });

  it('has no room that is too large', () => {
    const lines = new Map<string, number>();
    for (const file of sources) lines.set(roomOf(file), (lines.get(roomOf(file)) ?? 0) + linesOf(file));
    const all = [...lines.values()].reduce((a, b) => a + b, 0);
    expect([...lines].filter(([, count]) => count > LARGEST_ROOM * all)).toEqual([]);
  });

  it('imports files that exist, by their whole name', () => {
    const broken = [...imports].flatMap(([file, list]) =>
      list
        .filter(({ target }) => target && !(target.endsWith('.ts') && imports.has(target)))
        .map(({ specifier }) => `${file}: ${specifier}`),
    );
    expect(broken).toEqual([]);
  });

  it('runs only packages that package.json lists as dependencies', () => {
    const { dependencies, peerDependencies, imports: aliases } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const packages = (specifier: string) => (aliases[specifier] ? Object.values<string>(aliases[specifier]) : [specifier]).map(packageOf);
    const listed = (name: string) => name in dependencies || name in peerDependencies || name === 'onnxruntime-common'; // types alone
    const broken = [...imports].flatMap(([file, list]) =>
      list
        .filter(
          ({ specifier, target, typeOnly }) => !target && !typeOnly && !specifier.startsWith('node:') && !packages(specifier).every(listed),
        )
        .map(({ specifier }) => `${file}: ${specifier}`),
    );
    expect(broken).toEqual([]);
  });

  it('has no import cycle', () => {
    expect(findCycles(file => imports.get(file) ?? [])).toEqual([]);
  });

  it('loads little before it knows the command', () => {
    const loaded = new Set<string>();
    const load = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const { target, typeOnly, dynamic } of imports.get(file) ?? []) if (target && !typeOnly && !dynamic) load(target);
    };
    load('src/cli/main.ts');
    const light = ['src/training/stages/names.ts', 'src/data/retrieval.ts'];
    expect([...loaded].filter(file => !['cli', 'util'].includes(roomOf(file)) && !light.includes(file))).toEqual([]);
    expect(loaded.has('src/util/config.ts')).toBe(false);
  });

  it('loads nothing of Node in the rooms that a browser runs', () => {
    const broken: string[] = [];
    for (const room of BROWSER_ROOMS) {
      for (const file of sources) if (roomOf(file) === room && !NODE_FILES.includes(file)) broken.push(...nodeOnly(file));
    }
    expect(broken).toEqual([]);
  });

  it('loads nothing of Node in what the pages load', () => {
    const loaded = files('web/src').flatMap(file =>
      importsOf(file).flatMap(({ target, typeOnly }) => (target?.startsWith('src/') && !typeOnly ? [target] : [])),
    );
    expect(loaded).toContain('src/training/step.ts');
    expect([...new Set(loaded)].flatMap(nodeOnly)).toEqual([]);
  });

  it(`keeps every file within ${MAX_LINES} lines`, () => {
    const long = ['src', 'test', 'bench', 'scripts', 'web/src']
      .flatMap(files)
      .map(file => ({ file, lines: linesOf(file) }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });

  // The log names files that are gone, a tutorial those that it has its reader write, and the reference is generated.
  const pages = ['docs', 'docs/adr', 'docs/concepts', 'docs/how-to'].flatMap(folder =>
    readdirSync(join(ROOT, folder)).flatMap(name => (name.endsWith('.md') && name !== 'LOG.md' ? [`${folder}/${name}`] : [])),
  );
  const documents = ['FEATURES.md', 'README.md', 'CONTRIBUTING.md', ...pages];
  it.each(documents)('%s names files that exist', document => {
    const named = readFileSync(join(ROOT, document), 'utf8').matchAll(
      /(?<![\w/.-])((?:src|test|bench|docs|experiments|scripts|examples)\/[\w./{},-]+)/g,
    );
    const missing = Array.from(named, ([, path]) => path.replace(/[.,-]+$/, ''))
      .flatMap(expand)
      .filter(path => !existsSync(join(ROOT, path)));
    expect(missing).toEqual([]);
  });

  it('says in every source file why it exists', () => {
    // Index files only re-export.
    const silent = sources.filter(
      file => !file.endsWith('/index.ts') && !readFileSync(join(ROOT, file), 'utf8').slice(0, 200).includes('@file'),
    );
    expect(silent).toEqual([]);
  });
});

/** `a/{b,c}.ts` as a shell has it. */
function expand(path: string): string[] {
  const [whole, before, names, after] = /^(.*?)\{([^{}]*)\}(.*)$/.exec(path) ?? [];
  return whole === undefined ? [path] : names.split(',').flatMap(name => expand(`${before}${name}${after}`));
}

/** Every way from `start`, through imports that run when it is loaded, to something that only Node has. */
function nodeOnly(start: string): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  const visit = (file: string, trail: string[]): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { specifier, target, typeOnly, dynamic } of imports.get(file) ?? []) {
      if (typeOnly || (dynamic && target)) continue;
      if (target) visit(target, [...trail, target]);
      else if (specifier.startsWith('node:') || NODE_PACKAGES.includes(packageOf(specifier))) found.push([...trail, specifier].join(' → '));
    }
  };
  visit(start, [start]);
  return found;
}

/** Each cycle of the graph once, as a chain of files. */
function findCycles(edges: (file: string) => Import[]): string[] {
  const cycles: string[] = [];
  const state = new Map<string, 'open' | 'closed'>();
  const trail: string[] = [];
  const visit = (file: string): void => {
    state.set(file, 'open');
    trail.push(file);
    for (const { target } of edges(file)) {
      if (!target) continue;
      if (state.get(target) === 'open') cycles.push([...trail.slice(trail.indexOf(target)), target].join(' → '));
      else if (!state.has(target)) visit(target);
    }
    trail.pop();
    state.set(file, 'closed');
  };
  for (const file of sources) if (!state.has(file)) visit(file);
  return cycles;
}

/** Commands of LaTeX and mathematics between dollars. */
const LATEX = /\\[A-Za-z]{2,}|\$[^$]+\$/;

/** What the strings and templates of a file say; values in templates are left out. */
function textsOf(file: string): string[] {
  const found: string[] = [];
  const walk = (node: ts.Node): void => {
    const raw = ts.isTaggedTemplateExpression(node.parent ?? node) ? 'rawText' : 'text';
    const say = (...parts: readonly ts.TemplateLiteralLikeNode[]) => found.push(parts.map(part => part[raw]).join(''));
    if (ts.isTemplateExpression(node)) say(node.head, ...node.templateSpans.map(({ literal }) => literal));
    else if (ts.isNoSubstitutionTemplateLiteral(node)) say(node);
    else if (ts.isStringLiteral(node)) found.push(node.text);
    ts.forEachChild(node, walk);
  };
  walk(ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true));
  return found;
}

describe('LaTeX', () => {
  it('stands in the room of papers alone', () => {
    const written = (file: string) => textsOf(file).filter(text => LATEX.test(text));
    const elsewhere = sources.filter(file => !file.startsWith('src/reports/paper/'));
    expect(elsewhere.flatMap(file => written(file).map(text => `${file}: ${text}`))).toEqual([]);
    expect(written('src/reports/paper/prose.ts').length).toBeGreaterThan(10);
  });
});

describe('what reaches a terminal', () => {
  // Elsewhere, text from data would not go through `printable`.
  const WRITERS = ['src/cli/failure.ts', 'src/cli/main.ts', 'src/cli/options.ts', 'src/cli/signals.ts'];

  it('is written in few places', () => {
    const writes = files('src').filter(
      file => !/\.test\.ts$/.test(file) && /process\.std(out|err)\.write|console\./.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(writes.filter(file => !WRITERS.includes(file))).toEqual([]);
  });
});
