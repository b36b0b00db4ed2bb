/**
 * @file One YAML file with those that it builds on and its command-line overrides, checked against a zod schema once, at the edge of the program. Node only.
 * Everything that can be wrong with them is found in one go and said in one `E_CONFIG` error that points at the line and column,
 * or at the override, that caused it.
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
  /** Path of the YAML file, `-` for standard input; names it in errors even when `text` is given. */
  file: string;
  /** The file's text, when it is already at hand. */
  text?: string;
  /** Files over whose keys those of the file are laid, the one right below it first. Their names do not pass on to it. */
  bases?: readonly ConfigText[];
  /**
   * `a.b=value` texts, applied in order. The value of a text setting is taken as it stands, unless it is in quotes; all others are YAML (`3e-4`,
   * `[1, 2]`, `true`). `null` goes back to the default.
   */
  overrides?: readonly string[];
}

interface Override {
  text: string;
  path: string[];
  /** Undefined where the setting goes back to its default. */
  value: unknown;
}

/** Path parts that would reach an object's prototype instead of the configuration. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** Bytes of a configuration: the presets take a few thousand. Parsing takes a second for so many, and grows with them. */
const MOST_BYTES = 2 ** 19;

/** Problems that one message lists at most. */
const LISTED = 20;

/**
 * Reads, overrides and validates a configuration; gives the plain value with every default filled in.
 *
 * @throws {CadenzaError} `E_CONFIG`, listing every problem: where (file:line:column or the override), key, expected, came, what to do.
 * @example
 * loadConfig(z.strictObject({ width: z.int().default(64) }), { file: 'a.yaml', text: 'width: 32', overrides: ['width=48'] }).width // 48
 */
export function loadConfig<S extends z.ZodType>(schema: S, { file, text, bases = [], overrides = [] }: ConfigInput): z.output<S> {
  const own = openLayer({ file, text: text ?? readConfig(file) }, bases.length > 0 ? ['base'] : []);
  // A name is that of one file: it names the folder of a run.
  const layers = [own, ...bases.map(each => openLayer(each, ['base', 'name']))];

  // Computed late: most files have no overrides and no faults.
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
  // Explaining takes longer than finding: of thousands of problems only those that are listed are explained.
  const issues = (result.error?.issues ?? []).flatMap(issue => faultsOf(issue).map(path => ({ issue, path })));
  for (const { issue, path } of issues.slice(0, LISTED)) {
    const override = blame(applied, path, issue.code === 'custom');
    const unknown = issue.code === 'unrecognized_keys';
    const where = override ? `--set ${override.text}` : locate(ownerOf(layers, path), path, unknown);
    const sweep = override && sweepAdvice(override, known());
    const what = sweep ?? explain(issue, { path, root: value, known: known() });
    problems.push(`${where}: ${path.length ? path.join('.') : 'the configuration'}: ${what}`);
  }
  if (problems.length) fail(problems, issues.length - LISTED);
  return result.data as z.output<S>;
}

/**
 * The text of a configuration file, `-` for standard input, which can be read once only.
 *
 * @throws {CadenzaError} `E_CONFIG` where it cannot be read, is not UTF-8, or is too large for a configuration.
 */
export function readConfig(file: string): string {
  const text = readText(file === '-' ? STDIN : file, 'E_CONFIG', 'Expected a YAML configuration such as experiments/dark-room.yaml.');
  const bytes = Buffer.byteLength(text);
  const many = `${bytes} bytes are too many for a configuration; expected at most ${MOST_BYTES}, because the presets have a few thousand`;
  if (bytes > MOST_BYTES) fail([`${file}: ${many}`]);
  return text;
}

/** The keys at the top of YAML files, to tell kinds of configuration apart. Throws `E_CONFIG` where one cannot be read or is not YAML. */
export function topLevelKeys({ file, text, bases = [] }: Omit<ConfigInput, 'overrides'>): string[] {
  const keys = [{ file, text: text ?? readConfig(file) }, ...bases].flatMap(each => {
    const { contents } = parseYaml(each.text, each.file).document;
    return isMap(contents) ? contents.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
  });
  return [...new Set(keys)];
}

/** Where the value at a path stands in a file: file:line:column. */
export const placeIn = ({ file, text }: ConfigText, path: Path): string => locate({ file, ...parseYaml(text, file) }, path, false);

/** The value as YAML, short lists on one line; `loadConfig` reads it back to the same value. */
export function formatConfig(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Seq(_, list) {
      if (list.items.every(isScalar)) list.flow = true;
    },
    // In quotes, YAML reads the escapes of what cannot be seen.
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && printable(scalar.value) !== scalar.value) scalar.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return printable(document.toString({ lineWidth: 120 }));
}

/** JSON Schema (draft 7) of what a user may write, for completion and checks in editors. */
export function configJsonSchema(schema: z.ZodType): JsonSchema {
  // It takes longer than all the rest of reading a file.
  const known = JSON_SCHEMAS.get(schema) ?? (z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as JsonSchema);
  JSON_SCHEMAS.set(schema, known);
  return known;
}

const JSON_SCHEMAS = new WeakMap<z.ZodType, JsonSchema>();

// ---- reading -----------------------------------------------------------------------------------------------------------------

/** A file as it was read. */
interface Layer extends ReturnType<typeof parseYaml> {
  readonly file: string;
  readonly root: Readonly<Record<string, unknown>>;
}

/** Reads a file, without some keys at its top. */
function openLayer({ file, text }: ConfigText, without: readonly string[]): Layer {
  const parsed = parseYaml(text, file);
  const root = parsed.document.toJS() as unknown;
  if (root === null || root === undefined) fail([`${file}: the file is empty; expected a map of keys, such as "name: my-experiment"`]);
  if (!isPlainMap(root)) return fail([`${file}:1:1: expected a map of keys at the top of the file, came ${show(root)}`]);
  return { file, ...parsed, root: Object.fromEntries(Object.entries(root).filter(([key]) => !without.includes(key))) };
}

/** The layer that the value at a path comes from; where nothing is there, that of the map or list in which it would stand. */
function ownerOf(layers: readonly Layer[], path: Path): Layer {
  let owners = layers.map(layer => ({ layer, node: layer.root as unknown }));
  for (const part of path) {
    const inner = owners.filter(({ node }) => typeof node === 'object' && node !== null && Object.hasOwn(node, part));
    if (inner.length === 0) break;
    const found = inner.map(({ layer, node }) => ({ layer, node: (node as Record<string | number, unknown>)[part] }));
    // What is no map hides what is below it.
    const end = found.findIndex(({ node }) => !isPlainMap(node));
    owners = end < 0 ? found : found.slice(0, Math.max(1, end));
  }
  return owners[0].layer;
}

/** Faults whose texts in the YAML library speak of its functions. */
const PLAIN: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'a second document begins here; expected one, so remove this "---" and what follows',
  RESOURCE_EXHAUSTION: 'lists and maps are nested too deeply to be read',
};

/**
 * Parses YAML strictly: syntax errors, warnings, tags, duplicate and prototype-reaching keys are all refused.
 *
 * @param where the file's name; places in it are shown as where:line:column. Without one, the text is a value on the command line.
 */
function parseYaml(text: string, where?: string) {
  const lines = new LineCounter();
  // The library's own check of duplicates compares every key with every other.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const at = (offset: number) => (where === undefined ? 'the value' : `${where}:${position(lines, offset)}`);
  const deep = document.errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  if (deep) fail([`${at(deep.pos[0])}: ${PLAIN.RESOURCE_EXHAUSTION}`]);
  const directive = /^%\S*/m.exec(text);
  const { yaml, tags } = document.directives!;
  if (directive && (yaml.explicit || Object.keys(tags).length > 1))
    fail([`${at(directive.index)}: the directive ${directive[0]} is not read, because it would change what the values mean; remove it`]);
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
        if (name === undefined) problems.push(`${place}: a list or map stands where a key is needed; expected a name`);
        else if (FORBIDDEN.has(name)) problems.push(`${place}: the key "${name}" is not allowed; remove it`);
        else if (seen.has(name)) problems.push(`${place}: the key "${name}" is there twice; keep one of them`);
        else seen.add(name);
      }
    },
  });
  if (problems.length) fail(problems);
  try {
    document.toJS();
  } catch (error) {
    // Aliases of aliases: a few lines can stand for billions of values.
    const { message } = error as Error;
    const text = message.startsWith('Excessive alias') ? 'its aliases repeat too much; write the values out' : message;
    fail([`${at(0)}: not valid YAML: ${text}`]);
  }
  return { document, lines };
}

const explainTag = (tag: string) =>
  `the tag ${tag.replace('tag:yaml.org,2002:', '!!')} is not read; remove it, and put a text that looks like something else in quotes`;

/** Where the tag of a node begins: before the node itself. */
function tagOffset(text: string, { range }: Node): number {
  let offset = text.lastIndexOf('!', range?.[0]);
  while (text[offset - 1] === '!') offset--;
  return Math.max(0, offset);
}

/** Reads one `a.b=value`. Failures, here and in `withValue`, leave it to the caller to name the override. */
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

/** What stands after the `=`: exactly what was typed, or nothing. YAML would drop what follows a `#`, and read a name such as 1e5 as a number. */
function parseValue(text: string, path: readonly string[], known: JsonSchema): unknown {
  const setting = settingAt(known, path);
  const typed = text.trim();
  if (typed === '') fail(['there is nothing after "="; expected a value, or null for the default']);
  if (typed === 'null') {
    if (!setting) fail([`${path.join('.')}: ${suggestKey(path[path.length - 1], path.slice(0, -1), known)}`]);
    return undefined;
  }
  if (setting?.type === 'string' && !/^["']/.test(typed)) return setting.enum ? typed : text;
  const { document } = parseYaml(text);
  const nodes: { comment?: string | null; commentBefore?: string | null }[] = [document];
  visit(document, { Node: (_, node) => void nodes.push(node) });
  const comment = nodes.flatMap(node => [node.comment, node.commentBefore]).find(Boolean);
  if (comment) fail([`"#${comment}" would be dropped, because # begins a comment in YAML; put the text in quotes, or remove it`]);
  return document.toJS();
}

/** Whether the setting takes one value rather than a list or a map. */
function takesOne(setting: JsonSchema): boolean {
  const { type, enum: choices, const: only, anyOf } = setting;
  if (Array.isArray(anyOf)) return anyOf.every(takesOne);
  // Options of kinds are checked by these; they are numbers.
  return ['number', 'integer', 'boolean', 'string'].includes(String(type)) || Boolean(choices ?? only) || Object.keys(setting).length === 0;
}

/** The values of an override that gives several to a setting of one, as texts; undefined where it does not. */
function severalIn(override: string, known: JsonSchema): Sweep | undefined {
  const equals = override.indexOf('=');
  const key = override.slice(0, Math.max(0, equals)).trim();
  const setting = settingAt(known, key.split('.'));
  const typed = override.slice(equals + 1).trim();
  if (!setting || !takesOne(setting)) return undefined;
  const list = typed.startsWith('[') ? attempt<unknown>(() => parseYaml(typed).document.toJS()) : typed.split(',').map(part => part.trim());
  if (!Array.isArray(list) || list.length < 2) return undefined;
  const values = list.map(String);
  // A text may have commas of its own.
  const free = setting.type === 'string' && !setting.enum && !typed.startsWith('[');
  return values.every(value => (free ? /^[\w.+-]+$/ : /^[^[\]{},"']+$/).test(value)) ? { key, values } : undefined;
}

/** A setting with several values, which are texts as after the `=` of an override. */
export interface Sweep {
  readonly key: string;
  readonly values: readonly string[];
}

/**
 * Divides overrides into those that give a setting its value, and those that give several values, with commas or as a list, to a setting that
 * takes one.
 *
 * @example splitSweeps(schema, ['model.latents=2,4', 'seeds=[0, 1]']) // { overrides: ['seeds=[0, 1]'], sweeps: [{ key: 'model.latents', values: ['2', '4'] }] }
 */
export function splitSweeps(schema: z.ZodType, overrides: readonly string[]): { overrides: string[]; sweeps: Sweep[] } {
  // The schema takes longer than all the rest.
  const found = overrides.map(text => (/[,[]/.test(text) ? severalIn(text, configJsonSchema(schema)) : undefined));
  return { overrides: overrides.filter((_, i) => !found[i]), sweeps: found.filter(each => each !== undefined) };
}

/** What to do about an override that gives several values to a setting of one; undefined where it does not. */
function sweepAdvice({ text, value }: Override, known: JsonSchema): string | undefined {
  if (!severalIn(text, known)) return undefined;
  const instead = 'make them the values of an axis and run cadenza ablate (see experiments/ablations/rate-return.yaml)';
  return `expected one value, came ${show(value)}; to compare several, give them to cadenza run, ${instead}, or search among them with cadenza tune`;
}

/** A copy of `node` with `value` at `path`, without it where that is undefined. Copies, because YAML aliases make two keys share one object. */
function withValue(node: unknown, path: readonly string[], value: unknown, done = ''): unknown {
  if (path.length === 0) return value;
  const [key, ...rest] = path;
  const inner = (child: unknown) => withValue(child, rest, value, done ? `${done}.${key}` : key);
  if (Array.isArray(node)) {
    const inside = /^\d+$/.test(key) && Number(key) < node.length;
    if (!inside) fail([`${done} is a list of ${node.length}; expected a position in it, counted from 0, came "${key}"`]);
    if (value === undefined && rest.length === 0) fail([`an item of a list has no default; give all of ${done}`]);
    return node.with(Number(key), inner(node[Number(key)]));
  }
  // A key without a value in the file is null: an override may still fill it.
  const map = node ?? {};
  if (!isPlainMap(map)) return fail([`expected a map of keys at ${done}, came ${show(map)}`]);
  const changed = inner(Object.hasOwn(map, key) ? map[key] : undefined);
  const { [key]: _, ...others } = map;
  return changed === undefined ? others : { ...map, [key]: changed };
}

// ---- explaining --------------------------------------------------------------------------------------------------------------

/** The places that one zod issue is about. */
const faultsOf = (issue: z.core.$ZodIssue): Path[] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map(key => [...(issue.path as Path), key]) : [issue.path as Path];

/** What is wrong at one of them. */
function explain(issue: z.core.$ZodIssue, { path, root, known }: { path: Path; root: unknown; known: JsonSchema }): string {
  if (issue.code === 'unrecognized_keys') return suggestKey(String(path[path.length - 1]), path.slice(0, -1), known);
  // Refinements see values after the defaults; everything else reports the input that it refused.
  const input = 'input' in issue ? issue.input : valueAt(root, path);
  const options = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const near = typeof input === 'string' && options.length > 1 ? `; the nearest is "${nearest(input, options)}"` : '';
  const quotes = expectsText(issue) && ['number', 'boolean'].includes(typeof input) ? '; put it in quotes' : '';
  return `${expected(issue)}, came ${show(input)}${near}${quotes}`;
}

const expectsText = (issue: z.core.$ZodIssue) => issue.code === 'invalid_type' && issue.expected === 'string';

/**
 * The last override that wrote the value at `path`, or a part of it. A check across fields (`siblings`) is reported at one of them
 * though an override of another may have broken it.
 */
function blame(applied: readonly Override[], path: Path, siblings: boolean): Override | undefined {
  const direct = applied.findLast(({ path: set }) => isPrefix(set, path) || isPrefix(path, set));
  if (direct || !siblings) return direct;
  return applied.findLast(({ path: set }) => set.length === path.length && path.length > 1 && isPrefix(path.slice(0, -1), set));
}

const TYPE_NAMES: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  object: 'a map of keys',
  record: 'a map of keys',
  array: 'a list',
};

/** What zod says of an issue whose schema has no message of its own. */
const standard = z.locales.en().localeError;

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1 ? `expected ${String(issue.values[0])}` : `expected one of ${issue.values.map(String).join(', ')}`;
    // A bound of ours says its reason itself.
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
      // Refinements, patterns and unions: the schema's own message says what was expected.
      return issue.message;
  }
}

function unit(origin: string, n: number | bigint): string {
  const noun = { array: ' item', string: ' character' }[origin];
  return noun ? noun + (Number(n) === 1 ? '' : 's') : '';
}

/** file:line:column of the value at `path`; of its key if it is unknown; of the deepest ancestor in the file if it is absent. */
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

/** A value as the user may have written it, cut to a readable length. */
function show(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

const isPrefix = (short: Path, long: Path) => short.length <= long.length && short.every((part, i) => String(part) === String(long[i]));

/** Throws the problems, the first ones of them where they are many; `others` have not been written out. */
function fail(problems: readonly string[], others = 0): never {
  const listed = problems.slice(0, LISTED);
  const count = problems.length + Math.max(0, others);
  const more = count > listed.length ? `\n  and ${count - listed.length} more` : '';
  throw new CadenzaError('E_CONFIG', count === 1 ? problems[0] : `${count} problems:\n  ${listed.join('\n  ')}${more}`);
}
