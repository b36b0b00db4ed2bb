/**
 * @file One YAML file and its command-line overrides, checked against a zod schema once, at the edge of the program. Node only.
 * Everything that can be wrong with them is found in one go and said in one `E_CONFIG` error that points at the line and column,
 * or at the override, that caused it.
 */

import { readFileSync } from 'node:fs';
import { Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, Scalar, visit } from 'yaml';
import { z } from 'zod';
import { CadenzaError } from './errors.ts';
import { nearest } from './nearest.ts';
import { printable } from './text.ts';

type Path = readonly (string | number)[];

/** Where a configuration comes from. */
export interface ConfigInput {
  /** Path of the YAML file; names it in errors even when `text` is given. */
  file: string;
  /** The file's text, when it is already at hand. */
  text?: string;
  /** `a.b=value` texts, applied in order; values are YAML (`3e-4`, `[1, 2]`, `true`). */
  overrides?: readonly string[];
}

interface Override {
  text: string;
  path: string[];
  value: unknown;
}

/** Path parts that would reach an object's prototype instead of the configuration. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads, overrides and validates a configuration; gives the plain value with every default filled in.
 *
 * @throws {CadenzaError} `E_CONFIG`, listing every problem: where (file:line:column or the override), key, expected, came, what to do.
 * @example
 * loadConfig(z.strictObject({ width: z.int().default(64) }), { file: 'a.yaml', text: 'width: 32', overrides: ['width=48'] }).width // 48
 */
export function loadConfig<S extends z.ZodType>(schema: S, { file, text, overrides = [] }: ConfigInput): z.output<S> {
  const { document, lines } = parseYaml(text ?? readText(file), position => `${file}:${position}`);
  const root = document.toJS() as unknown;
  if (root === null || root === undefined) fail([`${file}: the file is empty; expected a map of keys, such as "name: my-experiment"`]);
  if (!isPlainMap(root)) fail([`${file}:1:1: expected a map of keys at the top of the file, came ${show(root)}`]);

  const problems: string[] = [];
  const applied: Override[] = [];
  let value: unknown = root;
  for (const override of overrides) {
    try {
      const parsed = parseOverride(override);
      value = withValue(value, parsed.path, parsed.value);
      applied.push(parsed);
    } catch (error) {
      if (!(error instanceof CadenzaError)) throw error;
      problems.push(`--set ${override}: ${error.message}`);
    }
  }

  const result = schema.safeParse(value, { reportInput: true });
  if (!result.success) {
    const known = configJsonSchema(schema);
    for (const issue of result.error.issues) {
      for (const { path, unknown, text: explanation } of explain(issue, value, known)) {
        const override = blame(applied, path, issue.code === 'custom');
        const where = override ? `--set ${override.text}` : `${file}:${locate(document, lines, path, unknown)}`;
        problems.push(`${where}: ${path.length ? path.join('.') : 'the configuration'}: ${explanation}`);
      }
    }
  }
  if (problems.length) fail(problems);
  return result.data as z.output<S>;
}

/** The keys at the top of a YAML file, to tell kinds of configuration apart. Throws `E_CONFIG` where it cannot be read or is not YAML. */
export function topLevelKeys({ file, text }: Pick<ConfigInput, 'file' | 'text'>): string[] {
  const { document } = parseYaml(text ?? readText(file), position => `${file}:${position}`);
  return isMap(document.contents) ? document.contents.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
}

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
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as JsonSchema;
}

/** The parts of a JSON Schema that are read here. */
export interface JsonSchema {
  [keyword: string]: unknown;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
}

// ---- reading -----------------------------------------------------------------------------------------------------------------

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'this is a folder' : `it cannot be read (${code ?? String(error)})`;
    return fail([`${file}: ${reason}; expected a YAML configuration such as experiments/dark-room.yaml`]);
  }
}

/** Parses YAML strictly: syntax errors, warnings, duplicate and prototype-reaching keys are all refused. `where` turns line:column into a place. */
function parseYaml(text: string, where: (position: string) => string) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => where(position(lines, offset));
  const problems = [...document.errors, ...document.warnings].map(error =>
    error.code === 'DUPLICATE_KEY'
      ? `${at(error.pos[0])}: the key "${/^[^:\s]*/.exec(text.slice(error.pos[0]))?.[0]}" is there twice; keep one of them`
      : `${at(error.pos[0])}: not valid YAML: ${error.message}`,
  );
  visit(document, {
    Pair(_, { key }) {
      const name = isScalar(key) ? String(key.value) : '';
      if (FORBIDDEN.has(name)) problems.push(`${at((key as Node).range?.[0] ?? 0)}: the key "${name}" is not allowed; remove it`);
    },
  });
  if (problems.length) fail(problems);
  try {
    document.toJS();
  } catch (error) {
    fail([`${at(0)}: not valid YAML: ${(error as Error).message}`]);
  }
  return { document, lines };
}

/** Reads one `a.b=value`. Failures, here and in `withValue`, leave it to the caller to name the override. */
function parseOverride(text: string): Override {
  const equals = text.indexOf('=');
  if (equals < 1) fail(['expected key=value with a dotted key, such as model.width=64']);
  const path = text.slice(0, equals).trim().split('.');
  for (const part of path) {
    if (part === '') fail(['a part of the dotted key is empty; expected key=value, such as model.width=64']);
    if (FORBIDDEN.has(part)) fail([`the key "${part}" is not allowed`]);
  }
  return { text, path, value: parseYaml(text.slice(equals + 1), () => 'the value').document.toJS() };
}

/** A copy of `node` with `value` at `path`. Copies, because YAML aliases make two keys share one object. */
function withValue(node: unknown, path: readonly string[], value: unknown, done = ''): unknown {
  if (path.length === 0) return value;
  const [key, ...rest] = path;
  const inner = (child: unknown) => withValue(child, rest, value, done ? `${done}.${key}` : key);
  if (Array.isArray(node)) {
    const inside = /^\d+$/.test(key) && Number(key) < node.length;
    if (!inside) fail([`${done} is a list of ${node.length}; expected a position in it, counted from 0, came "${key}"`]);
    return node.with(Number(key), inner(node[Number(key)]));
  }
  // A key without a value in the file is null: an override may still fill it.
  const map = node ?? {};
  if (!isPlainMap(map)) return fail([`expected a map of keys at ${done}, came ${show(map)}`]);
  return { ...map, [key]: inner(Object.hasOwn(map, key) ? map[key] : undefined) };
}

// ---- explaining --------------------------------------------------------------------------------------------------------------

interface Explanation {
  path: Path;
  /** The key at the end of `path` is the fault, not its value. */
  unknown: boolean;
  text: string;
}

/** What is wrong, for each key that one zod issue is about. */
function explain(issue: z.core.$ZodIssue, root: unknown, known: JsonSchema): Explanation[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({ path: [...path, key], unknown: true, text: explainUnknown(key, knownKeys(known, path)) }));
  }
  // Refinements see values after the defaults; everything else reports the input that it refused.
  const input = 'input' in issue ? issue.input : valueAt(root, path);
  const options = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const hint = typeof input === 'string' && options.length > 1 ? `; the nearest is "${nearest(input, options)}"` : '';
  return [{ path, unknown: false, text: `${expected(issue)}, came ${show(input)}${hint}` }];
}

function explainUnknown(key: string, keys: readonly string[]): string {
  if (keys.length === 0) return 'unknown key; no keys are expected here';
  // A long list hides the one name that matters.
  const list = keys.length <= 10 ? ` (expected one of ${keys.join(', ')})` : '';
  return `unknown key; the nearest known key is "${nearest(key, keys)}"${list}`;
}

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

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1 ? `expected ${String(issue.values[0])}` : `expected one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unit(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `expected ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unit(issue.origin, issue.maximum)}`;
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

/** The keys that the schema knows at `path`. */
function knownKeys(schema: JsonSchema, path: Path): string[] {
  let node: JsonSchema | undefined = schema;
  for (const part of path) {
    const rest: JsonSchema | undefined = typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined;
    node = typeof part === 'number' ? node?.items : (node?.properties?.[part] ?? rest);
  }
  return Object.keys(node?.properties ?? {});
}

/** line:column of the value at `path`; of its key if it is unknown; of the deepest ancestor in the file if it is absent. */
function locate(document: Document, lines: LineCounter, path: Path, unknown: boolean): string {
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
  return position(lines, offset);
}

function position(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${line}:${col}`;
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce((node: unknown, part) => (node as Record<string | number, unknown> | undefined)?.[part], root);
}

/** A value as the user may have written it, cut to a readable length. */
function show(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

const isPrefix = (short: Path, long: Path) => short.length <= long.length && short.every((part, i) => String(part) === String(long[i]));

const isPlainMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fail(problems: readonly string[]): never {
  const [first] = problems;
  throw new CadenzaError('E_CONFIG', problems.length === 1 ? first : `${problems.length} problems:\n  ${problems.join('\n  ')}`);
}
