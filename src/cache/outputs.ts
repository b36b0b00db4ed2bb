/**
 * @file What a command leaves in the folder of a run besides stages: results, model, reports, and the config.yaml that they are of. Stages of
 * many configurations lie side by side; these are of one, and those of another go to `earlier/` before the first is replaced.
 */

import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isMap } from '../util/canonical.ts';
import { formatConfig } from '../util/config.ts';
import { makeFolder, packedPath, readBytes, removeLeftovers, sha256, writeFileAtomic } from '../util/files.ts';
import type { Progress } from '../util/progress.ts';

export const CONFIG_FILE = 'config.yaml';

/** Names of what is moved with config.yaml. Everything else in the folder is somebody's own. */
const OUTPUT = /^((results|returns|rate-return|tune|best)\.(json(\.gz)?|yaml|html|svg|png)|model|report|inspect)$/;

/** Differing settings that one line lists at most. */
const LISTED = 5;

/** Opens the folder for the outputs of a configuration, and says so where it holds those of another. */
export function openOutputs(out: string, config: unknown, progress: Progress) {
  removeLeftovers(out, name => OUTPUT.test(name) || [CONFIG_FILE, '.began'].includes(name));
  for (const folder of ['model', 'report', 'inspect']) removeLeftovers(join(out, folder), () => true);
  const text = formatConfig(config);
  const other = otherConfig(out, text);
  if (other !== undefined) {
    const changed = changes(readSettings(other), readSettings(text));
    const listed = [...changed.slice(0, LISTED), ...(changed.length > LISTED ? [`and ${changed.length - LISTED} more`] : [])];
    progress.say(
      `${out} has results of another configuration (${listed.join('; ') || `another ${CONFIG_FILE}`}). ` +
        `They are moved to ${freeFolder(out, other)} when the new ones are written; finished stages are shared.`,
    );
  }
  return {
    /**
     * Replaces the outputs by those that `write` writes, and last config.yaml. What is there of another configuration is moved away first; a
     * process that dies meanwhile leaves no config.yaml that does not belong to the model beside it.
     */
    async replace<T>(write: () => Promise<T>): Promise<T> {
      moveEarlier(out, text);
      const result = await write();
      writeFileAtomic(join(out, CONFIG_FILE), text);
      return result;
    },
  };
}

/** Whether the folder has the results of a configuration. */
export const hasResults = (out: string, config: unknown): boolean =>
  [CONFIG_FILE, 'results.json'].every(name => existsSync(packedPath(join(out, name)))) &&
  otherConfig(out, formatConfig(config)) === undefined;

/** The text of the folder's config.yaml, if it has one and it is another. */
function otherConfig(out: string, text: string): string | undefined {
  const path = join(out, CONFIG_FILE);
  const found = existsSync(path) ? new TextDecoder().decode(readBytes(path, 'E_DISK', 'Move it away, or choose another --out.')) : text;
  return found === text ? undefined : found;
}

/** The folder's outputs, config.yaml last: as long as it is there, they have not all been moved. */
const outputsIn = (out: string) => [...readdirSync(out).filter(name => OUTPUT.test(name)), CONFIG_FILE];

/** Where outputs of a configuration go: a folder that has none of them yet. */
function freeFolder(out: string, config: string): string {
  const name = join(out, 'earlier', sha256(config).slice(0, 12));
  const names = outputsIn(out);
  for (let i = 1; ; i++) {
    const folder = i === 1 ? name : `${name}-${i}`;
    if (!names.some(output => existsSync(join(folder, output)))) return folder;
  }
}

function moveEarlier(out: string, text: string): void {
  const other = otherConfig(out, text);
  if (other === undefined) return;
  const folder = freeFolder(out, other);
  makeFolder(folder);
  for (const name of outputsIn(out)) renameSync(join(out, name), join(folder, name));
}

/** What a config.yaml says; nothing where somebody has made it unreadable. */
function readSettings(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The settings in which two configurations differ, such as `split.seed: 0 → 3`. */
function changes(before: unknown, after: unknown, path = ''): string[] {
  if (isMap(before) && isMap(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap(key => changes(before[key], after[key], path ? `${path}.${key}` : key));
  }
  const [from, to] = [before, after].map(value => (value === undefined ? 'not set' : JSON.stringify(value)));
  return from === to ? [] : [`${path}: ${from} → ${to}`];
}
