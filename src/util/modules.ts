/**
 * @file User modules in TypeScript or JavaScript: each is bundled with what it imports from its own folder, hashed as that bundle, and run.
 * In it, `cadenza` means the running package, wherever the file is. Node only.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';
import { CadenzaError } from './errors.ts';
import { expandHome, sha256 } from './files.ts';
import { nearest } from './nearest.ts';
import { type Origin, registeredBy } from './registry.ts';

/** The package's folder, two levels up in both `src` and `dist`. */
const ROOT = new URL('../../', import.meta.url);

/** Modules that this process imported, by file. A module runs once. */
const imported = new Map<string, Origin>();

/** The modules that this process imported, in order. */
export const importedModules = (): readonly Origin[] => [...imported.values()];

/**
 * Imports modules that register your own environments, compressors and other kinds. Modules run in order, each once.
 *
 * @param files paths of TypeScript or JavaScript modules, relative to the working directory.
 * @throws {CadenzaError} `E_CONFIG`, naming the file, if a module cannot be read, compiled or run, or registers an invalid kind.
 * @example await importModules(['./my-grid.ts'])
 */
export function importModules(files: readonly string[]): Promise<Origin[]> {
  // One call at a time: whatever is registered belongs to the module being loaded.
  const next = last.then(() => importInOrder(files));
  last = next.catch(() => {});
  return next;
}

let last: Promise<unknown> = Promise.resolve();

async function importInOrder(files: readonly string[]): Promise<Origin[]> {
  const origins: Origin[] = [];
  for (const file of files) {
    const path = resolve(expandHome(file));
    if (!imported.has(path)) imported.set(path, await importModule(path));
    origins.push(imported.get(path)!);
  }
  return origins;
}

async function importModule(file: string): Promise<Origin> {
  const refuse = (what: string, cause?: unknown) => new CadenzaError('E_CONFIG', `${file}: ${what}`, { cause });
  if (!existsSync(file))
    throw refuse('there is no such module. Expected the path of a TypeScript or JavaScript file after --import or in imports.');
  const { code, portable } = await bundle(file, refuse);
  const origin = { file, sha256: sha256(portable) };
  const folder = mkdtempSync(join(tmpdir(), 'cadenza-'));
  const path = join(folder, 'module.mjs');
  try {
    writeFileSync(path, code);
    await registeredBy(origin, () => import(pathToFileURL(path).href));
  } catch (error) {
    if (error instanceof CadenzaError) throw new CadenzaError(error.code, `${file}: ${error.message}`, { cause: error });
    throw refuse(`it threw while loading: ${(error as Error)?.message ?? error}. Fix it, and run the command again.`, error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return origin;
}

/**
 * The module with what it imports from its own folder, as JavaScript without comments. `code` refers to other packages by the URLs of their
 * files, `portable` by their names, which makes it the same on all machines.
 */
async function bundle(file: string, refuse: (what: string) => CadenzaError): Promise<{ code: string; portable: string }> {
  const urls = new Map<string, string>();
  // Loaded lazily: most commands import no modules.
  const { build } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [file],
      absWorkingDir: dirname(file),
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'silent',
      legalComments: 'none',
      plugins: [packages(urls)],
    });
    // esbuild writes file locations as comments.
    const code = outputFiles[0].text.replace(/^\/\/ .*\n/gm, '');
    return { code, portable: [...urls].reduce((text, [url, name]) => text.replaceAll(JSON.stringify(url), JSON.stringify(name)), code) };
  } catch (error) {
    const { errors } = error as { errors?: { text: string; location?: { file: string; line: number; column: number } | null }[] };
    if (!errors) throw error;
    const at = (where: { file: string; line: number; column: number } | null | undefined) =>
      where ? `${where.file}:${where.line}:${where.column + 1}: ` : '';
    throw refuse(`it cannot be compiled: ${errors.map(({ text, location }) => at(location) + text).join('; ')}.`);
  }
}

/** Marks the plugin's own resolve requests. */
const ASKED = Symbol('asked');

/**
 * Packages stay outside the bundle: `cadenza` is the running package, others are resolved from the importing file. Records their URLs by
 * name.
 */
const packages = (urls: Map<string, string>): Plugin => ({
  name: 'packages',
  setup(build) {
    const outside = (url: string, path: string) => {
      urls.set(url, path);
      return { path: url, external: true };
    };
    build.onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind === 'entry-point' || pluginData === ASKED) return undefined;
      if (isBuiltin(path)) return { path, external: true };
      const own = ownExport(path);
      if (own) return outside(own, path);
      const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: ASKED });
      if (found.errors.length === 0) return outside(pathToFileURL(found.path).href, path);
      return { errors: [{ text: missing(path) }] };
    });
  },
});

/** What to do about a specifier that leads to no file. */
function missing(specifier: string): string {
  const { name, exports } = packageJson();
  const parts = specifier.split('/');
  const owner = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  if (owner !== 'cadenza' && owner !== name) return `"${specifier}" is not installed here; install it (npm install ${owner})`;
  const known = Object.keys(exports).map(entry => `${owner}${entry.slice(1)}`);
  return `there is no "${specifier}"; the nearest is "${nearest(specifier, known)}". Import one of: ${known.join(', ')}`;
}

/** The file of the running package that `cadenza` or `cadenza/…` refers to; undefined for other packages. */
function ownExport(specifier: string): string | undefined {
  const { name, exports } = packageJson();
  const [own] = ['cadenza', name].filter(each => specifier === each || specifier.startsWith(`${each}/`));
  if (!own) return undefined;
  const target = exports[`.${specifier.slice(own.length)}`];
  const file = typeof target === 'string' ? target : target?.default;
  if (!file) return undefined;
  // When running from source there is nothing compiled.
  const url = new URL(file, ROOT).href;
  return extname(import.meta.url) === '.ts' ? url.replace('/dist/', '/src/').replace(/\.js$/, '.ts') : url;
}

const packageJson = (): { name: string; exports: Record<string, string | { default: string }> } =>
  JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));
