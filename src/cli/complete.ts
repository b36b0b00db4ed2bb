/** @file Candidates for the word that a user is typing, for shell completion. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Argument, Command, Option } from 'commander';
import { type PresetKind, presetFile, presets } from '../config/presets.ts';
import { STAGE_COMMANDS } from '../training/stages/names.ts';
import { attempt } from '../util/errors.ts';
import { packedPath } from '../util/files.ts';
import type { JsonSchema } from '../util/suggest.ts';

/** A word and an optional description. The shell adds no space after a word that ends with "=" or ".". */
export type Candidate = readonly [word: string, about?: string];

/** The position of the word: its command, and the arguments before it. */
interface Place {
  readonly command: Command;
  readonly given: readonly string[];
  readonly current: string;
}

/** The candidates for the last of the words after `cadenza`. Empty if the shell should complete file names. */
export async function complete(program: Command, words: readonly string[]): Promise<Candidate[]> {
  const before = [...words];
  const current = before.pop() ?? '';
  let command = program;
  let asking: Option | undefined;
  const given: string[] = [];
  for (const word of before) {
    if (asking) asking = undefined;
    else if (word.startsWith('-'))
      asking = optionsOf(command).find(({ long, short, required }) => required && [long, short].includes(word));
    else {
      const inner = given.length === 0 ? command.commands.find(each => each.name() === word) : undefined;
      if (inner) command = inner;
      else given.push(word);
    }
  }
  const found = await candidates({ command, given, current }, asking);
  return found.filter(([word]) => word.startsWith(current));
}

/** Options of a command and of its parents. */
const optionsOf = (command: Command): Option[] => [...command.options, ...(command.parent ? optionsOf(command.parent) : [])];

async function candidates(place: Place, asking: Option | undefined): Promise<readonly Candidate[]> {
  const { command, given, current } = place;
  if (asking) return asking.argChoices ? plain(asking.argChoices) : ((await OPTIONS[asking.long!]?.(place)) ?? []);
  if (current.startsWith('-'))
    return optionsOf(command).flatMap(({ long, hidden, description }): Candidate[] => (long && !hidden ? [[long, description]] : []));
  const commands = command.createHelp().visibleCommands(command);
  if (commands.length > 0 && given.length === 0) return commands.map(each => [each.name(), each.description()] as const);
  const { registeredArguments: args } = command;
  const argument: Argument | undefined = args[given.length] ?? (args.at(-1)?.variadic ? args.at(-1) : undefined);
  if (!argument) return [];
  return argument.argChoices ? plain(argument.argChoices) : plain(ARGUMENTS[argument.name()]?.(current) ?? []);
}

const plain = (words: readonly string[]): Candidate[] => words.map(word => [word]);

/** YAML files and folders that match an incomplete path. */
function yamlAt(current: string): string[] {
  const folder = current.slice(0, current.lastIndexOf('/') + 1);
  const entries = attempt(() => readdirSync(folder || '.', { withFileTypes: true })) ?? [];
  return entries.flatMap(entry => {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') return [];
    // List folders only after a path was started, because folders are not experiments.
    if (entry.isDirectory()) return current === '' ? [] : [`${folder}${entry.name}/`];
    return /\.ya?ml$/.test(entry.name) ? [`${folder}${entry.name}`] : [];
  });
}

const preset = (kind: PresetKind) => (current: string) => [...presets(kind), ...yamlAt(current)];

/** Folders in `runs` that contain runs. */
const runs = (): string[] =>
  (attempt(() => readdirSync('runs')) ?? []).flatMap(name => {
    const folder = join('runs', name);
    return existsSync(packedPath(join(folder, 'results.json'))) || existsSync(join(folder, 'stages')) ? [folder] : [];
  });

/** Candidates by argument name. */
const ARGUMENTS: Readonly<Record<string, (current: string) => string[]>> = {
  experiment: preset('experiment'),
  ablation: preset('ablation'),
  run: runs,
  other: runs,
  folders: runs,
};

/** Candidates by option, for options without fixed choices. */
const OPTIONS: Readonly<Record<string, (place: Place) => Candidate[] | Promise<Candidate[]>>> = {
  '--set': settings,
  '--until': () => Object.entries(STAGE_COMMANDS),
  '--space': ({ current }) => plain(preset('search space')(current)),
  '--run': () => plain(runs()),
};

/** Dotted settings, completed one part at a time and followed by "=", then the values of settings with fixed choices. */
async function settings({ given: [file], current }: Place): Promise<Candidate[]> {
  const [{ configJsonSchema, topLevelKeys }, { readLayers }, { KINDS }, { settingAt, settingPaths }] = await Promise.all([
    import('../util/config.ts'),
    import('../config/bases.ts'),
    import('../pipeline/kinds.ts'),
    import('../util/suggest.ts'),
  ]);
  const keys = file === undefined || file === '-' ? [] : (attempt(() => topLevelKeys(readLayers(presetFile('experiment')(file)))) ?? []);
  const kind = KINDS.find(({ key }) => key && keys.includes(key)) ?? KINDS.find(({ key }) => !key)!;
  const schema = configJsonSchema(kind.schema());
  const equals = current.indexOf('=');
  if (equals > 0) {
    const key = current.slice(0, equals);
    return valuesOf(settingAt(schema, key.split('.'))).map(value => [`${key}=${value}`]);
  }
  const next = new Map<string, string | undefined>();
  for (const path of settingPaths(schema).filter(path => path.startsWith(current))) {
    const dot = path.indexOf('.', current.length);
    if (dot >= 0) next.set(path.slice(0, dot + 1), undefined);
    else next.set(`${path}=`, settingAt(schema, path.split('.'))?.description as string | undefined);
  }
  return [...next];
}

function valuesOf(setting: JsonSchema | undefined): string[] {
  const { type, enum: choices, const: only, anyOf } = setting ?? {};
  if (Array.isArray(anyOf)) return anyOf.flatMap(valuesOf);
  if (only !== undefined) return [String(only)];
  return Array.isArray(choices) ? choices.map(String) : type === 'boolean' ? ['true', 'false'] : [];
}
