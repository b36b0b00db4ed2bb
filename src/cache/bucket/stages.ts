/**
 * @file The stages of runs in a bucket, for other machines: finished ones in `stages/`, as in the folder of a run; the states of unfinished
 * ones in `states/`; and `locks/`.
 *
 * The record of a finished stage, stage.json, is written last, so a stage is there whole or not at all. So is a state: its files are named by
 * their hashes, and state.json lists them.
 */

import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { attempt, CadenzaError } from '../../util/errors.ts';
import { isTemporary, makeFolder, sha256, writeFileAtomic } from '../../util/files.ts';
import { self } from '../../util/lock.ts';
import { CHECKPOINT, checkpointStep } from '../checkpoint.ts';
import { filesOfManifest, MANIFEST, type SharedStages } from '../store.ts';
import { type Bucket, openBucket } from './objects.ts';
import { markUsed } from './trim.ts';

/** Milliseconds between two looks whether a running stage has a new state to store. */
const LOOK = 2_000;

/** Milliseconds without a heartbeat after which the lock of another machine counts as abandoned. */
const SILENCE = 60_000;

const STATE = 'state.json';

const stateSchema = z.strictObject({ step: z.int().min(0), files: z.record(z.string(), z.string()) });

/** How a bucket is used. */
export interface BucketOptions {
  /** Milliseconds without a heartbeat after which the lock of another machine counts as abandoned. Default: a minute. */
  readonly silence?: number;
}

/** Opens the stages in a bucket. Throws like `openBucket`. */
export async function openStages(address: string, { silence = SILENCE }: BucketOptions = {}): Promise<SharedStages> {
  const bucket = await openBucket(address);
  const finished = new Set<string>();
  const [stagePath, statePath] = ['stages', 'states'].map(kind => (name: string) => `${kind}/${name}/`);

  /** The names of the files of a finished stage; undefined if it is not there. */
  async function find(name: string): Promise<readonly string[] | undefined> {
    const below = stagePath(name);
    const files = (await bucket.list(below)).map(each => each.name.slice(below.length));
    if (!files.includes(MANIFEST)) return undefined;
    finished.add(name);
    return files;
  }

  async function download(object: string, file: string, expected?: string): Promise<void> {
    const found = await bucket.download(object, file);
    if (found !== undefined && (expected === undefined || found === expected)) return;
    rmSync(file, { force: true });
    const what =
      found === undefined ? 'is missing' : `was modified: expected SHA-256 ${expected?.slice(0, 16)}…, found ${found.slice(0, 16)}…`;
    const stage = object.split('/').slice(0, 2).join('/');
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${bucket.address}/${object} ${what}. Delete ${stage} in the bucket; then the same command runs this stage again.`,
    );
  }

  const removeAll = async (below: string) => {
    for (const { name } of await bucket.list(below)) await bucket.remove(name);
  };

  async function pushState(folder: string): Promise<void> {
    const below = statePath(basename(folder));
    // The checkpoint first: metrics of later steps are dropped on resuming, but missing ones could not be restored.
    const names = [CHECKPOINT, ...ownFiles(folder).filter(name => name !== CHECKPOINT)];
    const contents = names.map(name => readFileSync(join(folder, name)));
    const step = Number(checkpointStep(folder) ?? 0);
    const files = Object.fromEntries(names.map((name, i) => [name, sha256(contents[i])]));
    const there = (await bucket.list(below)).map(({ name }) => name.slice(below.length));
    for (const [i, name] of names.entries()) if (!there.includes(files[name])) await bucket.write(below + files[name], contents[i]);
    await bucket.write(below + STATE, JSON.stringify({ step, files } satisfies z.output<typeof stateSchema>));
    const kept = [STATE, ...Object.values(files)];
    for (const name of there) if (!kept.includes(name)) await bucket.remove(below + name);
  }

  return {
    address,
    isFinished: name => finished.has(name),
    async look() {
      for (const { name } of await bucket.list('stages/')) {
        const [, stage, file] = name.split('/');
        if (file === MANIFEST) finished.add(stage);
      }
    },
    async pull(folder) {
      const name = basename(folder);
      const names = await find(name);
      if (!names) return false;
      const below = stagePath(name);
      const manifest = (await bucket.read(below + MANIFEST)) ?? '';
      const hashes = filesOfManifest(manifest, `${bucket.address}/${below}${MANIFEST}`);
      // Whatever was there is not finished.
      rmSync(folder, { recursive: true, force: true });
      makeFolder(folder);
      for (const file of new Set([...names.filter(file => file !== MANIFEST), ...Object.keys(hashes)]))
        await download(below + file, join(folder, file), hashes[file]);
      writeFileAtomic(join(folder, MANIFEST), manifest);
      markUsed(folder);
      return true;
    },
    async push(folder) {
      const name = basename(folder);
      if (!finished.has(name) && !(await find(name))) {
        for (const file of ownFiles(folder).filter(file => file !== MANIFEST))
          await bucket.upload(stagePath(name) + file, join(folder, file));
        await bucket.upload(stagePath(name) + MANIFEST, join(folder, MANIFEST));
        finished.add(name);
        await removeAll(statePath(name));
      }
      markUsed(folder);
    },
    async pullState(folder, say) {
      const below = statePath(basename(folder));
      const text = await bucket.read(below + STATE);
      const state = text === undefined ? undefined : attempt(() => stateSchema.parse(JSON.parse(text)));
      if (!state || state.step <= Number(checkpointStep(folder) ?? -1)) return;
      const copy = join(dirname(folder), `.${basename(folder)}.state`);
      rmSync(copy, { recursive: true, force: true });
      makeFolder(copy);
      try {
        for (const [name, hash] of Object.entries(state.files)) await download(below + hash, join(copy, name), hash);
        rmSync(folder, { recursive: true, force: true });
        renameSync(copy, folder);
        say(`continues at step ${state.step}, from the state in ${address}`);
      } catch (error) {
        if (!(error instanceof CadenzaError && error.code === 'E_CHECKPOINT')) throw error;
        say(`continues without the state of step ${state.step} in ${address}: ${error.message}`);
      } finally {
        rmSync(copy, { recursive: true, force: true });
      }
    },
    follow(folder, say) {
      let [stored, storing] = [0, Promise.resolve()];
      const store = async () => {
        const time = statSync(join(folder, CHECKPOINT), { throwIfNoEntry: false })?.mtimeMs ?? 0;
        if (time === 0 || time === stored) return;
        stored = time;
        // The outputs themselves must be stored; without this state, at most some steps would be repeated.
        await pushState(folder).catch(error => say(`this state of the stage was not stored: ${(error as Error).message}`));
      };
      const next = () => {
        storing = storing.then(store);
        return storing;
      };
      const timer = setInterval(next, LOOK).unref();
      return () => {
        clearInterval(timer);
        return next();
      };
    },
    claim: (name, options) => claimIn(bucket, `locks/${name}/`, { silence, ...options }),
  };
}

/** The files of a stage: all but temporary ones and those that are hidden. */
const ownFiles = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
    entry.isFile() && !entry.name.startsWith('.') && !isTemporary(entry.name) ? [entry.name] : [],
  );

/**
 * Acquires a lock in a bucket. A process that wants it writes an object of its own, and has it if a list then shows no other; otherwise it
 * removes its object and waits. Two that want it at once both see each other, so both wait, for random times. The owner changes its object as a
 * heartbeat. Only these changes matter, so clocks need not agree.
 */
async function claimIn(
  bucket: Bucket,
  below: string,
  { silence, signal, onWait }: { readonly silence: number } & Parameters<SharedStages['claim']>[1],
): ReturnType<SharedStages['claim']> {
  const own = below + randomUUID();
  const { host, pid } = self();
  let beats = 0;
  const write = () => bucket.write(own, JSON.stringify({ host, pid, beats: beats++ }));
  const watches = new Map<string, { tag: string; since: number }>();
  /** The locks of others, without abandoned ones, which it removes. */
  const others = async () => {
    const found = [];
    for (const { name, tag } of await bucket.list(below)) {
      if (name === own) continue;
      const watch = watches.get(name);
      if (watch?.tag !== tag) watches.set(name, { tag, since: performance.now() });
      else if (performance.now() - watch.since >= silence) {
        await bucket.remove(name);
        continue;
      }
      found.push(name);
    }
    return found;
  };
  for (;;) {
    signal.throwIfAborted();
    const [holder] = await others();
    if (!holder) {
      await write();
      if ((await others()).length === 0) break;
      await bucket.remove(own);
    } else onWait?.(await waitingFor(bucket, holder, silence));
    await setTimeout(silence / 60 + (Math.random() * silence) / 60, undefined, { signal }).catch(() => {});
  }
  const lost = new AbortController();
  let [renewing, released] = [Promise.resolve(), false];
  const renew = async () => {
    if (released) return;
    const there = await bucket.list(own);
    if (there.length > 0) return write();
    lost.abort(new CadenzaError('E_EXECUTOR', `another machine took over ${bucket.address}/${below}, as this one gave no sign of life`));
  };
  // If a heartbeat cannot be written now, the next one may succeed.
  const timer = setInterval(() => {
    renewing = renewing.then(renew).catch(() => {});
  }, silence / 6).unref();
  return {
    signal: lost.signal,
    async release() {
      released = true;
      clearInterval(timer);
      await renewing;
      await bucket.remove(own).catch(() => {});
    },
  };
}

/** Says who has a lock. */
async function waitingFor(bucket: Bucket, lock: string, silence: number): Promise<string> {
  const text = await bucket.read(lock);
  const holder = attempt(() => JSON.parse(text!) as { host: string; pid: number });
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
  return `Waiting for ${who}, which is doing the same work. If it is gone, this goes on after ${Math.round(silence / 1000)} seconds without a heartbeat.`;
}
