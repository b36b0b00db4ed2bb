/**
 * @file Reads a YAML configuration with its base files and command-line overrides, and checks it against a zod schema once, at the edge of
 * the program. All problems are reported in one `E_CONFIG` error that points at the line and column, or the override, that caused each.
 * Node only.
 */

import { Document, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, Scalar, visit } from 'yaml';
import { z } from 'zod';
import { isMap as isPlainMap } from './canonical.ts';
import { attempt, CadenzaError } from './errors.ts';
import { readText, STDIN } from './files.ts';
import { layOver } from './layers.ts';
import { nearest } from './nearest.ts';
import { type JsonSchema, settingAt, suggestKey } from './suggest.ts';
import { printable } from './text.ts';

export type { JsonSchema };

type Path = readonly (string | number)[];

/** A configuration file and its text. */
export interface ConfigText {
  readonly file: string;
  readonly text: string;
}

/** Where a configuration comes from. */
export interface ConfigInput {
  /** Path of the YAML file, or `-` for standard input. Errors name it even when `text` is given. */
  file: string;
  /** The file's text, if it has already been read. */
  text?: string;
  /** Base files, the nearest first: the file's keys override theirs. Their `name` is not inherited. */
  bases?: readonly ConfigText[];
  /**
   * `a.b=value` texts, applied in order. The value of a text setting is taken literally unless quoted; other values are YAML (`3e-4`, `[1,
   * 2]`, `true`). `null` resets a setting to its default.
   */
  overrides?: readonly string[];
}

interface Override {
  text: string;
  path: string[];
  /** Undefined if the override resets the setting to its default. */
  value: unknown;
}

/** Path parts that would reach an object's prototype instead of the configuration. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** Size limit of a configuration in bytes: presets have a few thousand. Parsing this many takes a second. */
const MOST_BYTES = 2 ** 19;

/** Maximum number of problems listed in one message. */
const LISTED = 20;

/**
 * Reads, overrides and validates a configuration; returns the plain value with every default filled in.
 *
 * @throws {CadenzaError} `E_CONFIG`, listing every problem: where (file:line:column or the override), key, expected, found, what to do.
 * @example
 * loadConfig(z.strictObject({ width: z.int().default(64) }), { file: 'a.yaml', text: 'width: 32', overrides: ['width=48'] }).width // 48
 */
export function loadConfig<S extends z.ZodType>(schema: S, { file, text, bases = [], overrides = [] }: ConfigInput): z.output<S> {
  const own = openLayer({ file, text: text ?? readConfig(file) }, bases.length > 0 ? ['base'] : []);
  // The name identifies one file: it is the name of the run's folder.
  const layers = [own, ...bases.map(each => openLayer(each, ['base', 'name']))];

  // Computed lazily: most files have no overrides and no errors.
  const known = () => configJsonSchema(schema);
  const problems: string[] = [];
  const applied: Override[] = [];
  const idAt = (path: readonly string[]) => settingAt(known(), [...path, 'id'])?.default;
  let value = layers.reduceRight<unknown>((below, { root }) => layOver(below, root, idAt), undefined);
  for (const override of overrides) {
    try {
      const parsed = parseOverride(override, known());
      value = withValue(value, parsed.path, parsed.value);
      applied.push(parsed);
    } catch (error) {
      if (!(error instanceof CadenzaError)) throw error;
      problems.push(`--set ${override}: ${error.message}`);
    }
  }

  const result = schema.safeParse(value, { reportInput: true });
  // Explaining a problem is slower than finding it, so of thousands of problems only the listed ones are explained.
  const issues = (result.error?.issues ?? []).flatMap(issue => faultsOf(issue).map(path => ({ issue, path })));
  for (const { issue, path } of issues.slice(0, LISTED)) {
    const override = blame(applied, path, issue.code === 'custom');
    const unknown = issue.code === 'unrecognized_keys';
    const where = override ? `--set ${override.text}` : locate(ownerOf(layers, path), path, unknown);
    const sweep = override && (sweepAdvice(override, known()) ?? listAdvice(override, issue));
    const what = sweep ?? explain(issue, { path, root: value, known: known() });
    problems.push(`${where}: ${path.length ? path.join('.') : 'the configuration'}: ${what}`);
  }
  if (problems.length) fail(problems, issues.length - LISTED);
  return result.data as z.output<S>;
}

/**
 * Reads the text of a configuration file, or of standard input for `-`, which can be read only once.
 *
 * @throws {CadenzaError} `E_CONFIG` if it cannot be read, is not UTF-8, or is too large for a configuration.
 */
export function readConfig(file: string): string {
  const text = readText(
    file === '-' ? STDIN : file,
    'E_CONFIG',
    `Expected a YAML configuration in ${process.cwd()}, or the name of a preset, such as dark-room.`,
  );
  const bytes = Buffer.byteLength(text);
  const many = `${bytes} bytes is too large for a configuration; expected at most ${MOST_BYTES}`;
  if (bytes > MOST_BYTES) fail([`${file}: ${many}`]);
  return text;
}

/**
 * The top-level keys of YAML files, which distinguish kinds of configuration.
 *
 * @throws {CadenzaError} `E_CONFIG` if a file cannot be read or is not YAML.
 */
export function topLevelKeys({ file, text, bases = [] }: Omit<ConfigInput, 'overrides'>): string[] {
  const keys = [{ file, text: text ?? readConfig(file) }, ...bases].flatMap(each => {
    const { contents } = parseYaml(each.text, each.file).document;
    return isMap(contents) ? contents.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
  });
  return [...new Set(keys)];
}

/** Where the value at a path is in a file: file:line:column. */
export const placeIn = ({ file, text }: ConfigText, path: Path): string => locate({ file, ...parseYaml(text, file) }, path, false);

/** Formats a value as YAML, with short lists on one line; `loadConfig` reads it back to the same value. */
export function formatConfig(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Seq(_, list) {
      if (list.items.every(isScalar)) list.flow = true;
    },
    // YAML reads escapes of invisible characters only inside quotes.
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && printable(scalar.value) !== scalar.value) scalar.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return printable(document.toString({ lineWidth: 120 }));
}

/** JSON Schema (draft 7) of a configuration file, for completion and checks in editors. */
export function configJsonSchema(schema: z.ZodType): JsonSchema {
  // This takes longer than everything else in reading a file.
  const known = JSON_SCHEMAS.get(schema) ?? (z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as JsonSchema);
  JSON_SCHEMAS.set(schema, known);
  return known;
}

const JSON_SCHEMAS = new WeakMap<z.ZodType, JsonSchema>();

// ---- reading -----------------------------------------------------------------------------------------------------------------

/** A file after parsing. */
interface Layer extends ReturnType<typeof parseYaml> {
  readonly file: string;
  readonly root: Readonly<Record<string, unknown>>;
}

/** Parses a file and drops some of its top-level keys. */
function openLayer({ file, text }: ConfigText, without: readonly string[]): Layer {
  const parsed = parseYaml(text, file);
  const root = parsed.document.toJS() as unknown;
  if (root === null || root === undefined) fail([`${file}: the file is empty; expected a map of keys, such as "name: my-experiment"`]);
  if (!isPlainMap(root)) return fail([`${file}:1:1: expected a map of keys at the top of the file, found ${show(root)}`]);
  return { file, ...parsed, root: Object.fromEntries(Object.entries(root).filter(([key]) => !without.includes(key))) };
}

/** The layer that the value at a path comes from; for a missing value, the layer of the nearest enclosing map or list. */
function ownerOf(layers: readonly Layer[], path: Path): Layer {
  let owners = layers.map(layer => ({ layer, node: layer.root as unknown }));
  for (const part of path) {
    const inner = owners.filter(({ node }) => typeof node === 'object' && node !== null && Object.hasOwn(node, part));
    if (inner.length === 0) break;
    const found = inner.map(({ layer, node }) => ({ layer, node: (node as Record<string | number, unknown>)[part] }));
    // A value that is not a map hides everything below it.
    const end = found.findIndex(({ node }) => !isPlainMap(node));
    owners = end < 0 ? found : found.slice(0, Math.max(1, end));
  }
  return owners[0].layer;
}

/** Plain wording for errors of the YAML library that mention its own functions. */
const PLAIN: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'a second document starts here; expected one. Remove this "---" and everything after it',
  RESOURCE_EXHAUSTION: 'lists and maps are nested too deeply',
};

/**
 * Parses YAML strictly: syntax errors, warnings, tags, duplicate keys and prototype keys are all errors.
 *
 * @param where the file's name; positions are shown as where:line:column. Without it, the text is a value from the command line.
 */
function parseYaml(text: string, where?: string) {
  const lines = new LineCounter();
  // The library's own duplicate check compares every key with every other.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const at = (offset: number) => (where === undefined ? 'the value' : `${where}:${position(lines, offset)}`);
  const deep = document.errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  if (deep) fail([`${at(deep.pos[0])}: ${PLAIN.RESOURCE_EXHAUSTION}`]);
  const directive = /^%\S*/m.exec(text);
  const { yaml, tags } = document.directives!;
  if (directive && (yaml.explicit || Object.keys(tags).length > 1))
    fail([
      `${at(directive.index)}: the directive ${directive[0]} is not supported, because it would change what the values mean; remove it`,
    ]);
  const problems = [...document.errors, ...document.warnings]
    .filter(({ code }) => code !== 'TAG_RESOLVE_FAILED')
    .map(({ code, message, pos }) => `${at(pos[0])}: ${PLAIN[code] ?? `not valid YAML: ${message}`}`);
  visit(document, {
    Node(_, node) {
      if (node.tag !== undefined) problems.push(`${at(tagOffset(text, node))}: ${explainTag(node.tag)}`);
      if (!isMap(node)) return;
      const seen = new Set<string>();
      for (const { key } of node.items) {
        const place = at((isNode(key) && key.range?.[0]) || 0);
        const name = isScalar(key) ? String(key.value) : undefined;
        if (name === undefined) problems.push(`${place}: found a list or map as a key; expected a name`);
        else if (FORBIDDEN.has(name)) problems.push(`${place}: the key "${name}" is not allowed; remove it`);
        else if (seen.has(name)) problems.push(`${place}: the key "${name}" appears twice; keep one of them`);
        else seen.add(name);
      }
    },
  });
  if (problems.length) fail(problems);
  try {
    document.toJS();
  } catch (error) {
    // Nested aliases: a few lines can expand to billions of values.
    const { message } = error as Error;
    const text = message.startsWith('Excessive alias') ? 'its aliases expand to too many values; write the values out' : message;
    fail([`${at(0)}: not valid YAML: ${text}`]);
  }
  return { document, lines };
}

const explainTag = (tag: string) =>
  `the tag ${tag.replace('tag:yaml.org,2002:', '!!')} is not supported; remove it, and quote text that looks like another type`;

/** Where the tag of a node begins, which is before the node itself. */
function tagOffset(text: string, { range }: Node): number {
  let offset = text.lastIndexOf('!', range?.[0]);
  while (text[offset - 1] === '!') offset--;
  return Math.max(0, offset);
}

/** Parses one `a.b=value`. Errors here and in `withValue` do not name the override; the caller does. */
function parseOverride(text: string, known: JsonSchema): Override {
  const equals = text.indexOf('=');
  if (equals < 1) fail(['expected key=value with a dotted key, such as model.width=64']);
  const path = text.slice(0, equals).trim().split('.');
  for (const part of path) {
    if (part === '') fail(['a part of the dotted key is empty; expected key=value, such as model.width=64']);
    if (FORBIDDEN.has(part)) fail([`the key "${part}" is not allowed`]);
  }
  return { text, path, value: parseValue(text.slice(equals + 1), path, known) };
}

/** The value after `=`, exactly as typed. YAML would drop text after a `#` and read a name such as 1e5 as a number. */
function parseValue(text: string, path: readonly string[], known: JsonSchema): unknown {
  const setting = settingAt(known, path);
  const typed = text.trim();
  if (typed === '') fail(['the value after "=" is empty; expected a value, or null for the default']);
  if (typed === 'null') {
    if (!setting) fail([`${path.join('.')}: ${suggestKey(path[path.length - 1], path.slice(0, -1), known)}`]);
    return undefined;
  }
  if (setting?.type === 'string' && !/^["']/.test(typed)) return setting.enum ? typed : text;
  const { document } = parseYaml(text);
  const nodes: { comment?: string | null; commentBefore?: string | null }[] = [document];
  visit(document, { Node: (_, node) => void nodes.push(node) });
  const comment = nodes.flatMap(node => [node.comment, node.commentBefore]).find(Boolean);
  if (comment) fail([`"#${comment}" would be dropped, because # begins a comment in YAML; quote the text, or remove it`]);
  return document.toJS();
}

/** Whether the setting takes a single value rather than a list or a map. */
function takesOne(setting: JsonSchema): boolean {
  const { type, enum: choices, const: only, anyOf } = setting;
  if (Array.isArray(anyOf)) return anyOf.every(takesOne);
  // Options of registered kinds are checked by those kinds; here they pass as numbers.
  return ['number', 'integer', 'boolean', 'string'].includes(String(type)) || Boolean(choices ?? only) || Object.keys(setting).length === 0;
}

/** The values of an override that gives several values to a single-valued setting, as texts; undefined otherwise. */
function severalIn(override: string, known: JsonSchema): Sweep | undefined {
  const equals = override.indexOf('=');
  const key = override.slice(0, Math.max(0, equals)).trim();
  const setting = settingAt(known, key.split('.'));
  const typed = override.slice(equals + 1).trim();
  if (!setting || !takesOne(setting)) return undefined;
  const list = typed.startsWith('[') ? attempt<unknown>(() => parseYaml(typed).document.toJS()) : typed.split(',').map(part => part.trim());
  if (!Array.isArray(list) || list.length < 2) return undefined;
  const values = list.map(String);
  // Text may contain commas of its own.
  const free = setting.type === 'string' && !setting.enum && !typed.startsWith('[');
  return values.every(value => (free ? /^[\w.+-]+$/ : /^[^[\]{},"']+$/).test(value)) ? { key, values } : undefined;
}

/** A setting with several values, as texts in the syntax of overrides. */
export interface Sweep {
  readonly key: string;
  readonly values: readonly string[];
}

/**
 * Splits overrides into those that give a setting one value and those that give several values (separated by commas, or as a list) to a
 * single-valued setting.
 *
 * @example splitSweeps(schema, ['model.latents=2,4', 'seeds=[0, 1]']) // { overrides: ['seeds=[0, 1]'], sweeps: [{ key: 'model.latents',
 * values: ['2', '4'] }] }
 */
export function splitSweeps(schema: z.ZodType, overrides: readonly string[]): { overrides: string[]; sweeps: Sweep[] } {
  // Building the schema takes longer than everything else here.
  const found = overrides.map(text => (/[,[]/.test(text) ? severalIn(text, configJsonSchema(schema)) : undefined));
  return { overrides: overrides.filter((_, i) => !found[i]), sweeps: found.filter(each => each !== undefined) };
}

/** Advice for an override that gives several values to a single-valued setting; undefined otherwise. */
function sweepAdvice({ text, value }: Override, known: JsonSchema): string | undefined {
  if (!severalIn(text, known)) return undefined;
  const instead = 'make them the values of an axis and run cadenza ablate (see experiments/ablations/rate-return.yaml)';
  return `expected one value, found ${show(value)}; to compare several values, pass them to cadenza run, ${instead}, or search among them with cadenza tune`;
}

/** Advice for an override that gives several values without the brackets of a list; undefined otherwise. */
function listAdvice({ path, value }: Override, issue: z.core.$ZodIssue): string | undefined {
  if (issue.code !== 'invalid_type' || issue.expected !== 'array' || issue.path.length < path.length) return undefined;
  if (!['string', 'number'].includes(typeof value)) return undefined;
  return `expected a list, found ${show(value)}; write '${path.join('.')}=[${value}]'`;
}

/**
 * A copy of `node` with `value` at `path`, or without that key if `value` is undefined. It copies because YAML aliases can make two keys
 * share one object.
 */
function withValue(node: unknown, path: readonly string[], value: unknown, done = ''): unknown {
  if (path.length === 0) return value;
  const [key, ...rest] = path;
  const inner = (child: unknown) => withValue(child, rest, value, done ? `${done}.${key}` : key);
  if (Array.isArray(node)) {
    const inside = /^\d+$/.test(key) && Number(key) < node.length;
    if (!inside) fail([`${done} is a list of ${node.length}; expected an index into it, counted from 0, found "${key}"`]);
    if (value === undefined && rest.length === 0) fail([`a list item has no default; give the whole list ${done}`]);
    return node.with(Number(key), inner(node[Number(key)]));
  }
  // A key without a value is null in YAML; an override may still fill it.
  const map = node ?? {};
  if (!isPlainMap(map)) return fail([`expected a map of keys at ${done}, found ${show(map)}`]);
  const changed = inner(Object.hasOwn(map, key) ? map[key] : undefined);
  const { [key]: _, ...others } = map;
  return changed === undefined ? others : { ...map, [key]: changed };
}

// ---- explaining --------------------------------------------------------------------------------------------------------------

/** The paths that one zod issue is about. */
const faultsOf = (issue: z.core.$ZodIssue): Path[] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map(key => [...(issue.path as Path), key]) : [issue.path as Path];

/** Describes the problem at one of them. */
function explain(issue: z.core.$ZodIssue, { path, root, known }: { path: Path; root: unknown; known: JsonSchema }): string {
  if (issue.code === 'unrecognized_keys') return suggestKey(String(path[path.length - 1]), path.slice(0, -1), known);
  // Refinements see values after defaults are filled in; all other checks report the input itself.
  const input = 'input' in issue ? issue.input : valueAt(root, path);
  const options = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const near = typeof input === 'string' && options.length > 1 ? `; the nearest is "${nearest(input, options)}"` : '';
  const quotes = expectsText(issue) && ['number', 'boolean'].includes(typeof input) ? '; quote it' : '';
  return `${expected(issue)}, found ${show(input)}${near}${quotes}`;
}

const expectsText = (issue: z.core.$ZodIssue) => issue.code === 'invalid_type' && issue.expected === 'string';

/**
 * The last override that wrote the value at `path` or a part of it. A check across fields (`siblings`) is reported at one field, though an
 * override of another may have broken it.
 */
function blame(applied: readonly Override[], path: Path, siblings: boolean): Override | undefined {
  const direct = applied.findLast(({ path: set }) => isPrefix(set, path) || isPrefix(path, set));
  if (direct || !siblings) return direct;
  return applied.findLast(({ path: set }) => set.length === path.length && path.length > 1 && isPrefix(path.slice(0, -1), set));
}

const TYPE_NAMES: Record<string, string> = {
  int: 'an integer',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  object: 'a map of keys',
  record: 'a map of keys',
  array: 'a list',
};

/** zod's own message, for schemas without a custom one. */
const standard = z.locales.en().localeError;

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1 ? `expected ${String(issue.values[0])}` : `expected one of ${issue.values.map(String).join(', ')}`;
    // A bound with a message of ours states its own reason.
    case 'too_small':
    case 'too_big': {
      if (issue.message !== standard({ input: undefined, ...issue })) return issue.message;
      const [limit, inside, outside] =
        issue.code === 'too_small' ? [issue.minimum, 'at least', 'more than'] : [issue.maximum, 'at most', 'less than'];
      return `expected ${issue.inclusive ? inside : outside} ${limit}${unit(issue.origin, limit)}`;
    }
    case 'not_multiple_of':
      return `expected a multiple of ${issue.divisor}`;
    default:
      // Refinements, patterns and unions: the schema's message says what was expected.
      return issue.message;
  }
}

function unit(origin: string, n: number | bigint): string {
  const noun = { array: ' item', string: ' character' }[origin];
  return noun ? noun + (Number(n) === 1 ? '' : 's') : '';
}

/** file:line:column of the value at `path`; of the key if it is unknown; of the deepest ancestor in the file if it is absent. */
function locate({ file, document, lines }: Pick<Layer, 'file' | 'document' | 'lines'>, path: Path, unknown: boolean): string {
  let node: unknown = document.contents;
  let offset = 0;
  for (const [depth, part] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && node.items[Number(part)]) {
      node = node.items[Number(part)];
      offset = (node as Node).range?.[0] ?? offset;
    } else break;
    if (!unknown && depth === path.length - 1 && (isScalar(node) || isSeq(node))) offset = node.range?.[0] ?? offset;
  }
  return `${file}:${position(lines, offset)}`;
}

function position(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${line}:${col}`;
}

const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce((node: unknown, part) => (node as Record<string | number, unknown> | undefined)?.[part], root);

/** A value as the user may have written it, truncated to a readable length. */
function show(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

const isPrefix = (short: Path, long: Path) => short.length <= long.length && short.every((part, i) => String(part) === String(long[i]));

/** Throws an error that lists the problems, or the first of them if there are many; `others` counts problems that were not explained. */
function fail(problems: readonly string[], others = 0): never {
  const listed = problems.slice(0, LISTED);
  const count = problems.length + Math.max(0, others);
  const more = count > listed.length ? `\n  and ${count - listed.length} more` : '';
  throw new CadenzaError('E_CONFIG', count === 1 ? problems[0] : `${count} problems:\n  ${listed.join('\n  ')}${more}`);
}
