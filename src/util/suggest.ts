/**
 * @file Suggestions for an unknown setting: the same name elsewhere, a synonym from the literature or other libraries, or a similar
 * spelling.
 */

import { editDistance } from './nearest.ts';

/** The parts of a JSON Schema that are used here. */
export interface JsonSchema {
  [keyword: string]: unknown;
  type?: unknown;
  enum?: unknown;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  propertyNames?: { enum?: readonly string[] };
  /** The setting's former name, if it was renamed. */
  formerly?: string;
}

type Path = readonly (string | number)[];

/** Settings by their names in the literature and other libraries, ignoring case, `_` and `-`. */
const CALLED: Readonly<Record<string, readonly string[]>> = {
  latents: ['m', 'numlatents'],
  'retrieval.contexts': ['k'],
  learningRate: ['lr'],
  width: ['dmodel', 'embeddim', 'hiddendim', 'hiddensize'],
  batch: ['batchsize', 'bs'],
  clip: ['gradclip', 'maxgradnorm'],
  warmup: ['warmupsteps'],
  weightDecay: ['wd'],
  encoderLayers: ['layers', 'nlayers', 'numlayers'],
  decoderLayers: ['layers', 'nlayers', 'numlayers'],
  heads: ['nheads', 'numheads'],
  'context.episodes': ['contextlength'],
  'context.segments': ['contextlength'],
  steps: ['iterations', 'numsteps', 'maxsteps'],
  streams: ['numenvs', 'nenvs'],
  provider: ['device'],
  threads: ['numworkers'],
};

const plain = (name: string) => name.toLowerCase().replaceAll(/[_-]/g, '');

/** Maximum number of suggestions in one message. */
const LISTED = 6;

/** The schema of the setting at a path; undefined if there is none. */
export function settingAt(schema: JsonSchema, path: Path): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>((node, part) => {
    if (node?.items && /^\d+$/.test(String(part))) return node.items;
    const rest = typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined;
    return node?.properties && Object.hasOwn(node.properties, part) ? node.properties[part] : rest;
  }, schema);
}

/** Dotted paths of all settings at and below a node that are values rather than maps. Lists are not entered. */
function leavesOf(node: JsonSchema, path: Path): string[] {
  if (!node.properties) return [path.join('.')];
  return Object.entries(node.properties).flatMap(([key, child]) => leavesOf(child, [...path, key]));
}

/** Dotted paths of all settings of a configuration. */
export const settingPaths = (schema: JsonSchema): string[] => leavesOf(schema, []);

/** What the unknown `key` in the map at `path` may have meant. */
export function suggestKey(key: string, path: Path, schema: JsonSchema): string {
  const here = settingAt(schema, path) ?? {};
  const names = [...Object.keys(here.properties ?? {}), ...(here.propertyNames?.enum ?? [])];
  const renamed = names.find(name => here.properties?.[name]?.formerly === key);
  if (renamed) return `renamed to "${[...path, renamed].join('.')}"; write that instead`;
  const siblings = names.map(name => [...path, name].join('.'));
  const found = similar(lastPart(key), [siblings, here.properties ? leavesOf(here, path) : [], leavesOf(schema, [])]);
  // In a long list the relevant names would be hard to find.
  const all = names.length > 0 && names.length <= 10 ? ` (expected one of ${names.join(', ')})` : '';
  // Several settings elsewhere with this name are no hint where few names are possible here.
  const vague = all !== '' && found.length > 1 && !found.some(each => siblings.includes(each));
  if (found.length > 0 && !vague) {
    const listed = found.slice(0, LISTED).map(each => `"${each}"`);
    const more = found.length > LISTED ? ` and ${found.length - LISTED} more` : '';
    return `unknown key; ${found.length === 1 ? 'the nearest known key is' : 'known keys are'} ${listed.join(', ')}${more}${all}`;
  }
  return names.length === 0 ? 'unknown key; no keys are expected here' : `unknown key; expected one of ${names.join(', ')}`;
}

const lastPart = (path: string) => path.slice(path.lastIndexOf('.') + 1);

/** Paths that a name may mean: the same name, else a synonym, else a similar spelling, each from the first place that has one. */
function similar(key: string, places: readonly (readonly string[])[]): string[] {
  const meant = Object.keys(CALLED).filter(setting => CALLED[setting].includes(plain(key)));
  const distances = new Map<string, number>();
  const distance = (path: string) => {
    const name = lastPart(path);
    if (!distances.has(name)) distances.set(name, editDistance(key.toLowerCase(), name.toLowerCase()));
    return distances.get(name)!;
  };
  // Fewer letters, or more than one edit in three, make a different word.
  const slips = key.length < 3 || key.length > 60 ? -1 : Math.max(1, Math.floor(key.length / 3));
  const ways: ((paths: readonly string[]) => string[])[] = [
    paths => paths.filter(path => plain(lastPart(path)) === plain(key)),
    paths => paths.filter(path => meant.some(name => path.endsWith(`.${name}`))),
    paths => {
      const near = slips < 0 ? [] : paths.filter(path => distance(path) <= slips);
      const least = Math.min(...near.map(distance));
      return near.filter(path => distance(path) === least);
    },
  ];
  for (const way of ways) {
    const found = places.map(way).find(paths => paths.length > 0);
    if (found) return found;
  }
  return [];
}
