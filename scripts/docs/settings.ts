/** @file The page of settings, from the schemas that check experiment files. */

import { BASE, baseField } from '../../src/config/bases.ts';
import { KINDS } from '../../src/pipeline/kinds.ts';
import { configJsonSchema, type JsonSchema } from '../../src/util/config.ts';
import { code, type Entry, list, page, sentence } from './markdown.ts';

/** What JSON Schema says of one setting. */
type Node = JsonSchema & {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly additionalProperties?: unknown;
};

/** Settings that hold any of the others. */
const WHOLE = ['tables[].set'];

export function settingsPage(): string {
  const base = configJsonSchema(baseField) as Node;
  return page(
    'Settings',
    'Every setting of an [experiment file](../how-to/experiments.md), from the schema that checks it. A setting without a default may be left out; ' +
      'only `name` is required. `npx cadenza config print FILE` shows the values of one experiment; `npx cadenza config schema` ' +
      'prints the schema for editors. Options of environments, sources and other kinds are on the page [Kinds](kinds.md).',
    ...KINDS.map(kind => kindPart(kind.name, { [BASE]: base, ...(configJsonSchema(kind.schema()) as Node).properties })),
  );
}

function kindPart(kind: string, properties: Readonly<Record<string, Node>>): string {
  const own = Object.entries(properties).filter(([, node]) => !node.properties);
  const sections = Object.entries(properties).filter(([, node]) => node.properties);
  const anchor = (name: string) => `{#${kind}-${name}}`;
  return [
    `## Experiments of the kind ${kind} ${anchor('settings')}`,
    list(own.flatMap(([name, node]) => entries(name, node))),
    ...sections.map(([name, node]) =>
      [
        `### \`${name}\` ${anchor(name)}`,
        sentence(`${node.description ?? ''}.`.replace(/\.\.$/, '.')),
        list(Object.entries(node.properties!).flatMap(([key, each]) => entries(`${name}.${key}`, each))),
      ].join('\n\n'),
    ),
  ].join('\n\n');
}

/** An entry for a setting, and for those below it. */
function entries(path: string, node: Node): Entry[] {
  const nested = node.properties ?? node.anyOf?.find(each => each.properties)?.properties ?? node.items?.properties;
  const at = node.items?.properties ? `${path}[]` : path;
  const byDefault = node.default === undefined || nested ? '' : `default ${code(JSON.stringify(node.default))}`;
  return [
    { name: path, facts: [plainType(node), byDefault, range(node)], about: node.description ?? '' },
    ...(WHOLE.includes(path) ? [] : Object.entries(nested ?? {}).flatMap(([key, each]) => entries(`${at}.${key}`, each))),
  ];
}

function plainType(node: Node): string {
  if (node.enum) return node.enum.map(value => code(String(value))).join(', ');
  if (node.const !== undefined) return code(String(node.const));
  if (node.anyOf) return [...new Set(node.anyOf.map(plainType))].join(' or ');
  if (node.type === 'array') return node.items ? `list of ${plainType(node.items)}` : 'list';
  if (node.type === 'object') return 'map';
  const names: Readonly<Record<string, string>> = { integer: 'whole number', number: 'number', string: 'text', boolean: 'true or false' };
  return names[String(node.type)] ?? 'any';
}

/** Bounds, unless they are those of the type. */
function range(node: Node): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node.items && !node.items.properties ? node.items : node;
  const [least, most] = [minimum ?? exclusiveMinimum, maximum ?? exclusiveMaximum];
  const low = least === undefined || least <= Number.MIN_SAFE_INTEGER ? '' : `${minimum === undefined ? '>' : '≥'} ${format(least)}`;
  const high = most === undefined || most >= Number.MAX_SAFE_INTEGER ? '' : `${maximum === undefined ? '<' : '≤'} ${format(most)}`;
  return [low, high].filter(Boolean).join(', ');
}

const format = (value: number) => value.toLocaleString('en-US', { maximumSignificantDigits: 8 });
