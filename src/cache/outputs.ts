/**
 * @file The outputs in the folder of a run: results, model, reports and their config.yaml. They always belong to one configuration; outputs of
 * another one are moved to `earlier/` first. Stages of many configurations can share the folder.
 */

import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isMap } from '../util/canonical.ts';
import { formatConfig } from '../util/config.ts';
import { makeFolder, packedPath, readBytes, removeLeftovers, sha256, writeFileAtomic } from '../util/files.ts';
import type { Progress } from '../util/progress.ts';
import { RECORD_FILE } from './run-record.ts';

export const CONFIG_FILE = 'config.yaml';

/** Names of outputs, which move together with config.yaml. All other files belong to the user. */
const OUTPUT = /^((results|returns|rate-return|tune|best)\.(json(\.br)?|yaml|html|svg|png)|model|report|inspect)$/;

/** Maximum number of changed settings in one line. */
const LISTED = 5;

/** Opens the folder for the outputs of a configuration. Prints a note if it contains outputs of another one. */
export function openOutputs(out: string, config: unknown, progress: Progress) {
  removeLeftovers(out, name => OUTPUT.test(name) || [CONFIG_FILE, RECORD_FILE, '.began'].includes(name));
  for (const folder of ['model', 'report', 'inspect']) removeLeftovers(join(out, folder), () => true);
  const text = formatConfig(config);
  const other = otherConfig(out, text);
  if (other !== undefined) {
    const changed = changes(readSettings(other), readSettings(text));
    const listed = [...changed.slice(0, LISTED), ...(changed.length > LISTED ? [`and ${changed.length - LISTED} more`] : [])];
    progress.say(
      `${out} contains results of another configuration (${listed.join('; ') || `another ${CONFIG_FILE}`}). ` +
        `They will be moved to ${freeFolder(out, other)} when the new results are written. Finished stages are reused where settings agree.`,
    );
  }
  return {
    /**
     * Replaces the outputs with those that `write` writes, and writes config.yaml last. Outputs of another configuration are moved away first.
     * A process that is killed in between leaves no config.yaml that does not match the model.
     */
    async replace<T>(write: () => Promise<T>): Promise<T> {
      moveEarlier(out, text);
      const result = await write();
      writeFileAtomic(join(out, CONFIG_FILE), text);
      return result;
    },
  };
}

/** Whether the folder contains the results of a configuration. */
export const hasResults = (out: string, config: unknown): boolean =>
  [CONFIG_FILE, 'results.json'].every(name => existsSync(packedPath(join(out, name)))) &&
  otherConfig(out, formatConfig(config)) === undefined;

/** The text of the folder's config.yaml, if it differs from `text`. */
function otherConfig(out: string, text: string): string | undefined {
  const path = join(out, CONFIG_FILE);
  const found = existsSync(path) ? new TextDecoder().decode(readBytes(path, 'E_DISK', 'Move it away, or choose another --out.')) : text;
  return found === text ? undefined : found;
}

/** The folder's outputs, with config.yaml last, so that it marks an incomplete move. */
const outputsIn = (out: string) => [...readdirSync(out).filter(name => OUTPUT.test(name)), CONFIG_FILE];

/** An unused folder below `earlier/` for the outputs of a configuration. */
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

/** The settings in a config.yaml; undefined if it is not readable. */
function readSettings(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The differences between two configurations, such as `split.seed: 0 → 3`. */
function changes(before: unknown, after: unknown, path = ''): string[] {
  if (isMap(before) && isMap(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap(key => changes(before[key], after[key], path ? `${path}.${key}` : key));
  }
  const [from, to] = [before, after].map(value => (value === undefined ? 'not set' : JSON.stringify(value)));
  return from === to ? [] : [`${path}: ${from} → ${to}`];
}
